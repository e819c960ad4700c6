// Package gateway stands between the user's browser and one sandbox: it listens on loopback, lets in who holds a
// one-time key and then its cookie, keeps the server's key away from browsers, and forwards the rest.
package gateway

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/secret"
)

// The kinds of links. Any other kind is forwarded as it is, behind the same lock.
const (
	KindAPI  = "api"
	KindCode = "code"
	KindVNC  = "vnc"
)

// Link is one port of the sandbox that the user may reach.
type Link struct {
	Kind   string // KindAPI, KindCode, KindVNC or a word of the caller's; one link a kind
	Inside uint16 // on the sandbox's loopback
	Port   uint16 // on this machine's loopback
}

// FrontConfig is what a Front is made from.
type FrontConfig struct {
	Name    string        // of the sandbox; the links' host is <name>.localhost
	Links   []Link        //
	Session secret.String // the server's key, 64 hex digits or empty; it never leaves towards a browser
	Secret  secret.String // cookies and placeholders are derived from it, so that a gateway started again knows its browsers
	Run     string        // this run of the sandbox, to which cookies are bound
	Plain   bool          // links are written with 127.0.0.1, where names below localhost are not known
	UID     int           // whose connections are let in on Linux
	WSL     bool          // connections of root are let in too: Windows' browsers come as root
	Dial    func(ctx context.Context, inside uint16) (net.Conn, error)
	Sink    event.Sink // may be nil

	Revoked  []string           // logins that OnRevoke was told of before
	OnRevoke func(login string) // told of a login that counts no more, to keep it; may be nil. It is no secret
}

// Front serves the links of one sandbox. It is safe for concurrent use.
type Front struct {
	config      FrontConfig
	links       map[uint16]*link
	keys        keyring
	logins      logins
	session     []byte // the server's key
	placeholder []byte // what browsers have in its place
	client      []byte // what programs have in its place
	state       atomic.Pointer[string]
	connections
}

// link is a Link with what is derived from it once.
type link struct {
	Link
	hosts  []string // values of Host that are this link's
	cookie string   // its login cookie's name
}

// NewFront checks the configuration and that the users behind connections can be told.
func NewFront(c FrontConfig) (*Front, error) {
	if !c.Session.Empty() && !isKey(c.Session.Reveal()) {
		return nil, fault.New(fault.Usage, "", "session key of %s: not 64 hexadecimal digits", c.Name)
	}
	if c.Secret.Empty() {
		return nil, fault.New(fault.Usage, "", "gateway of %s: no secret to derive cookies from", c.Name)
	}
	if err := peersCanBeTold(); err != nil {
		return nil, fault.New(fault.Failure, "berth doctor", "gateway of %s: the users behind connections cannot be told, so nobody is let in: %w", c.Name, err)
	}
	f := &Front{config: c, links: map[uint16]*link{}, connections: newConnections()}
	f.session, f.placeholder, f.client = []byte(c.Session.Reveal()), []byte(f.derive("placeholder")), []byte(f.derive("client"))
	if c.Plain {
		f.placeholder = []byte(sharedPlaceholder)
	}
	f.logins.revoke(c.Revoked)
	f.SetState("")
	for _, l := range c.Links {
		f.links[l.Port] = newLink(c.Name, l, c.Plain)
	}
	return f, nil
}

func newLink(name string, l Link, plain bool) *link {
	port := strconv.Itoa(int(l.Port))
	made := &link{Link: l, hosts: []string{name + ".localhost:" + port}, cookie: cookiePrefix + port}
	if plain || l.Kind == KindAPI {
		made.hosts = append(made.hosts, "127.0.0.1:"+port, "[::1]:"+port)
	}
	return made
}

// SetState makes every request be answered by a sentence ("the sandbox is paused; berth resume shop"), until it is
// set to "" again. Connections that were upgraded stay.
func (f *Front) SetState(text string) { f.state.Store(&text) }

// Mint makes a one-time key for the link of a kind: it opens /#k=KEY there once, within ten minutes.
func (f *Front) Mint(kind string) (secret.String, error) {
	for _, l := range f.links {
		if l.Kind == kind {
			return f.keys.mint(l.Port, time.Now()), nil
		}
	}
	return secret.String{}, fault.New(fault.NotFound, "", "%s: %s has no such link", kind, f.config.Name)
}

// ClientKey is what programs give as X-Session-API-Key on the API's port. It is the gateway's own, not the server's.
func (f *Front) ClientKey() secret.String { return secret.New(string(f.client)) }

// Serve answers the connections of one listener of a link's port. It ends when ctx does, with nil, and then closes
// the listener and this port's connections.
func (f *Front) Serve(ctx context.Context, port uint16, l net.Listener) error {
	at, known := f.links[port]
	if !known {
		return fault.New(fault.Failure, "", "port %d: no link of %s", port, f.config.Name)
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var all sync.WaitGroup
	defer all.Wait()
	return acceptAll(ctx, l, func(conn net.Conn) {
		if v := f.enter(at, conn); v != nil {
			all.Go(func() { v.serve(ctx) })
		}
	})
}

// acceptAll hands on each connection of a listener until ctx ends, then it gives nil, or the listener is closed.
func acceptAll(ctx context.Context, l net.Listener, each func(net.Conn)) error {
	for pause := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors, mostly: wait for some to come back
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			wait(ctx, pause)
			continue
		}
		pause = 0
		each(conn)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tell emits an event for the user.
func (f *Front) tell(stage event.Stage, text string) {
	if f.config.Sink != nil {
		f.config.Sink(event.Event{Time: time.Now().UTC(), Sandbox: f.config.Name, Step: "gateway", Stage: stage, Text: text})
	}
}

// isKey tells whether s has the form of secret.NewKey.
func isKey(s string) bool {
	return len(s) == keyLength && strings.Trim(s, "0123456789abcdef") == ""
}
