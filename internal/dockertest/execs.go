package dockertest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// run is one exec.
type run struct {
	id, box string
	asked   container.ExecOptions
	code    int
}

// Waits as a program's exit code means that it goes on until the container is stopped.
const Waits = -1

// program plays the test image's one program. Tests of other rooms replace it for their own commands by Server.Program.
func program(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) < 2 || args[0] != "/tool" {
		return 127
	}
	switch args[1] {
	case "echo":
		fmt.Fprintln(stdout, args[2])
	case "both":
		fmt.Fprintln(stdout, "out")
		fmt.Fprintln(stderr, "err")
	case "cat":
		_, _ = io.Copy(stdout, stdin)
	case "exit":
		code, _ := strconv.Atoi(args[2])
		return code
	case "wait":
		fmt.Fprintln(stdout, "ready")
		return Waits
	}
	return 0
}

// Program replaces what commands do; it gets the whole command line and may return Waits for a container's main one.
func (s *Server) Program(p func(args []string, stdin io.Reader, stdout, stderr io.Writer) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.program = p
}

// runMain plays a container's main process. Callers hold the lock.
func (s *Server) runMain(b *box) (code int, ends bool) {
	var stdout, stderr bytes.Buffer
	code = s.program(slices.Concat(b.Config.Entrypoint, b.Config.Cmd), strings.NewReader(""), &stdout, &stderr)
	for stream, text := range map[byte]string{1: stdout.String(), 2: stderr.String()} {
		for one := range strings.Lines(text) {
			b.write(stream, one)
		}
	}
	return code, code != Waits
}

func (s *Server) createExec(c call) {
	s.with(c, func(b *box) {
		var asked container.ExecOptions
		switch err := json.Unmarshal(c.Body, &asked); {
		case err != nil || len(asked.Cmd) == 0:
			fail(c.w, http.StatusBadRequest, "No exec command specified")
		case !b.State.Running:
			fail(c.w, http.StatusConflict, "Container %s is not running", b.ID)
		case b.State.Paused:
			fail(c.w, http.StatusConflict, "Container %s is paused, unpause the container before exec", b.ID)
		default:
			x := &run{id: s.newID(), box: b.ID, asked: asked}
			s.execs[x.id] = x
			answerStatus(c.w, http.StatusCreated, container.ExecCreateResponse{ID: x.id})
		}
	})
}

// startExec runs a command, on the raw connection unless it is detached.
func (s *Server) startExec(c call) {
	s.mu.Lock()
	x, play := s.execs[c.name], s.program
	s.mu.Unlock()
	if x == nil {
		fail(c.w, http.StatusNotFound, "No such exec instance: %s", c.name)
		return
	}
	if x.asked.Detach {
		s.finish(x, play(x.asked.Cmd, strings.NewReader(""), io.Discard, io.Discard))
		c.w.WriteHeader(http.StatusOK)
		return
	}
	conn, buffered, err := c.w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	kind := "application/vnd.docker.raw-stream"
	fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", kind)
	out := &framed{w: conn, tty: x.asked.Tty, stream: 1}
	errs := &framed{w: conn, tty: x.asked.Tty, stream: 2}
	code := play(x.asked.Cmd, input(x, buffered), out, errs)
	s.finish(x, code)
	if code == 127 {
		fmt.Fprintf(out, "OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown\r\n", x.asked.Cmd[0])
	}
	drain(conn, buffered)
}

// drain ends a connection so that what was said on it arrives: closed with input unread, the kernel resets it.
func drain(conn net.Conn, in io.Reader) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the far end may be gone already
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // a terminal is never at its end
	_, _ = io.Copy(io.Discard, in)
}

func (s *Server) finish(x *run, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.code = code
}

func input(x *run, from *bufio.ReadWriter) io.Reader {
	if !x.asked.AttachStdin {
		return strings.NewReader("")
	}
	return from
}

func (s *Server) resizeExec(c call) { c.w.WriteHeader(http.StatusOK) }

func (s *Server) inspectExec(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.execs[c.name]
	if x == nil {
		fail(c.w, http.StatusNotFound, "No such exec instance: %s", c.name)
		return
	}
	answer(c.w, container.ExecInspect{ExecID: x.id, ContainerID: x.box, ExitCode: x.code})
}

// framed writes one of the two streams of an output.
type framed struct {
	w      io.Writer
	tty    bool
	stream byte
}

func (f *framed) Write(p []byte) (int, error) {
	writeFrame(f.w, f.tty, f.stream, p)
	return len(p), nil
}

// writeFrame puts the stream's number and the length before some output; a terminal has but one stream and no frames.
func writeFrame(w io.Writer, tty bool, stream byte, text []byte) {
	if !tty {
		header := [8]byte{stream}
		binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
		_, _ = w.Write(header[:])
	}
	_, _ = w.Write(text)
}
