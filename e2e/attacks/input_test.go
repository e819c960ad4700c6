package attacks

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/e2e/internal/rig"
)

// dial connects to the link as the user.
func (b box) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := b.User.Client().Transport.(*http.Transport).DialContext(rig.Context(t), "tcp", at("127.0.0.1", b.Link.port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

// host is the link's name, for Host.
func (b box) host() string { return b.Name + ".localhost:" + b.Link.port() }

// answers demands that the link answers its user soon.
func (b box) answers(t *testing.T, when string) {
	t.Helper()
	client := b.User.Client()
	client.Timeout = 5 * time.Second
	request, err := http.NewRequestWithContext(rig.Context(t), http.MethodGet, b.base()+"/ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Session-API-Key", b.Link.Key)
	answer, err := client.Do(request)
	if err != nil {
		t.Errorf("%s: %v", when, err)
		return
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", when, answer.Status)
	}
}

// memory is what the gateway holds, in MiB.
func (b box) memory(t *testing.T) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		words, _ := os.ReadFile(path) // of a process that may have ended
		if !bytes.Contains(words, []byte("\x00gateway\x00"+b.Name+"\x00")) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		return kilobytes >> 10
	}
	t.Fatal("the gateway is gone")
	return 0
}

// pour writes until nobody takes more, at most limit bytes, and gives how many were taken.
func pour(conn net.Conn, block []byte, limit int) int {
	sent := 0
	for sent < limit {
		n, err := conn.Write(block)
		sent += n
		if err != nil {
			break
		}
	}
	return sent
}

// TestMalformedRequests: what is too long, endless or half is cut short, and nobody else waits for it; the same in
// reasonable measure is answered.
func TestMalformedRequests(t *testing.T) {
	b := newBox(t)
	key := "X-Session-API-Key: " + b.Link.Key + "\r\n"
	head := func(line string, fields ...string) string {
		return line + " HTTP/1.1\r\nHost: " + b.host() + "\r\n" + strings.Join(fields, "")
	}
	form := "Origin: " + b.base() + "\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk := []byte("10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n")
	const much = 10 << 20
	for _, row := range []struct {
		name, head string
		block      []byte
		status     string // of the answer, if it can be read
		twin       string // a whole request of the same kind, which is answered 200
	}{
		{"a header of 10 MB", head("GET /ready", key, "X-Long: "), bytes.Repeat([]byte("x"), 1<<16), "431",
			head("GET /ready", key, "X-Long: ", strings.Repeat("x", 1<<10), "\r\n\r\n")},
		{"a target of 10 MB", "GET /", bytes.Repeat([]byte("x"), 1<<16), "431", head("GET /ready?"+strings.Repeat("x", 1<<10), key, "\r\n")},
		{"headers without end", head("GET /ready", key), bytes.Repeat([]byte("X-More: x\r\n"), 1<<12), "431",
			head("GET /ready", key, strings.Repeat("X-More: x\r\n", 50), "\r\n")},
		{"an endless body of a stranger", head("POST /weak/change", form), chunk, "401", head("POST /weak/change", key, "Content-Length: 3\r\n\r\nabc")},
		{"an endless login", head("POST /.berth/login", form), chunk, "400", head("GET /ready", key, "\r\n")},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn := b.dial(t)
			if _, err := io.WriteString(conn, row.head); err != nil {
				t.Fatal(err)
			}
			sent := pour(conn, row.block, much)
			if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && !strings.HasPrefix(answer.Status, row.status) {
				t.Errorf("it gives %s", answer.Status)
			} else if err != nil && sent == much {
				t.Errorf("all of it was taken, and then %v", err)
			}
			b.answers(t, "after it")
			twin := b.dial(t)
			if _, err := io.WriteString(twin, row.twin); err != nil {
				t.Fatal(err)
			}
			if answer, err := http.ReadResponse(bufio.NewReader(twin), nil); err != nil || answer.StatusCode != http.StatusOK {
				t.Errorf("this cannot fail: in measure it gives %v, %v", answer, err)
			}
		})
	}
	if got := b.memory(t); got > 60 {
		t.Errorf("the gateway holds %d MiB", got)
	}
}

// TestSlowVisitors: who sends half a frame or reads nothing keeps nobody else waiting, and costs the gateway little.
func TestSlowVisitors(t *testing.T) {
	b := newBox(t)
	key := "X-Session-API-Key: " + b.Link.Key + "\r\n"
	for range 20 {
		conn := b.dial(t)
		fmt.Fprintf(conn, "GET /weak/socket HTTP/1.1\r\nHost: %s\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", b.host(), key)
		reader := bufio.NewReader(conn)
		answer, err := http.ReadResponse(reader, nil)
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("the socket is not opened: %v, %v", answer, err)
		}
		frame := make([]byte, 2+len(stolen))
		if _, err := io.ReadFull(reader, frame); err != nil || string(frame[2:]) != stolen {
			t.Fatalf("this cannot fail: a socket that is open says %q, %v", frame, err)
		}
		_, _ = conn.Write([]byte{0x81, 0xfe, 0x40}) // of a text frame of 16 KiB, whose length is not yet all there
	}
	b.answers(t, "beside half frames")
	for range 20 {
		fmt.Fprintf(b.dial(t), "GET /bytes?n=%d HTTP/1.1\r\nHost: %s\r\n%s\r\n", 1<<30, b.host(), key)
	}
	for range 10 {
		b.answers(t, "beside slow readers")
	}
	if got := b.memory(t); got > 100 {
		t.Errorf("the gateway holds %d MiB for slow visitors", got)
	}
	reader := b.dial(t)
	fmt.Fprintf(reader, "GET /bytes?n=%d HTTP/1.1\r\nHost: %s\r\n%s\r\n", 64<<20, b.host(), key)
	answer, err := http.ReadResponse(bufio.NewReader(reader), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, answer.Body); n != 64<<20 || err != nil {
		t.Errorf("this cannot fail: who reads gets %d bytes, %v", n, err)
	}
}

// TestFloodFromInside: a sandbox that opens to its proxy all it can, and writes, costs the gateway a bounded amount; the
// links answer meanwhile, and the proxy does afterwards.
func TestFloodFromInside(t *testing.T) {
	b := newBox(t)
	flood := b.Command("exec", b.Name, "--", "/tools/attacker", "flood", "127.0.0.1:3128", "900", "4").Start()
	var worst, asked int
	for ended := false; !ended; {
		b.answers(t, "under the flood")
		asked++
		worst = max(worst, b.memory(t))
		select {
		case <-flood.Done():
			ended = true
		default:
		}
	}
	flood.Wait().Exits(0)
	if worst > 250 {
		t.Errorf("the gateway held %d MiB", worst)
	}
	t.Logf("the gateway held at most %d MiB, and answered %d times", worst, asked)
	target := "127.0.0.1:7002"
	rig.Wait(t, 10*time.Second, "answer of the proxy after the flood", func() bool {
		return inside(b.Project).tries(t, "proxy", "127.0.0.1:3128", target)[target] == "403"
	})
	published := output(t, exec.Command("docker", "inspect", "-f", "{{.State.Running}}", "berth-"+b.Name))
	if published != "true" {
		t.Error("the sandbox did not live through its own flood")
	}
}
