package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"berth/internal/tunnel"
)

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
