package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

const (
	readAhead  = 128 << 10 // an engine writes 32 KiB at a time
	keptErrors = 4 << 10   // the last bytes of standard error
)

// Stream starts a command in a running container and gives its standard input and output for as long as it runs; of
// x only the command, user, folder and environment count. ctx bounds the start alone. Close ends a Read and the
// command's input, by which the command must end: the engine cannot kill an exec. CloseWrite ends the input only.
// What the command wrote to standard error, or why it did not run, is in the error of the Read at its end.
func (e *Engine) Stream(ctx context.Context, id string, x sandbox.Exec) (io.ReadWriteCloser, error) {
	made, err := e.docker.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: x.User, WorkingDir: x.Dir, Env: x.Env, Cmd: x.Command,
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, e.explain(e.called(ctx, id), err)
	}
	conn, err := e.docker.ContainerExecAttach(ctx, made.ID, container.ExecStartOptions{})
	if err != nil {
		_, err = e.refused(ctx, id, err)
		return nil, err
	}
	name := strings.Join(x.Command[:min(2, len(x.Command))], " ")
	return &execStream{conn: conn, name: name, in: bufio.NewReaderSize(conn.Reader, readAhead)}, nil
}

// execStream is a running command's standard input and output. Reads are for one goroutine.
type execStream struct {
	conn types.HijackedResponse
	name string // of the command, for errors
	once sync.Once

	in     *bufio.Reader
	stream stdcopy.StdType // of the frame that is being read
	left   uint32          // bytes of its payload still to come
	errs   []byte          // the last of standard error
	runs   bool            // the command's own output has begun
}

// Write writes to the command's standard input.
func (s *execStream) Write(p []byte) (int, error) { return s.conn.Conn.Write(p) }

// CloseWrite ends the command's standard input.
func (s *execStream) CloseWrite() error { return s.conn.CloseWrite() }

// Close ends both.
func (s *execStream) Close() error {
	s.once.Do(s.conn.Close)
	return nil
}

// Read reads the command's standard output: the payloads of the engine's frames.
func (s *execStream) Read(p []byte) (int, error) {
	for {
		if err := s.frame(); err != nil {
			return 0, err
		}
		n, err := s.in.Read(p[:min(len(p), int(s.left))])
		s.left -= uint32(n)
		if err != nil {
			return n, s.end(err)
		}
		if s.stream == stdcopy.Stdout {
			if err := s.refusal(p[:n]); err != nil {
				return 0, err
			}
			return n, nil
		}
		s.errs = append(s.errs, p[:n]...)
		s.errs = s.errs[max(0, len(s.errs)-keptErrors):]
	}
}

// frame reads heads until there is a payload to come.
func (s *execStream) frame() error {
	var head [8]byte // stream, three zeros, length (4)
	for s.left == 0 {
		if _, err := io.ReadFull(s.in, head[:]); err != nil {
			return s.end(err)
		}
		s.stream, s.left = stdcopy.StdType(head[0]), binary.BigEndian.Uint32(head[4:])
		if s.stream != stdcopy.Stdout && s.stream != stdcopy.Stderr {
			return fmt.Errorf("%s: the engine sends stream %d, which is none", s.name, head[0])
		}
	}
	return nil
}

// refusal tells what the engine says in place of the command's output, in one piece. Nothing else comes then.
func (s *execStream) refusal(first []byte) error {
	if s.runs {
		return nil
	}
	s.runs = true
	if !slices.ContainsFunc(refusals, func(r string) bool { return bytes.HasPrefix(first, []byte(r)) }) {
		return nil
	}
	return understood(s.name, errors.New(string(first)))
}

// end is how the output ends: EOF, or what standard error said.
func (s *execStream) end(err error) error {
	said := strings.TrimSpace(string(s.errs))
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case said != "":
		return fault.New(fault.Failure, "", "%s: %s", s.name, words(said[strings.LastIndexByte(said, '\n')+1:]))
	case s.left > 0:
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}
