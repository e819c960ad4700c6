package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// serve gives a proxy one connection without a network, for tests whose clock is not the machine's.
func serve(t *testing.T, p *Proxy) (near net.Conn, served chan struct{}) {
	near, far := net.Pipe()
	served = make(chan struct{})
	go func() {
		p.Serve(t.Context(), far)
		close(served)
	}()
	return near, served
}

func piped(host func(net.Conn)) func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(context.Context, netip.AddrPort) (net.Conn, error) {
		near, far := net.Pipe()
		go host(far)
		return near, nil
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	rows := []struct{ said, status, body string }{
		{"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: this is berth's proxy for the sandbox, not a web server\n"},
		{"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: this is berth's proxy for the sandbox, not a web server\n"},
		{"GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: \"https\" is not for a proxy: use CONNECT\n"},
		{"GET file://a.example/etc/passwd HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: \"file\" is not for a proxy: use CONNECT\n"},
		{"GET http://a.example:0/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: the port is missing or none\n"},
		{"GET http://127.1/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: \"127.1\" ends in a number, which is no host name and no complete IP address\n"},
		{"GET http://b\xc3\xbc.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "400 Bad Request", "berth: 'ü' is not ASCII\n"},
		{"CONNECT a.example HTTP/1.1\r\n\r\n", "400 berth: the port is missing or none", ""},
		{"CONNECT a.example:99999 HTTP/1.1\r\n\r\n", "400 berth: the port is missing or none", ""},
		{"CONNECT me@a.example:80 HTTP/1.1\r\n\r\n", "400 berth: CONNECT takes host:port and nothing else", ""},
		{"CONNECT a.example:80/x HTTP/1.1\r\n\r\n", "400 berth: CONNECT takes host:port and nothing else", ""},
		{"CONNECT /x HTTP/1.1\r\nHost: a.example:80\r\n\r\n", "400 berth: CONNECT takes host:port and nothing else", ""},
		{"CONNECT a.example:80 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", "400 berth: CONNECT takes no body", ""},
		{"CONNECT a.example:80 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "400 berth: CONNECT takes no body", ""},
		{"CONNECT [fe80::1%25eth0]:80 HTTP/1.1\r\n\r\n", "400 berth: CONNECT takes host:port and nothing else", ""},
		{"\x16\x03\x01\x00\x05hello\r\n\r\n", "400 Bad Request", "400 Bad Request"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request", "berth: this is berth's proxy for the sandbox, not a web server\n"},
	}
	for _, r := range rows {
		w := newWorld(t)
		method, _, _ := strings.Cut(r.said, " ")
		status, body := w.client(w.proxy(Policy{Mode: On})).send(r.said).answer(method)
		if r.body == "" {
			_, sentence, _ := strings.Cut(r.status, " ")
			r.body = sentence + "\n"
		}
		if status != r.status || body != r.body || len(w.asked)+len(w.dialled) > 0 {
			t.Errorf("%q: %s, %q, asked %v, dialled %v", r.said, status, body, w.asked, w.dialled)
		}
	}
}

// A request whose end two readers could see at two places is refused, or written anew with one end. The second request
// in it must never reach the host that the first one was let to.
func TestARequestHasOneEnd(t *testing.T) {
	const inner = "GET http://c.example/smuggled HTTP/1.1\r\nHost: c.example\r\nConnection: close\r\n\r\n"
	rows := map[string]string{
		"two lengths":                 "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n" + inner,
		"a length and chunks":         "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"a coding nobody knows":       "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"two codings":                 "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
		"a length with a sign":        "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n" + inner,
		"a space before the colon":    "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length : 60\r\n\r\n" + inner,
		"a folded line":               "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 60\r\n\r\n" + inner,
		"nothing before the second":   "GET http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n" + inner,
		"a body that a GET need not":  "GET http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n" + inner,
		"chunks that go on for a bit": "POST http://a.example/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n" + inner,
	}
	for behaviour, said := range rows {
		w := newWorld(t)
		var got []string
		w.hosts["203.0.113.1:80"] = func(conn net.Conn) {
			defer conn.Close()
			data := make([]byte, 1<<16)
			n, _ := conn.Read(data)
			w.mu.Lock()
			got = append(got, string(data[:n]))
			w.mu.Unlock()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
		c := w.client(w.proxy(Policy{Mode: List, Allow: rules(t, "a.example:80")}))
		_, _ = io.Copy(io.Discard, c.send(said))
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, request := range got {
			head, body, _ := strings.Cut(request, "\r\n\r\n")
			whole := strings.Contains(head, fmt.Sprintf("Content-Length: %d", len(body)))
			if strings.Contains(body, "smuggled") && !whole || strings.Contains(head, "smuggled") {
				t.Errorf("%s: the host got %q", behaviour, request)
			}
		}
		for _, d := range w.decisions {
			if d.Host == "c.example" && d.Allowed {
				t.Errorf("%s: %s", behaviour, d)
			}
		}
	}
}

func TestAHeadOfTenMegabytesIsNotKept(t *testing.T) {
	w := newWorld(t)
	c := w.client(w.proxy(Policy{Mode: On}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		_, _ = fmt.Fprintf(c.Conn, "GET http://a.example/ HTTP/1.1\r\nX: %s\r\n\r\n", strings.Repeat("x", 10<<20))
	}()
	if status, _ := c.answer("GET"); status != "431 Request Header Fields Too Large" {
		t.Error(status)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 { // the test's own copy is 10 MiB, twice
		t.Errorf("%d bytes more", grown)
	}
}

func TestAHeadMustComeInTenSeconds(t *testing.T) {
	for _, said := range []string{"", "GET http://a.exam"} {
		synctest.Test(t, func(t *testing.T) {
			near, served := serve(t, NewProxy(Policy{Mode: On}, newWorld(t).options()))
			start := time.Now()
			_, _ = io.WriteString(near, said)
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				for err := error(nil); err == nil && said != ""; _, err = io.WriteString(near, "a") { // one letter a second
					<-time.After(time.Second)
				}
			}()
			_, _ = io.Copy(io.Discard, near)
			<-served
			near.Close()
			<-stopped
			if took := time.Since(start); took < headTime || took > headTime+time.Second {
				t.Errorf("%q: after %v", said, took)
			}
		})
	}
}

func TestAHostThatDoesNotAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := newWorld(t).options()
		options.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		near, served := serve(t, NewProxy(Policy{Mode: On}, options))
		start := time.Now()
		_, _ = io.WriteString(near, "CONNECT a.example:80 HTTP/1.1\r\n\r\n")
		answer, _ := io.ReadAll(near)
		<-served
		if !strings.HasPrefix(string(answer), "HTTP/1.1 502 berth: a.example:80 cannot be reached: no answer in time\r\n") || time.Since(start) != dialTime {
			t.Errorf("after %v: %s", time.Since(start), answer)
		}
	})
}

func TestAClientThatGoesStopsItsDial(t *testing.T) {
	w := newWorld(t)
	gone := make(chan struct{})
	options := w.options()
	options.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		w.mu.Lock()
		w.dialled = append(w.dialled, "dialling")
		w.mu.Unlock()
		gone <- struct{}{}
		<-ctx.Done()
		gone <- struct{}{}
		return nil, ctx.Err()
	}
	c := w.client(NewProxy(Policy{Mode: On}, options))
	c.send("CONNECT a.example:80 HTTP/1.1\r\n\r\n")
	<-gone
	c.Close()
	<-gone
}

func TestAFamilyThatLeadsNowhereCostsAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.names["two.example."] = []string{"2001:db8::1", "203.0.113.1"}
		options := w.options()
		options.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			if to.Addr().Is6() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return piped(func(conn net.Conn) { conn.Close() })(ctx, to)
		}
		near, served := serve(t, NewProxy(Policy{Mode: On}, options))
		start := time.Now()
		_, _ = io.WriteString(near, "CONNECT two.example:80 HTTP/1.1\r\n\r\n")
		answer, _ := io.ReadAll(near)
		<-served
		if !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") || time.Since(start) != staggerTime {
			t.Errorf("after %v: %s", time.Since(start), answer)
		}
	})
}

