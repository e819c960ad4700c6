package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"berth/internal/tunnel"
)

// known is a connection of a browser that is logged in.
func (h *house) known(kind string) (conn *net.TCPConn, headers string) {
	return h.dial(kind), "Host: " + h.host(kind) + "\r\nOrigin: http://" + h.host(kind) + "\r\n" + h.cookie(kind) + "\r\n"
}

// What two parsers could read in two ways never arrives inside, and nothing that follows it does.
func TestSmuggledRequestsAreRefused(t *testing.T) {
	var arrived atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		io.Copy(io.Discard, r.Body)
	})
	h := open(t, inside{"vnc": server})
	_, headers := h.known("vnc")
	const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	for about, row := range map[string]struct {
		request string
		status  int
	}{
		"both lengths":                {"POST / HTTP/1.1\r\n" + headers + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		"both, the other way round":   {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden, 400},
		"two lengths":                 {"POST / HTTP/1.1\r\n" + headers + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + hidden, 400},
		"a list of lengths":           {"POST / HTTP/1.1\r\n" + headers + "Content-Length: 0, 0\r\n\r\n" + hidden, 400},
		"a signed length":             {"POST / HTTP/1.1\r\n" + headers + "Content-Length: +4\r\n\r\nabcd", 400},
		"a negative length":           {"POST / HTTP/1.1\r\n" + headers + "Content-Length: -1\r\n\r\nabcd", 400},
		"a hexadecimal length":        {"POST / HTTP/1.1\r\n" + headers + "Content-Length: 0x4\r\n\r\nabcd", 400},
		"an empty length":             {"POST / HTTP/1.1\r\n" + headers + "Content-Length:\r\n\r\n" + hidden, 400},
		"a length beyond all numbers": {"POST / HTTP/1.1\r\n" + headers + "Content-Length: 99999999999999999999\r\n\r\n", 400},
		"chunked twice":               {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		"another encoding":            {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
		"identity":                    {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: identity\r\n\r\n" + hidden, 400},
		"a disguised encoding":        {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		"a blank before the colon":    {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		"a folded line":               {"POST / HTTP/1.1\r\n" + headers + "X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400},
		"a first line that is folded": {"POST / HTTP/1.1\r\n X: a\r\n" + headers + "\r\n", 400},
		"two hosts":                   {"GET / HTTP/1.1\r\n" + headers + "Host: evil.example\r\n\r\n", 400},
		"two hosts, one empty":        {"GET / HTTP/1.1\r\nHost:\r\n" + headers + "\r\n", 400},
		"no host":                     {"GET / HTTP/1.1\r\n\r\n", 421},
		"a bare line feed":            {"GET / HTTP/1.1\r\n" + headers + "X: a\nTransfer-Encoding: chunked\r\n\r\n", 400},
		"a bare carriage return":      {"GET / HTTP/1.1\r\n" + headers + "X: a\rTransfer-Encoding: chunked\r\n\r\n", 400},
		"a NUL":                       {"GET / HTTP/1.1\r\n" + headers + "X: a\x00\r\n\r\n", 400},
		"a name that is none":         {"GET / HTTP/1.1\r\n" + headers + "X(y): a\r\n\r\n", 400},
		"no name":                     {"GET / HTTP/1.1\r\n" + headers + ": a\r\n\r\n", 400},
		"an empty line before":        {"\r\nGET / HTTP/1.1\r\n" + headers + "\r\n", 400},
		"a whole address as target":   {"GET http://" + h.host("vnc") + "/ HTTP/1.1\r\n" + headers + "\r\n", 400},
		"no path":                     {"GET * HTTP/1.1\r\n" + headers + "\r\n", 400},
		"a tunnel":                    {"CONNECT " + h.host("vnc") + " HTTP/1.1\r\n" + headers + "\r\n", 400},
		"a blank in the target":       {"GET /a b HTTP/1.1\r\n" + headers + "\r\n", 505},
		"two blanks":                  {"GET  / HTTP/1.1\r\n" + headers + "\r\n", 505},
		"an old version":              {"GET / HTTP/1.0\r\n" + headers + "\r\n", 505},
		"a new version":               {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		"a body on an upgrade":        {"GET / HTTP/1.1\r\n" + headers + "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nabcd", 400},
		"a chunk without a size":      {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n\r\n" + hidden, 400},
		"a chunk with an extension":   {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n", 400},
		"a chunk with a sign":         {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", 400},
		"a chunk too short":           {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400},
		"a trailer":                   {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400},
		"a size beyond all numbers":   {"POST / HTTP/1.1\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
		"129 lines":                   {"GET / HTTP/1.1\r\n" + headers + strings.Repeat("a: b\r\n", maxFields) + "\r\n", 431},
	} {
		t.Run(about, func(t *testing.T) {
			answer, _ := h.raw("vnc", row.request)
			if answer.StatusCode != row.status || !answer.Close {
				t.Errorf("%s, closed %v; want %d", answer.Status, answer.Close, row.status)
			}
		})
	}
	if n := arrived.Load(); n > 0 {
		t.Errorf("%d requests arrived inside", n)
	}
}

func TestAHeadOfTenMegabytesIsRefused(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)})
	conn := h.dial("vnc")
	go func() {
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nX: ", h.host("vnc"))
		for piece := bytes.Repeat([]byte("x"), 1<<20); ; {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != 431 {
		t.Fatal(answer, err)
	}
	_, headers := h.known("vnc")
	if answer, _ := h.raw("vnc", "GET / HTTP/1.1\r\nConnection: close\r\n"+headers+"X: "+strings.Repeat("x", 60<<10)+"\r\n\r\n"); answer.StatusCode != 200 {
		t.Errorf("60 KiB: %s", answer.Status)
	}
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

// The guards are on what comes from inside, its own openings and our cookies are not; the key is nowhere.
func TestWhatASandboxSaysIsCleaned(t *testing.T) {
	server := speak(t, func(conn *net.TCPConn) {
		bufio.NewReader(conn).ReadString('\n')
		io.WriteString(conn, "HTTP/1.1 302 Found\r\nAccess-Control-Allow-Origin: *\r\naccess-control-allow-credentials: true\r\n"+
			"Set-Cookie: vscode-tkn="+serverKey+"; SameSite=lax\r\nSet-Cookie: berth_1=x\r\nSet-Cookie: theme=dark\r\n"+
			"Location: /?tkn="+serverKey+"&a="+serverKey+"\r\nX-Frame-Options: DENY\r\nReferrer-Policy: unsafe-url\r\n"+
			"Content-Security-Policy: default-src *\r\nClear-Site-Data: \"*\"\r\nService-Worker-Allowed: /\r\nAlt-Svc: h2=\":1\"\r\n"+
			"Keep-Alive: timeout=5\r\nX-Session-API-Key: "+serverKey+"\r\nCross-Origin-Resource-Policy: cross-origin\r\nCross-Origin-Opener-Policy: unsafe-none\r\nContent-Length: 0\r\n\r\n")
	})
	h := open(t, inside{"code": server})
	conn, headers := h.known("code")
	io.WriteString(conn, "GET / HTTP/1.1\r\nConnection: close\r\n"+headers+"\r\n")
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	own := string(h.placeholder)
	want := "HTTP/1.1 302 Found\r\nSet-Cookie: vscode-tkn=" + own + "; SameSite=lax\r\nSet-Cookie: theme=dark\r\n" +
		"Location: /?tkn=" + own + "&a=" + own + "\r\nX-Frame-Options: DENY\r\nContent-Security-Policy: default-src *\r\n" +
		"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n" +
		"Cross-Origin-Opener-Policy: same-origin-allow-popups\r\nContent-Security-Policy: frame-ancestors 'self'\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheLinkInTheAPIsAnswerHasNoKey(t *testing.T) {
	body := `{"url":"http://127.0.0.1:8001/?tkn=` + serverKey + `&folder=/workspace"}`
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("the answer could be compressed")
		}
		io.WriteString(w, body)
	})
	h := open(t, inside{"api": server})
	for _, path := range []string{"/api/vscode/url?base_url=x", "/api/%76scode/url", "/%61pi/vscode%2furl"} {
		_, got := h.ask("api", "GET "+path, "X-Session-API-Key: "+h.ClientKey().Reveal(), "Accept-Encoding: gzip")
		if want := strings.Replace(body, serverKey, string(h.placeholder), 1); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// drip is a connection whose bytes come one by one.
type drip struct{ stream }

func (d drip) Read(p []byte) (int, error) { return d.stream.Read(p[:1]) }

// The body may come long after its head, and need the room the head was in.
func TestTheLinkInAnAnswerThatComesInPiecesHasNoKeyAndItsOwnHead(t *testing.T) {
	for _, pad := range []int{0, blockSize} {
		body := "tkn=" + serverKey + strings.Repeat("\r\nClear-Site-Data: *", pad/20)
		h := open(t, inside{"api": serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		})}, func(c *FrontConfig) {
			dial := c.Dial
			c.Dial = func(ctx context.Context, inside uint16) (net.Conn, error) {
				conn, err := dial(ctx, inside)
				if err != nil {
					return nil, err
				}
				return drip{stream{conn.(*net.TCPConn)}}, nil
			}
		})
		answer, got := h.ask("api", "GET /api/vscode/url", h.cookie("api"))
		if want := strings.Replace(body, serverKey, string(h.placeholder), 1); got != want {
			t.Errorf("%d bytes: got %q", len(body), got[:min(len(got), 100)])
		}
		if kind := answer.Header.Get("Content-Type"); kind != "application/json" || answer.Header.Get("Clear-Site-Data") != "" {
			t.Errorf("%d bytes: the head became %v", len(body), answer.Header)
		}
	}
}

// An answer that has the key in it and cannot be searched is not passed on.
func TestALinkThatCannotBeSearchedIsNotShown(t *testing.T) {
	for _, answer := range []string{
		"Transfer-Encoding: chunked\r\n\r\n40\r\n" + serverKey + "\r\n0\r\n\r\n", "\r\n" + serverKey,
		"Content-Length: 99999999\r\n\r\n" + serverKey, "Content-Length: 100\r\n\r\n" + serverKey,
	} {
		server := speak(t, func(conn *net.TCPConn) {
			bufio.NewReader(conn).ReadString('\n')
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+answer)
		})
		h := open(t, inside{"api": server})
		got, body := h.ask("api", "GET /api/vscode/url", h.cookie("api"))
		if got.StatusCode != 502 || strings.Contains(body, serverKey) {
			t.Errorf("%q: %s %s", answer, got.Status, body)
		}
	}
}

// A listener that fails for a while, as without descriptors, is asked again.
func TestAListenerThatFailsIsAskedAgain(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)})
	broken := &failing{Listener: nil, errs: []error{syscall.EMFILE, syscall.EMFILE, net.ErrClosed}}
	if err := h.Serve(t.Context(), h.ports["vnc"], broken); !errors.Is(err, net.ErrClosed) || len(broken.errs) > 0 {
		t.Errorf("%v, %d calls not made", err, len(broken.errs))
	}
	if err := h.Serve(t.Context(), 1, broken); err == nil || err.Error() != "port 1: no link of shop" {
		t.Error(err)
	}
}

type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

func (f *failing) Close() error { return nil }

// A server that is not there yet, one that hangs up, and one that says nonsense.
func TestWhatIsSaidInPlaceOfAnAnswer(t *testing.T) {
	says := func(text string) string {
		return speak(t, func(conn *net.TCPConn) {
			bufio.NewReader(conn).ReadString('\n')
			io.WriteString(conn, text)
		})
	}
	const wrong = "the server inside gave an answer that is not understood: "
	const starting = "It is starting. This page looks again by itself."
	for about, row := range map[string]struct {
		address, text string
		status        int
	}{
		"nothing listens":      {"", starting, 503},
		"it hangs up at once":  {speak(t, func(conn *net.TCPConn) {}), starting, 503},
		"it hangs up later":    {says(""), starting, 503},
		"half a head":          {says("HTTP/1.1 200 OK\r\nA: b"), wrong + "unexpected EOF", 502},
		"no HTTP":              {says("RFB 003.008\n\r\n\r\n"), wrong + "not HTTP/1.1", 502},
		"split response":       {says("HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\n\r\n"), wrong + "malformed head", 502},
		"bare line feed":       {says("HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: berth_1=c\r\n\r\n"), wrong + "malformed head", 502},
		"folded line":          {says("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), wrong + "folded or misplaced header line", 502},
		"both lengths":         {says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), wrong + "both content-length and transfer-encoding", 502},
		"two lengths":          {says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), wrong + "a header that may stand once stands twice", 502},
		"an upgrade unasked":   {says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), wrong + "malformed head", 502},
		"interim without end":  {says(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20)), wrong + "malformed head", 502},
		"a head without end":   {speak(t, func(conn *net.TCPConn) { io.WriteString(conn, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("x", 1<<20)) }), wrong + "head too long", 502},
		"a chunk that is none": {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz"), wrong + "malformed chunk", 502},
	} {
		t.Run(about, func(t *testing.T) {
			h := open(t, inside{"vnc": row.address, "api": row.address})
			answer, body := h.ask("vnc", "GET /", h.cookie("vnc"))
			if answer.StatusCode != row.status || body != row.text+"\n" {
				t.Errorf("%d %q", answer.StatusCode, body)
			}
			answer, body = h.ask("vnc", "GET /", h.cookie("vnc"), "Accept: text/html")
			looks := strings.Contains(body, `http-equiv="refresh" content="1"`) && answer.Header.Get("Retry-After") == "1" && strings.Contains(body, "<p>"+row.text+"</p>")
			if answer.StatusCode != row.status || looks != (row.status == 503) {
				t.Errorf("as a page: %d %q", answer.StatusCode, body)
			}
			if _, body = h.ask("api", "GET /", h.cookie("api")); body != `{"detail":"`+row.text+`"}` {
				t.Errorf("of the API: %q", body)
			}
		})
	}
}

func TestWhyTheWayInsideIsClosed(t *testing.T) {
	for _, row := range []struct {
		err    error
		status int
		text   string
	}{
		{tunnel.ErrClosed, 503, "The way into the sandbox is interrupted. berth opens it again; this page looks again by itself."},
		{tunnel.ErrTooMany, 503, "Too many connections into the sandbox are open."},
		{tunnel.ErrNotAllowed, 502, "this port of the sandbox may not be reached"},
		{os.ErrDeadlineExceeded, 503, "The way into the sandbox is interrupted. berth opens it again; this page looks again by itself."},
	} {
		h := open(t, inside{"vnc": ""}, func(c *FrontConfig) {
			c.Dial = func(context.Context, uint16) (net.Conn, error) { return nil, fmt.Errorf("port 1: %w", row.err) }
		})
		if answer, body := h.ask("vnc", "GET /", h.cookie("vnc")); answer.StatusCode != row.status || body != row.text+"\n" {
			t.Errorf("%v: %d %q", row.err, answer.StatusCode, body)
		}
	}
}

func TestAStateIsTheAnswerUntilItIsOver(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	cookie := h.cookie("code")
	h.SetState("The sandbox is paused. Type: berth resume <shop>")
	answer, body := h.ask("code", "GET /", cookie, "Accept: text/html")
	if answer.StatusCode != 503 || !strings.Contains(body, "<p>The sandbox is paused. Type: berth resume &lt;shop&gt;</p>") {
		t.Errorf("%s\n%s", answer.Status, body)
	}
	if answer, _ := h.ask("code", "GET /", "Accept: text/html"); answer.StatusCode != 401 {
		t.Errorf("a stranger: %s", answer.Status)
	}
	if n := h.dials.Load(); n > 0 {
		t.Errorf("%d connections inside", n)
	}
	h.SetState("")
	if answer, _ := h.ask("code", "GET /", cookie); answer.StatusCode != 200 {
		t.Errorf("afterwards: %s", answer.Status)
	}
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

// What an answer without length or chunks says ends with its connection; a HEAD's has no body at all.
func TestAnswersThatEndWithTheirConnection(t *testing.T) {
	server := speak(t, func(conn *net.TCPConn) {
		bufio.NewReader(conn).ReadString('\n')
		io.WriteString(conn, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello ")
		for range 40 {
			conn.Write(make([]byte, 10_000))
		}
	})
	h := open(t, inside{"vnc": server})
	answer, body := h.ask("vnc", "GET /", h.cookie("vnc"))
	if answer.StatusCode != 200 || !answer.Close || len(body) != 400_006 || !strings.HasPrefix(body, "hello ") {
		t.Errorf("%s, %d bytes", answer.Status, len(body))
	}
	h = open(t, inside{"vnc": serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "77") })})
	conn, headers := h.known("vnc")
	io.WriteString(conn, strings.Repeat("HEAD / HTTP/1.1\r\n"+headers+"\r\n", 2))
	reader := bufio.NewReader(conn)
	for range 2 {
		answer, err := http.ReadResponse(reader, &http.Request{Method: "HEAD"})
		if err != nil || answer.StatusCode != 200 || answer.ContentLength != 77 {
			t.Fatal(answer, err)
		}
	}
}

func TestConnectionsOfOtherUsersAreRefused(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)}, func(c *FrontConfig) { c.UID = os.Getuid() + 1 })
	if _, refused := h.welcome(h.dial("vnc")); refused == "" {
		t.Skip("this system does not tell whose a connection is")
	}
	for range 3 {
		if n, err := h.dial("vnc").Read(make([]byte, 1)); n > 0 || isTimeout(err) {
			t.Errorf("read %d, %v", n, err)
		}
	}
	want := fmt.Sprintf("a connection to the links was refused, since it was not yours: it was of user %d", os.Getuid())
	h.lock.Lock()
	defer h.lock.Unlock()
	if len(h.events) != 1 || h.events[0].Text != want {
		t.Errorf("events %+v, want one: %s", h.events, want)
	}
}

func TestThereIsRoomForSoManyStrangers(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)})
	_, headers := h.known("vnc") // a stranger, for now
	answered := func(conn net.Conn) bool {
		io.WriteString(conn, "GET / HTTP/1.1\r\n"+headers+"\r\n")
		_, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil
	}
	for range maxStrangers + 10 { // who proved himself leaves his place to the next
		if !answered(h.dial("vnc")) {
			t.Fatal("a place was not given back")
		}
	}
	var last net.Conn
	for range maxStrangers - 1 {
		last = h.dial("vnc")
	}
	if n, err := h.dial("vnc").Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("one stranger too many: read %d, %v", n, err)
	}
	if !answered(last) {
		t.Error("the last one who came in is not answered")
	}
}
