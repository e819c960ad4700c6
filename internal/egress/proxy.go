package egress

import (
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// What one sandbox may take of the host.
const (
	maxConns    = 512              // open at once
	maxHead     = 64 << 10         // bytes of a request's head
	maxAddrs    = 8                // of one name that are dialled
	headTime    = 10 * time.Second // for a request's head, and for a TLS hello
	dialTime    = 15 * time.Second // for looking up and dialling
	waitTime    = 2 * time.Minute  // for the next request on a connection
	idleTime    = 4 * time.Hour    // without a byte either way in a tunnel
	staggerTime = 250 * time.Millisecond
)

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options is the world a proxy lives in. The zero Options is this machine's own.
type Options struct {
	Resolver Resolver                                                       // nil: the host's
	Dial     func(ctx context.Context, to netip.AddrPort) (net.Conn, error) // nil: TCP
	Own      func() []netip.Prefix                                          // this machine's addresses with their networks, none if it cannot tell; nil: asks the machine
	Upstream Upstream                                                       // the host's own proxy
	Roots    *x509.CertPool                                                 // for an https Upstream; nil: the system's
	Log      func(Decision)                                                 // called from several goroutines; nil: nobody listens
	Now      func() time.Time                                               // nil: time.Now
}

// Proxy is an HTTP/1.1 forward proxy that asks its policy before each connection out. It is safe for concurrent use.
type Proxy struct {
	policy  Policy
	world   Options
	slots   chan struct{}
	forward *httputil.ReverseProxy
	refused refusals

	mu   sync.RWMutex
	once []Rule // allowed for this run
}

// NewProxy makes a proxy of a policy. It does nothing until it is given a connection.
func NewProxy(policy Policy, world Options) *Proxy {
	if world.Resolver == nil {
		world.Resolver = net.DefaultResolver
	}
	if world.Dial == nil {
		var d net.Dialer
		world.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", to.String())
		}
	}
	if world.Own == nil {
		world.Own = ownNetworks
	}
	if world.Log == nil {
		world.Log = func(Decision) {}
	}
	if world.Now == nil {
		world.Now = time.Now
	}
	p := &Proxy{policy: policy, world: world, slots: make(chan struct{}, maxConns)}
	p.forward = p.newForward()
	return p
}

// Allow lets a rule through from now on, until the proxy ends. To keep it, the caller puts it into a configuration.
// Under Off nothing is let through all the same.
func (p *Proxy) Allow(r Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.once, r) {
		p.once = append(p.once, r)
	}
}

// Disallow takes rules back that equal r, whoever gave them. Tunnels that are open stay open.
func (p *Proxy) Disallow(r Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	is := func(other Rule) bool { return other == r }
	p.once = slices.DeleteFunc(p.once, is)
	p.policy.Allow = slices.DeleteFunc(slices.Clone(p.policy.Allow), is)
	p.refused.forget()
}

// Once gives the rules that were allowed since the proxy began.
func (p *Proxy) Once() []Rule {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Clone(p.once)
}

// rules are all that mode List lets through now.
func (p *Proxy) rules() []Rule {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Concat(p.policy.Allow, p.once)
}

// Serve answers one connection from inside until either side ends it or ctx does; then it is closed. Under Off and
// Direct it is closed unanswered: there the proxy has nothing to say.
func (p *Proxy) Serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if p.policy.Mode != List && p.policy.Mode != On {
		return
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		refuse(conn, http.StatusServiceUnavailable, "berth: too many connections are open", "")
		return
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	serveOne(ctx, conn, p)
}

// serveOne lets net/http speak on one connection: its parser has met more hostile clients than one of ours would.
func serveOne(ctx context.Context, conn net.Conn, h http.Handler) {
	s := &session{conn: conn, done: make(chan struct{})}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer s.answered()
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: headTime, IdleTimeout: waitTime, MaxHeaderBytes: maxHead - 4096, // net/http adds 4096
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState:   s.state,
		ErrorLog:    log.New(io.Discard, "", 0),

		DisableGeneralOptionsHandler: true,
	}
	_ = server.Serve(s) // ends with net.ErrClosed, when the connection has
}

// session is a listener of the one connection it has already.
type session struct {
	conn  net.Conn
	done  chan struct{}
	end   sync.Once
	mu    sync.Mutex
	given bool
	taken bool // hijacked: it ends with its handler
}

func (s *session) Accept() (net.Conn, error) {
	if !s.given {
		s.given = true
		return s.conn, nil
	}
	<-s.done
	return nil, net.ErrClosed
}

func (s *session) Close() error   { return nil }
func (s *session) Addr() net.Addr { return s.conn.LocalAddr() }

func (s *session) state(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateClosed:
		s.finish()
	case http.StateHijacked:
		s.mu.Lock()
		s.taken = true
		s.mu.Unlock()
	}
}

func (s *session) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken {
		s.finish()
	}
}

func (s *session) finish() { s.end.Do(func() { close(s.done) }) }