func TestTheFirstReasonOfAllAddressesIsGiven(t *testing.T) {
	w := newWorld(t)
	w.names["many.example."] = strings.Fields(strings.Repeat("203.0.113.1 203.0.113.2 ", 20))
	options := w.options()
	options.Dial = func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dialled = append(w.dialled, to.String())
		if len(w.dialled) == 1 {
			return nil, fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
		}
		return nil, errors.New("another")
	}
	got := w.client(NewProxy(Policy{Mode: On}, options)).connect("many.example:80")
	if got != "502 berth: many.example:80 cannot be reached: nothing listens there" || len(w.dialled) != maxAddrs {
		t.Errorf("%s, %d dials", got, len(w.dialled))
	}
}

// A tunnel lives as long as a byte moves now and then, whichever way; it ends when none does for hours.
func TestATunnelOutlivesPausesAndEndsWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := newWorld(t).options()
		options.Dial = piped(func(conn net.Conn) {
			for range 5 {
				<-time.After(idleTime - time.Hour)
				if _, err := io.WriteString(conn, "x"); err != nil {
					t.Error(err)
				}
			}
			_, _ = io.Copy(io.Discard, conn)
		})
		near, served := serve(t, NewProxy(Policy{Mode: On}, options))
		start := time.Now()
		_, _ = io.WriteString(near, "CONNECT a.example:80 HTTP/1.1\r\n\r\n")
		answer, _ := io.ReadAll(near)
		<-served
		last := start.Add(5 * (idleTime - time.Hour))
		if took := time.Since(last); !strings.HasSuffix(string(answer), "\r\n\r\nxxxxx") || took < idleTime || took > 2*idleTime {
			t.Errorf("%q, ended %v after the last byte", answer, took)
		}
	})
}

