package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// known is a connection of a browser that is logged in.
func (h *house) known(kind string) (conn *net.TCPConn, headers string) {
	return h.dial(kind), "Host: " + h.host(kind) + "\r\nOrigin: http://" + h.host(kind) + "\r\n" + h.cookie(kind) + "\r\n"
}

// Bodies of all sizes and forms arrive whole, both ways, on one connection.
func TestBodiesArriveAsTheyWereSent(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Sum", fmt.Sprintf("%x", sum.Sum(nil)))
		if r.URL.Query().Get("chunked") == "" {
			w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		}
		for piece := make([]byte, 3000); n > 0; n -= int64(len(piece)) {
			piece = piece[:min(n, 3000)]
			w.Write(piece)
			if r.URL.Query().Get("chunked") == "small" {
				w.(http.Flusher).Flush()
			}
		}
	})
	h := open(t, inside{"api": server, "vnc": server}, func(c *FrontConfig) {
		dial := c.Dial
		streams := c.Links
		c.Dial = func(ctx context.Context, inside uint16) (net.Conn, error) {
			conn, err := dial(ctx, inside)
			if err == nil && streams[inside-1].Kind == "vnc" {
				conn = stream{conn.(*net.TCPConn)}
			}
			return conn, err
		}
	})
	for _, kind := range []string{"api", "vnc"} { // by descriptors, and by a stream that is none
		conn, headers := h.known(kind)
		reader := bufio.NewReader(conn)
		for _, size := range []int{0, 1, 5000, blockSize - 1, blockSize, blockSize + 1, bulkFrom + 1, 3 << 20} {
			for _, form := range []string{"", "?chunked=small", "?chunked=large"} {
				for _, upload := range []string{"length", "chunked"} {
					sent := bytes.Repeat([]byte("0123456789abcdef\r\n"), size/18+1)[:size]
					go sendBody(conn, headers, form, upload, sent)
					answer, err := http.ReadResponse(reader, nil)
					if err != nil {
						t.Fatal(kind, size, form, upload, err)
					}
					n, err := io.Copy(io.Discard, answer.Body)
					if err != nil || int(n) != size || answer.Header.Get("Sum") != fmt.Sprintf("%x", sha256.Sum256(sent)) {
						t.Fatalf("%s %d %s %s: %s, %d bytes, %v", kind, size, form, upload, answer.Status, n, err)
					}
				}
			}
		}
	}
	if n := h.dials.Load(); n != 2 {
		t.Errorf("%d connections inside for two of browsers", n)
	}
}

// stream hides a descriptor, as the exec carrier has none.
type stream struct{ tcp *net.TCPConn }

func (s stream) Read(p []byte) (int, error)         { return s.tcp.Read(p) }
func (s stream) Write(p []byte) (int, error)        { return s.tcp.Write(p) }
func (s stream) Close() error                       { return s.tcp.Close() }
func (s stream) CloseWrite() error                  { return s.tcp.CloseWrite() }
func (s stream) LocalAddr() net.Addr                { return s.tcp.LocalAddr() }
func (s stream) RemoteAddr() net.Addr               { return s.tcp.RemoteAddr() }
func (s stream) SetDeadline(t time.Time) error      { return s.tcp.SetDeadline(t) }
func (s stream) SetReadDeadline(t time.Time) error  { return s.tcp.SetReadDeadline(t) }
func (s stream) SetWriteDeadline(t time.Time) error { return s.tcp.SetWriteDeadline(t) }

func sendBody(conn io.Writer, headers, form, upload string, body []byte) {
	if upload == "length" {
		fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", form, headers, len(body), body)
		return
	}
	fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n", form, headers)
	for len(body) > 0 {
		n := min(len(body), 100_000)
		fmt.Fprintf(conn, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	io.WriteString(conn, "0\r\n\r\n")
}

func TestTheAnswerOfAnEndlessRequestIsNotAwaited(t *testing.T) {
	server := speak(t, func(conn *net.TCPConn) {
		bufio.NewReader(conn).ReadString('\n')
		io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		conn.CloseWrite()
		io.CopyN(io.Discard, conn, 1<<20)
	})
	h := open(t, inside{"vnc": server})
	conn, headers := h.known("vnc")
	go func() {
		io.WriteString(conn, "POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n"+headers+"\r\n")
		for piece := make([]byte, 64<<10); ; {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != 413 {
		t.Fatal(answer, err)
	}
}

func TestABodyIsSentWhenTheServerWantsIt(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	h := open(t, inside{"vnc": server})
	conn, headers := h.known("vnc")
	io.WriteString(conn, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"+headers+"\r\n")
	reader := bufio.NewReader(conn)
	if line, _ := reader.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatal(line)
	}
	reader.ReadString('\n')
	io.WriteString(conn, "hello")
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); string(body) != "hello" {
		t.Errorf("%q, %v", body, err)
	}
}

// Several requests in one piece are answered in turn; a connection the server closed is replaced unseen.
func TestAConnectionThatTheServerClosedIsReplaced(t *testing.T) {
	var served atomic.Int32
	server := speak(t, func(conn *net.TCPConn) { // one answer a connection, without saying so
		if _, err := conn.Read(make([]byte, 8<<10)); err == nil {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", served.Add(1))
		}
	})
	h := open(t, inside{"vnc": server})
	conn, headers := h.known("vnc")
	io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\n"+headers+"\r\n", 4))
	reader := bufio.NewReader(conn)
	for want := range 4 {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(answer.Body); string(body) != strconv.Itoa(want+1) {
			t.Errorf("%d: %s %q", want, answer.Status, body)
		}
	}
}
