package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// The quick way says what the plain one says, wherever the byte in question stands.
func TestTextHasNoControlCharacters(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			p := []byte("text of twenty bytes")
			p[at] = byte(c)
			want := c >= ' ' && c != 0x7f || c == '\t'
			if isText(p) != want || isText(append(p, '\t')) != want || isText(append(p, "\tand more bytes\x80"...)) != want {
				t.Errorf("byte %#x at %d: want %v", c, at, want)
			}
		}
	}
}

// What we accept, net/http accepts and understands alike: there is no second meaning to smuggle.
func FuzzRequestHead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nCookie: a=b; c=d\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	l := newLink("shop", Link{Kind: KindCode, Port: 8011}, false)
	f.Fuzz(func(t *testing.T, in []byte) {
		length := headLength(in)
		var h head
		if length == 0 || h.parseRequest(in[:length]) != nil || h.single[kindHost] == nil {
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in[:length])))
		if err != nil {
			if strings.Contains(err.Error(), "invalid URL escape") || strings.Contains(err.Error(), "malformed Host") ||
				strings.Contains(err.Error(), "invalid URI") || strings.Contains(err.Error(), "parse ") {
				return // the target and the host are the server's business
			}
			t.Fatalf("%q: net/http says %v", in, err)
		}
		want := theirs.ContentLength
		if h.chunked {
			want = -1
		}
		if got := framingOf(&h, false); !got.chunked && got.length != want || got.chunked != (want == -1) {
			t.Fatalf("%q: length %d, chunked %v; net/http says %d, %v", in, h.length, h.chunked, theirs.ContentLength, theirs.TransferEncoding)
		}
		if string(h.method) != theirs.Method || string(h.single[kindHost]) != theirs.Host && theirs.URL.Host == "" {
			t.Fatalf("%q: %s %q, net/http says %s %q", in, h.method, h.single[kindHost], theirs.Method, theirs.Host)
		}
		// What goes inside is itself such a head, and says the same.
		out := outgoing{link: l, session: []byte(serverKey), from: []byte(serverKey)}.appendRequest(nil, &h)
		var again head
		if err := again.parseRequest(out); err != nil || headLength(out) != len(out) {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		if again.length != h.length || again.chunked != h.chunked || again.upgrade != h.upgrade || !bytes.Equal(again.target, h.target) {
			t.Fatalf("%q became %q", in, out)
		}
		if bytes.Contains(again.single[kindCookie], []byte(cookiePrefix)) && !bytes.Contains(again.single[kindCookie], []byte("="+cookiePrefix)) &&
			bytes.HasPrefix(again.single[kindCookie], []byte(cookiePrefix)) {
			t.Fatalf("%q: a cookie of ours goes inside: %q", in, out)
		}
	})
}

// What goes to the browser is one head that says the same, whatever a sandbox answers.
func FuzzResponseHead(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.0 404\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nSet-Cookie: berth_1=a\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\n", "HTTP/1.1 304 \r\nAccess-Control-Allow-Origin: *\r\n\r\n",
		"HTTP/1.1 200 OK\r\nLocation: /?tkn=" + serverKey + "\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	placeholder := bytes.Repeat([]byte("p"), keyLength)
	f.Fuzz(func(t *testing.T, in []byte) {
		length := headLength(in)
		var h head
		if length == 0 || h.parseResponse(in[:length]) != nil {
			return
		}
		out := incoming{session: []byte(serverKey), to: placeholder}.appendResponse(nil, &h, h.bodiless(), false)
		var again head
		if err := again.parseResponse(out); err != nil && len(h.fields) < maxFields-8 || headLength(out) != len(out) {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		low := bytes.ToLower(out)
		if bytes.Contains(out, []byte(serverKey)) || bytes.Contains(low, []byte("\naccess-control-")) || bytes.Contains(low, []byte("\nset-cookie: berth_")) {
			t.Fatalf("%q became %q", in, out)
		}
		if theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), nil); err != nil || theirs.StatusCode != h.status {
			t.Fatalf("%q became %q: net/http says %v", in, out, err)
		}
	})
}

// However chunks are cut, their end is where net/http sees it.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\nrest"), 3)
	f.Add([]byte("a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n"), 1)
	f.Add([]byte("0\r\n\r\n"), 2)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		scan := func(size int) (int, bool, error) {
			var c chunks
			at := 0
			for at < len(in) && !c.done() {
				n, err := c.scan(in[at:min(len(in), at+size)])
				at += n
				if err != nil {
					return at, false, err
				}
			}
			return at, c.done(), nil
		}
		whole, done, err := scan(len(in) + 1)
		cut, cutDone, cutErr := scan(max(1, piece&0xff))
		if whole != cut || done != cutDone || (err == nil) != (cutErr == nil) {
			t.Fatalf("%q: whole %d %v %v, cut %d %v %v", in, whole, done, err, cut, cutDone, cutErr)
		}
		if !done {
			return
		}
		reader := bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(in[:whole])))
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || reader.Buffered() > 0 {
			t.Fatalf("%q: net/http says %v, %d bytes left", in[:whole], err, reader.Buffered())
		}
	})
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
