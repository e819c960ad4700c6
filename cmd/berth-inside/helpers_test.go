package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"berth/internal/probe"
)

// call runs a sub-command as berth does by exec.
func call(args ...string) (code int, out, errOut string) {
	var o, e strings.Builder
	code = subcommands[args[0]](args[1:], &o, &e)
	return code, o.String(), e.String()
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func TestReadyWaitsUntilAPathAnswers200(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/ready":
			w.WriteHeader(http.StatusNotFound)
		case asked.Add(1) < 4:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	code, out, errOut := call("ready", "--port", portOf(t, server.URL), "--path", "/other", "--path", "/ready", "--timeout", "10s")
	var said struct {
		Path string
		Ms   *int
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 || said.Path != "/ready" || said.Ms == nil || asked.Load() != 4 {
		t.Errorf("exit %d, %q %q, asked %d times", code, out, errOut, asked.Load())
	}
}

func TestReadyGivesUpWithTheLastAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer server.Close()
	code, out, errOut := call("ready", "--port", portOf(t, server.URL), "--path", "/ready", "--timeout", "50ms")
	if code != 124 || out != "" || errOut != "not ready after 50ms: /ready answered 503\n" {
		t.Errorf("exit %d, %q %q", code, out, errOut)
	}
}

func TestReadyOvershootsByLittle(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	listened := make(chan time.Time, 1)
	go func() {
		<-time.After(100 * time.Millisecond)
		l, err := net.Listen("tcp", address)
		if err != nil {
			return
		}
		listened <- time.Now()
		_ = http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) //nolint:gosec // ends with the test's process
	}()
	if code, _, errOut := call("ready", "--port", port, "--path", "/", "--timeout", "10s"); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	if late := time.Since(<-listened); late > 500*time.Millisecond {
		t.Errorf("noticed %v after the socket was open", late)
	}
}

func TestARedirectIsNotReady(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer server.Close()
	if code, _, errOut := call("ready", "--port", portOf(t, server.URL), "--path", "/", "--timeout", "30ms"); code != 124 || !strings.Contains(errOut, "302") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

func TestHealth(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	port := portOf(t, server.URL)
	if code, _, _ := call("health", port); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
	server.Close()
	if code, _, _ := call("health", port); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	if code, _, errOut := call("health", "x"); code != 2 || errOut != "health: \"x\" is no port\n" {
		t.Errorf("exit %d %q", code, errOut)
	}
}

func TestStatTellsWhichFileAPathIs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	code, out, _ := call("stat", dir, file, filepath.Join(dir, "l"), filepath.Join(dir, "no"))
	var places []place
	if err := json.Unmarshal([]byte(out), &places); err != nil || code != 0 || len(places) != 4 {
		t.Fatalf("exit %d %s", code, out)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	if p := places[1]; p.Device != st.Dev || p.Inode != st.Ino || p.Type != "file" || p.Mode != "0640" || p.UID != uint32(os.Getuid()) {
		t.Errorf("%+v", p)
	}
	if places[0].Type != "dir" || places[2].Inode != st.Ino {
		t.Errorf("%+v %+v", places[0], places[2])
	}
	if p := places[3]; p.Error != "no such file or directory" || p.Inode != 0 {
		t.Errorf("%+v", p)
	}
	if code, _, _ := call("stat"); code != 2 {
		t.Errorf("without a path: exit %d", code)
	}
}

// serving runs handle for each connection to a port of 127.0.0.1.
func serving(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// desktop answers one WebSocket handshake and then sends what it is given. It gives its port.
func desktop(t *testing.T, handshake, bytes string) string {
	at := serving(t, func(conn net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil && r.URL.Path == "/websockify" {
			fmt.Fprint(conn, handshake+bytes)
		}
	})
	return strconv.Itoa(int(at.Port()))
}

func TestADesktopIsProvenByItsFirstBytes(t *testing.T) {
	const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
	for _, c := range []struct {
		what, handshake, bytes string
		code                   int
		out                    string
		reason                 string
	}{
		{"an X server", upgraded, "\x82\x0cRFB 003.008\n", 0, "RFB 003.008\n", ""},
		{"its greeting in two frames", upgraded, "\x02\x04RFB \x80\x08003.008\n", 0, "RFB 003.008\n", ""},
		{"a bridge to nothing", upgraded, "", 124, "", "EOF"},
		{"a bridge that hangs up", upgraded, "\x88\x02\x03\xe8", 124, "", "a frame of kind 8 came first"},
		{"something else", upgraded, "\x82\x0cSSH-2.0-Open", 124, "", "what answers is not RFB"},
		{"a flood", upgraded, "\x82\x7e\xff\xff", 124, "", "the first frame is longer than RFB's greeting"},
		{"a page without a socket", "HTTP/1.1 404 Not Found\r\n\r\n", "", 124, "", "/websockify answered 404"},
	} {
		code, out, errOut := call("rfb", "--port", desktop(t, c.handshake, c.bytes), "--timeout", "100ms")
		if code != c.code || out != c.out || !strings.Contains(errOut, c.reason) {
			t.Errorf("%s: exit %d, %q, %q; want %d, %q, %q", c.what, code, out, errOut, c.code, c.out, c.reason)
		}
	}
}

func TestProbeAndIdleAsPrograms(t *testing.T) {
	path := bin(t)
	out, err := exec.CommandContext(t.Context(), filepath.Join(path, "starter"), "probe").Output()
	if err != nil {
		t.Fatal(err)
	}
	if outcomes, err := probe.Parse(out); err != nil || len(outcomes) != len(probe.All()) {
		t.Errorf("%d outcomes, %v", len(outcomes), err)
	}
	idle := exec.CommandContext(t.Context(), filepath.Join(path, "starter"), "idle")
	if err := idle.Start(); err != nil {
		t.Fatal(err)
	}
	// Until it waits for signals TERM ends it by itself, which is as good.
	if err := idle.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = idle.Wait()
	if code := idle.ProcessState.ExitCode(); code != 143 && code != -1 {
		t.Errorf("exit code %d", code)
	}
}

func TestAnUnknownSubCommandShowsTheUsage(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin(t), "starter"), "nonsense").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "berth-inside: nonsense: no such command\nberth-inside: berth's program inside a sandbox\n") {
		t.Errorf("%v %s", err, out)
	}
}
