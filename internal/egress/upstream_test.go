package egress

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestTheHostsProxyIsReadFromItsVariables(t *testing.T) {
	rows := []struct {
		environ         map[string]string
		tunnel, request string // where a.example goes, "" for directly
	}{
		{nil, "", ""},
		{map[string]string{"HTTPS_PROXY": "http://p.lan:3128"}, "http://p.lan:3128", ""},
		{map[string]string{"HTTP_PROXY": "p.lan:3128"}, "", "http://p.lan:3128"},
		{map[string]string{"HTTPS_PROXY": "http://upper.lan", "https_proxy": "https://me:pw@lower.lan/path?q"}, "https://me:pw@lower.lan", ""},
		{map[string]string{"ALL_PROXY": "http://all.lan:1", "HTTP_PROXY": "http://p.lan:2"}, "http://all.lan:1", "http://p.lan:2"},
		{map[string]string{"HTTPS_PROXY": "http://p.lan", "NO_PROXY": "*"}, "", ""},
	}
	for _, r := range rows {
		u, err := UpstreamOf(r.environ)
		if err != nil {
			t.Errorf("%v: %v", r.environ, err)
			continue
		}
		w := wish{name: name{text: "a.example"}, port: 443}
		for plain, want := range map[bool]string{false: r.tunnel, true: r.request} {
			w.plain = plain
			got := ""
			if via := u.proxyFor(w); via != nil {
				got = via.String()
			}
			if got != want {
				t.Errorf("%v: %v goes through %q, want %q", r.environ, w, got, want)
			}
		}
	}
}

func TestAProxyThatCannotBeUsedIsRefusedWithoutItsPassword(t *testing.T) {
	rows := []struct{ value, text, hint string }{
		{"socks5://me:hunter2@p.lan:1080", "https_proxy: berth goes through http and https proxies, not through socks5", "name an http or https proxy, or unset it"},
		{"http://me:hunter2@:80", "https_proxy: not the address of a proxy", "give it the form http://host:port"},
		{"http://me:hunter2@p.lan:http", "https_proxy: not the address of a proxy", "give it the form http://host:port"},
	}
	for _, r := range rows {
		_, err := UpstreamOf(map[string]string{"https_proxy": r.value})
		if err == nil || err.Error() != r.text || fault.HintOf(err) != r.hint || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
			t.Errorf("%s: %v (%s)", r.value, err, fault.HintOf(err))
		}
	}
}

func TestWhatNoProxyNames(t *testing.T) {
	rows := []struct {
		list, host string
		port       uint16
		want       bool
	}{
		{"example.com", "example.com", 443, true},
		{"example.com", "www.example.com", 443, true},
		{"example.com", "badexample.com", 443, false},
		{".example.com", "www.example.com", 443, true},
		{".example.com", "example.com", 443, false},
		{"*.example.com", "www.example.com", 443, true},
		{"a.lan, EXAMPLE.com", "example.com", 443, true},
		{"example.com:8443", "example.com", 8443, true},
		{"example.com:8443", "example.com", 443, false},
		{"203.0.113.7", "203.0.113.7", 443, true},
		{"203.0.113.0/24", "203.0.113.7", 443, true},
		{"203.0.113.0/24", "198.51.100.7", 443, false},
		{"203.0.113.0/24", "example.com", 443, false},
		{"[2001:db8::1]:443", "2001:db8::1", 443, true},
		{"2001:db8::1", "2001:db8::1", 443, true},
		{"*", "example.com", 443, true},
		{",,", "example.com", 443, false},
	}
	for _, r := range rows {
		u, err := UpstreamOf(map[string]string{"NO_PROXY": r.list})
		if err != nil {
			t.Fatal(err)
		}
		n, err := parseName(r.host)
		if got := u.passes(wish{name: n, port: r.port}); got != r.want || err != nil {
			t.Errorf("%q names %s:%d: %v, %v", r.list, r.host, r.port, got, err)
		}
	}
}

// company is a proxy that answers CONNECT, and then greets before anybody has spoken: what it says after its answer
// belongs to the tunnel.
func company(heard chan<- string, answer string) func(net.Conn) {
	return func(conn net.Conn) {
		defer conn.Close()
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		heard <- fmt.Sprintf("%s %s %q %q", r.Method, r.RequestURI, r.Header.Get("Proxy-Authorization"), r.Header.Get("User-Agent"))
		_, _ = io.WriteString(conn, answer)
		_, _ = io.Copy(conn, conn)
	}
}

func TestTunnelsGoThroughTheHostsProxyByName(t *testing.T) {
	w := newWorld(t)
	heard := make(chan string, 1)
	w.names["proxy.lan"] = []string{"10.0.0.1"} // as private as it likes: the user named it
	w.hosts["10.0.0.1:3128"] = company(heard, "HTTP/1.1 200 OK\r\nX: y\r\n\r\ngreeting")
	options := w.options()
	var err error
	if options.Upstream, err = UpstreamOf(map[string]string{"HTTPS_PROXY": "http://me:p%40ss@proxy.lan:3128", "NO_PROXY": "b.example"}); err != nil {
		t.Fatal(err)
	}
	p := NewProxy(Policy{Mode: List, Allow: rules(t, "inner.example:80", "b.example:80"), Private: targets(t, "git.lan:80")}, options)
	c := w.client(p)
	if got := c.connect("inner.example:80"); got != "200 Connection established" {
		t.Fatal(got)
	}
	got := make([]byte, 12)
	if _, err := io.ReadFull(c.send("ping"), got); err != nil || string(got) != "greetingping" {
		t.Errorf("%q, %v", got, err)
	}
	if got := <-heard; got != `CONNECT inner.example:80 "Basic bWU6cEBzcw==" ""` {
		t.Error(got)
	}
	if fmt.Sprint(w.asked) != "[proxy.lan]" {
		t.Errorf("asked for %v", w.asked)
	}
	const said = "by this machine's own proxy, which alone sees the address"
	if told := w.told()[0]; !told.Allowed || !told.Unresolved || told.Reason != said {
		t.Errorf("%+v", told)
	}

	w.hosts["203.0.113.2:80"], w.hosts["10.0.0.9:80"] = echo, echo
	for _, direct := range []string{"b.example:80", "git.lan:80"} {
		if got := w.client(p).connect(direct); got != "200 Connection established" || len(heard) > 0 {
			t.Errorf("%s: %s", direct, got)
		}
	}
	if got := w.client(p).connect("c.example:80"); got != "403 berth: c.example:80 is not on the egress list" {
		t.Error(got)
	}
}

