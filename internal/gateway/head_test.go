package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
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
