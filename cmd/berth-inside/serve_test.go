package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/internal/tunnel"
)

func TestWhoListens(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for _, row := range []struct {
		about, line string
		want        tunnel.Ports
	}{
		{"on 127.0.0.1", "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1", tunnel.Ports{8000}},
		{"on every address", "   0: 00000000:1F41 00000000:0000 0A 0", tunnel.Ports{8001}},
		{"on every address of IPv6", "   0: 00000000000000000000000000000000:1F42 00000000000000000000000000000000:0000 0A 0", tunnel.Ports{8002}},
		{"on 127.0.0.1 as IPv6 has it", "   0: 0000000000000000FFFF00000100007F:1F42 00000000000000000000000000000000:0000 0A 0", tunnel.Ports{8002}},
		{"on ::1 alone, where nobody dials", "   0: 00000000000000000000000001000000:1F42 00000000000000000000000000000000:0000 0A 0", nil},
		{"on another address", "   0: 020011AC:1F40 00000000:0000 0A 0", nil},
		{"a connection", "   0: 0100007F:1F40 0100007F:A000 01 0", nil},
		{"a line cut off", "   0: 0100007F:1F40", nil},
		{"a port that is none", "   0: 0100007F:XYZ 00000000:0000 0A 0", nil},
	} {
		if got := listeners(head + row.line + "\n"); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.about, got, row.want)
		}
	}
}

func TestThisMachinesTablesAreRead(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := uint16(listener.Addr().(*net.TCPAddr).Port)
	if got := listening(tunnel.Ports{1, port}); !slices.Equal(got, tunnel.Ports{port}) {
		t.Errorf("%v listen", got)
	}
}

func TestPausesGrow(t *testing.T) {
	for _, row := range []struct {
		pause  time.Duration
		ready  bool
		waited time.Duration
		want   time.Duration
	}{
		{time.Millisecond, false, 0, 1500 * time.Microsecond},
		{mostPause, false, time.Minute, mostPause},
		{mostPause, false, patience, 30 * time.Millisecond}, // a server that never comes costs little
		{mostPause, true, 0, 30 * time.Millisecond},         // so does a desktop that was not started
		{longestPause, true, 0, longestPause},
	} {
		if got := nextPause(row.pause, row.ready, row.waited); got != row.want {
			t.Errorf("after %s: %s, want %s", row.pause, got, row.want)
		}
	}
}

// process is berth-inside serve as the engine runs it.
type process struct {
	*exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	errs *strings.Builder
}

func (p process) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p process) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p process) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }

func startServe(t *testing.T, args ...string) process {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin(t), "starter"), append([]string{"serve"}, args...)...)
	cmd.Env = []string{"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1"} // the agent's, to be ignored
	p := process{Cmd: cmd, errs: new(strings.Builder)}
	cmd.Stderr = p.errs
	var err1, err2 error
	p.in, err1 = cmd.StdinPipe()
	p.out, err2 = cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); p.Close() })
	return p
}

// ended waits for the process and gives its exit code.
func (p process) ended(t *testing.T) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- p.Wait() }()
	select {
	case <-done:
		return p.ProcessState.ExitCode()
	case <-time.After(10 * time.Second):
		t.Fatal("it lingers")
		return -1
	}
}

// answering is a server that is ready once open is closed.
func answering(t *testing.T, open <-chan struct{}) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-open:
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

func TestServeSaysWhoListensThenReadyAndEndsWithItsTunnel(t *testing.T) {
	open := make(chan struct{})
	port := answering(t, open)
	p := startServe(t, "--stdio", "--port", strconv.Itoa(int(port)))
	host, err := tunnel.Exec(t.Context(), p, tunnel.Ports{port})
	if err != nil {
		t.Fatal(err, p.errs)
	}
	if s := <-host.Status(); s.Ready || !slices.Equal(s.Listening, tunnel.Ports{port}) {
		t.Errorf("before the first 200: %+v", s)
	}
	close(open)
	if s := <-host.Status(); !s.Ready {
		t.Errorf("after it: %+v", s)
	}
	host.Close()
	if code := p.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestServeOverASocketEndsWithItsInput(t *testing.T) {
	parent, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	listener, err := tunnel.Listen(filepath.Join(parent, "run"), []uint32{uint32(os.Geteuid())})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := startServe(t, "--socket", listener.Path())
	fmt.Fprintln(p, listener.Nonce())
	host, err := listener.Accept(t.Context(), nil)
	if err != nil {
		t.Fatal(err, p.errs)
	}
	p.in.Close() // the gateway was killed, and the engine says so here
	if code := p.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	<-host.Done()
}

func TestServeThatCannotJoinSaysWhy(t *testing.T) {
	for _, row := range []struct {
		args  []string
		input string
		code  int
		want  string
	}{
		{[]string{"--socket", "/nowhere/tunnel.sock"}, "nonce\n", exitNo, "serve: dial unixpacket /nowhere/tunnel.sock: connect: no such file or directory\n"},
		{[]string{"--socket", "/nowhere/tunnel.sock"}, "", exitNo, "serve: no nonce on standard input: EOF\n"},
		{[]string{"--port", "0"}, "", exitUsage, ""},
		{[]string{"--port", "70000"}, "", exitUsage, ""},
	} {
		p := startServe(t, row.args...)
		io.WriteString(p, row.input)
		p.in.Close()
		if code := p.ended(t); code != row.code || row.want != "" && p.errs.String() != row.want {
			t.Errorf("%v: exit code %d, %q", row.args, code, p.errs)
		}
	}
}

func TestServeHandsOutWhoWantsOut(t *testing.T) {
	if listener, err := net.Listen("tcp4", proxyAddress); err != nil {
		t.Skipf("somebody listens on the proxy's port of this machine: %v", err)
	} else {
		listener.Close()
	}
	p := startServe(t, "--stdio", "--proxy")
	host, err := tunnel.Exec(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err, p.errs)
	}
	defer host.Close()
	var client net.Conn
	for limit := time.After(10 * time.Second); client == nil; {
		if client, err = net.Dial("tcp4", proxyAddress); err == nil {
			break
		}
		select {
		case <-limit:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	defer client.Close()
	outside, err := host.AcceptProxy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	io.WriteString(client, "CONNECT")
	got := make([]byte, 7)
	if _, err := io.ReadFull(outside, got); err != nil || string(got) != "CONNECT" {
		t.Errorf("got %q, %v", got, err)
	}
}
