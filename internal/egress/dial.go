package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// dialled is how one attempt ended.
type dialled struct {
	conn net.Conn
	err  error
}

// closeLate closes the connections of attempts that were still running when another had won.
func closeLate(results <-chan dialled, running int) {
	for range running {
		if late := <-results; late.err == nil {
			_ = late.conn.Close()
		}
	}
}

// dial connects to the first of addrs that answers. Each next one starts a moment after the one before, so that a
// family of addresses which leads nowhere costs little. The error is the first address's.
func (p *Proxy) dial(ctx context.Context, addrs []netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialled)
	start := time.NewTimer(0)
	defer start.Stop()
	var first error
	for next, running := 0, 0; ; {
		select {
		case <-start.C:
			to := addrs[next]
			next, running = next+1, running+1
			go func() {
				conn, err := p.world.Dial(ctx, to)
				results <- dialled{conn, err}
			}()
			if next < len(addrs) {
				start.Reset(staggerTime)
			}
		case r := <-results:
			running--
			if r.err == nil {
				go closeLate(results, running)
				return r.conn, nil
			}
			if first == nil {
				first = r.err
			}
			switch {
			case next < len(addrs):
				start.Reset(0)
			case running == 0:
				return nil, first
			}
		}
	}
}

// dialUpstream connects to the host's own proxy, wherever that is: the user named it.
func (p *Proxy) dialUpstream(ctx context.Context, addr string) (net.Conn, error) {
	host, digits, _ := cut(addr)
	port, ok := parsePort(digits)
	if !ok {
		return nil, fmt.Errorf("%s: no port", addr)
	}
	ips, err := p.world.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxAddrs)] {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), port))
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return p.dial(ctx, addrs)
}

// chain connects through the host's own proxy by CONNECT.
func (p *Proxy) chain(ctx context.Context, r route) (net.Conn, error) {
	conn, err := p.dialUpstream(ctx, authority(r.via))
	if err != nil {
		return nil, unreached(r.rule, "this machine's own proxy cannot be reached: %s", plainly(err))
	}
	raw := conn
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	if r.via.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: r.via.Hostname(), RootCAs: p.world.Roots, NextProtos: []string{"http/1.1"}})
	}
	status, err := connectBy(conn, r)
	if err == nil && status == http.StatusOK {
		return conn, nil
	}
	conn.Close()
	if err != nil {
		return nil, unreached(r.rule, "this machine's own proxy gave no answer: %s", plainly(err))
	}
	return nil, unreached(r.rule, "this machine's own proxy refused %s with status %d", r, status)
}

// connectBy asks a proxy for a tunnel. It reads the answer's head byte by byte: what follows it belongs to the tunnel.
func connectBy(conn net.Conn, r route) (status int, err error) {
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: r.String()}, Host: r.String(), Header: http.Header{"User-Agent": {""}}}
	if value := credentials(r.via); value != "" {
		ask.Header.Set("Proxy-Authorization", value)
	}
	if err := ask.Write(conn); err != nil {
		return 0, err
	}
	head := bufio.NewReaderSize(&single{io.LimitReader(conn, maxHead)}, 16)
	answer, err := http.ReadResponse(head, ask) //nolint:bodyclose // an answer to CONNECT has none
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, nil
}

// single reads a byte at a time.
type single struct{ io.Reader }

func (s *single) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(1, len(p))]) }

// plainly says why a connection failed in the words of a person, without addresses: those are no business of a sandbox.
func plainly(err error) string {
	dns, untrusted := (*net.DNSError)(nil), (*tls.CertificateVerificationError)(nil)
	switch timeout := (net.Error)(nil); {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "this machine has no way there"
	case errors.As(err, &dns):
		return "its name is not known"
	case errors.As(err, &untrusted):
		return "its certificate is not trusted here"
	}
	return "the connection broke"
}