func TestAWriteThatNobodyTakesEndsTheTunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options := newWorld(t).options()
		options.Dial = piped(func(conn net.Conn) { _, _ = io.WriteString(conn, "nobody reads this"); conn.Close() })
		near, served := serve(t, NewProxy(Policy{Mode: On}, options))
		start := time.Now()
		_, _ = io.WriteString(near, "CONNECT a.example:80 HTTP/1.1\r\n\r\n")
		_, _ = near.Read(make([]byte, 100))
		<-served
		if took := time.Since(start); took != 2*idleTime {
			t.Errorf("after %v", took)
		}
	})
}

// A reader that takes its time holds back its own host, and nobody else.
func TestASlowReaderHoldsBackItsHostOnly(t *testing.T) {
	w := newWorld(t)
	sent := make(chan int64, 1)
	w.hosts["203.0.113.1:80"] = func(conn net.Conn) {
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, _ := io.Copy(conn, endless{})
		sent <- n
	}
	w.hosts["203.0.113.2:80"] = echo
	p := w.proxy(Policy{Mode: On})
	w.client(p).connect("a.example:80")
	c := w.client(p)
	c.connect("b.example:80")
	got := make([]byte, 4)
	if _, err := io.ReadFull(c.send("ping"), got); err != nil {
		t.Error(err)
	}
	if n := <-sent; n > 64<<20 {
		t.Errorf("%d bytes are under way to a reader that reads nothing", n)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnEndlessBodyEndsWithItsAnswer(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"] = func(conn net.Conn) {
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1<<16))
		fmt.Fprint(conn, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // closing over what still comes would reset the answer away
	}
	c := w.client(w.proxy(Policy{Mode: On}))
	c.send("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for err := error(nil); err == nil; _, err = io.WriteString(c.Conn, "4000\r\n"+strings.Repeat("x", 0x4000)+"\r\n") {
		}
	}()
	if status, _ := c.answer("POST"); status != "413 Request Entity Too Large" {
		t.Error(status)
	}
	<-stopped // the proxy hangs up: it does not read to an end that never comes
}

// Whatever a client says: no panic, nothing is looked up, dialled or allowed but what the list names, and the proxy
// lets go of the connection.
func FuzzServe(f *testing.F) {
	for _, seed := range []string{
		"CONNECT a.example:80 HTTP/1.1\r\n\r\nx", "GET http://a.example/ HTTP/1.1\r\nHost: b\r\n\r\n", "CONNECT b.example:443 HTTP/1.1\r\n\r\n",
		"POST http://A.Example./ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET http://b.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://a.example:80@b.example/ HTTP/1.0\r\n\r\n", "CONNECT a.example:80\tx HTTP/1.1\r\n\r\n", "GET http://[::1]%61.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			options := w.options()
			options.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
				if to.String() != "203.0.113.1:80" {
					t.Errorf("%q dials %v", said, to)
				}
				return piped(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })(ctx, to)
			}
			near, served := serve(t, NewProxy(Policy{Mode: List, Allow: rules(t, "a.example:80")}, options))
			go func() { _, _ = io.Copy(io.Discard, near) }()
			_ = near.SetWriteDeadline(time.Now().Add(time.Hour))
			_, _ = near.Write(said)
			synctest.Wait()
			near.Close()
			<-served
			for _, name := range w.asked {
				if name != "a.example." {
					t.Errorf("%q asks for %q", said, name)
				}
			}
			for _, d := range w.decisions {
				if d.Allowed && (d.Host != "a.example" || d.Port != 80) {
					t.Errorf("%q: %s", said, d)
				}
			}
		})
	})
}