func TestAddressesAreJudgedEvenBeforeTheHostsProxy(t *testing.T) {
	w := newWorld(t)
	options := w.options()
	options.Upstream, _ = UpstreamOf(map[string]string{"ALL_PROXY": "http://203.0.113.9:3128"})
	p := NewProxy(Policy{Mode: On}, options)
	for _, to := range []string{"169.254.169.254:80", "[::1]:80", "198.51.100.7:80", "x.localhost:80"} {
		if got := w.client(p).connect(to); !strings.HasPrefix(got, "403 berth: "+to+" ") || len(w.dialled) > 0 {
			t.Errorf("%s: %s", to, got)
		}
	}
}

func TestAProxyThatRefusesIsQuotedByNumber(t *testing.T) {
	rows := map[string]string{
		"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n": "502 berth: this machine's own proxy refused a.example:80 with status 407",
		"rubbish\r\n\r\n": "502 berth: this machine's own proxy gave no answer: the connection broke",
		"HTTP/1.1 200 OK": "502 berth: this machine's own proxy gave no answer: the connection broke",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20): "502 berth: this machine's own proxy gave no answer: the connection broke",
	}
	for answer, want := range rows {
		w := newWorld(t)
		w.names["proxy.lan"] = []string{"10.0.0.1"}
		w.hosts["10.0.0.1:80"] = func(conn net.Conn) {
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
		options := w.options()
		options.Upstream, _ = UpstreamOf(map[string]string{"HTTPS_PROXY": "http://proxy.lan"})
		if got := w.client(NewProxy(Policy{Mode: On}, options)).connect("a.example:80"); got != want {
			t.Errorf("%.40q: %s", answer, got)
		}
	}
	w := newWorld(t)
	options := w.options()
	options.Upstream, _ = UpstreamOf(map[string]string{"HTTPS_PROXY": "http://nowhere.lan"})
	if got := w.client(NewProxy(Policy{Mode: On}, options)).connect("a.example:80"); got != "502 berth: this machine's own proxy cannot be reached: its name is not known" {
		t.Error(got)
	}
}

func TestPlainRequestsGoThroughTheHostsProxy(t *testing.T) {
	w := newWorld(t)
	w.names["proxy.lan"] = []string{"10.0.0.1"}
	w.hosts["10.0.0.1:3128"] = page
	options := w.options()
	options.Upstream, _ = UpstreamOf(map[string]string{"HTTP_PROXY": "http://me:pw@proxy.lan:3128"})
	c := w.client(NewProxy(Policy{Mode: On}, options))
	status, body := c.send("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: Basic b3duOm9uZQ==\r\n\r\n").answer("GET")
	if want := "GET a.example http://a.example/x\nConnection: close\nProxy-Authorization: Basic bWU6cHc=\n"; status != "200 OK" || body != want {
		t.Errorf("%s\n%s\nwant\n%s", status, body, want)
	}
	if got := fmt.Sprint(w.dialled, w.asked); got != "[10.0.0.1:3128] [proxy.lan]" {
		t.Error(got)
	}
}

func TestAnHTTPSProxyIsSpokenToInTLS(t *testing.T) {
	w := newWorld(t)
	heard := make(chan string, 2)
	cert, roots := certificate()
	w.names["example.com"] = []string{"10.0.0.1"} // the name in the test library's certificate
	w.hosts["10.0.0.1:443"] = func(conn net.Conn) {
		company(heard, "HTTP/1.1 200 OK\r\n\r\n")(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
	}
	options := w.options()
	options.Roots = roots
	options.Upstream, _ = UpstreamOf(map[string]string{"HTTPS_PROXY": "https://example.com"})
	c := w.client(NewProxy(Policy{Mode: On}, options))
	if got := c.connect("a.example:80"); got != "200 Connection established" {
		t.Fatal(got)
	}
	c.send("said")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "said" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	options.Roots = x509.NewCertPool()
	if got := w.client(NewProxy(Policy{Mode: On}, options)).connect("a.example:80"); got != "502 berth: this machine's own proxy gave no answer: its certificate is not trusted here" {
		t.Error(got)
	}
}

func certificate() (tls.Certificate, *x509.CertPool) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
}

func TestTheZeroOptionsAreThisMachine(t *testing.T) {
	p := NewProxy(Policy{Mode: On}, Options{})
	r := route{wish: wish{name: name{text: "127.0.0.1", addr: netip.MustParseAddr("127.0.0.1")}, port: 80}}
	if _, err := p.judge(t.Context(), r.wish); err == nil || err.Error() != "127.0.0.1:80 is loopback; only egress_private in the user's own configuration leads there" {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := p.world.Dial(t.Context(), netip.MustParseAddrPort(l.Addr().String()))
	if _, plain := conn.(*net.TCPConn); err != nil || !plain {
		t.Fatalf("%T, %v: the kernel copies between bare TCP connections only", conn, err)
	}
	conn.Close()
}
