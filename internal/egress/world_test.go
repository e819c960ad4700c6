package egress

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is an internet of names, addresses and listeners that a test holds in its hand.
type world struct {
	t     *testing.T
	names map[string][]string // as asked for, so public ones with a last dot
	hosts map[string]func(net.Conn)
	own   []netip.Prefix

	mu        sync.Mutex
	asked     []string
	dialled   []string
	decisions []Decision
}

func newWorld(t *testing.T) *world {
	return &world{t: t, hosts: map[string]func(net.Conn){}, names: map[string][]string{
		"a.example.":     {"203.0.113.1"},
		"b.example.":     {"203.0.113.2"},
		"mixed.example.": {"10.0.0.9", "203.0.113.1", "169.254.169.254", "::1"},
		"inner.example.": {"10.0.0.9", "fd00::9"},
		"meta.example.":  {"169.254.169.254"},
		"own.example.":   {"198.51.100.7"},
		"git.lan":        {"10.0.0.9"},
		"meta.lan":       {"169.254.169.254"},
	}, own: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/24")}}
}

func (w *world) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, host)
	texts, ok := w.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var addrs []netip.Addr
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

// dial gives one end of a connection whose other end the host's function serves. Without one nothing listens there.
func (w *world) dial(_ context.Context, to netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	w.dialled = append(w.dialled, to.String())
	serve := w.hosts[to.String()]
	w.mu.Unlock()
	if serve == nil {
		return nil, fmt.Errorf("%v is nowhere", to)
	}
	near, far := w.pair()
	go serve(far)
	return near, nil
}

// pair joins two TCP connections.
func (w *world) pair() (near, far net.Conn) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		w.t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		w.t.Fatal(err)
	}
	return near, far
}

func (w *world) options() Options {
	return Options{
		Resolver: w, Dial: w.dial, Own: func() []netip.Prefix { return w.own },
		Log: func(d Decision) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.decisions = append(w.decisions, d)
		},
	}
}

func (w *world) proxy(policy Policy) *Proxy { return NewProxy(policy, w.options()) }

// client connects to a proxy. At the test's end the proxy must have let go of the connection.
func (w *world) client(p *Proxy) *inmate {
	w.t.Helper()
	near, far := w.pair()
	served := make(chan struct{})
	go func() {
		p.Serve(w.t.Context(), far)
		close(served)
	}()
	w.t.Cleanup(func() {
		near.Close()
		<-served
	})
	_ = near.SetDeadline(time.Now().Add(20 * time.Second)) // a test that would hang fails
	return &inmate{w.t, near, bufio.NewReader(near)}
}

// inmate is a program inside.
type inmate struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (c *inmate) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *inmate) send(text string) *inmate {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// answer reads one response to a request by method; status is the whole line after the version.
func (c *inmate) answer(method string) (status, body string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	if method == http.MethodConnect && r.StatusCode == http.StatusOK {
		return r.Status, ""
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Status, string(data)
}

// connect asks for a tunnel and gives the answer's status line.
func (c *inmate) connect(hostPort string) string {
	c.t.Helper()
	status, _ := c.send("CONNECT " + hostPort + " HTTP/1.1\r\nHost: " + hostPort + "\r\n\r\n").answer(http.MethodConnect)
	return status
}

// told gives what was logged so far.
func (w *world) told() []Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.decisions)
}

// echo sends back what it gets until the other side has said all.
func echo(conn net.Conn) {
	defer conn.Close()
	_, _ = io.Copy(conn, conn)
}

// page is a web server that answers every request with what it got.
func page(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		var head strings.Builder
		_ = r.Header.Write(&head)
		text := fmt.Sprintf("%s %s %s\n%s%s", r.Method, r.Host, r.RequestURI, strings.ReplaceAll(head.String(), "\r", ""), body)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
}

func rules(t *testing.T, list ...string) []Rule {
	t.Helper()
	out, err := ParseRules(list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func targets(t *testing.T, list ...string) []Target {
	t.Helper()
	out, err := ParseTargets(list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
