package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
)

// mux is either end of many streams over one pipe.
//
// yamux's Close is a half-close: it ends what this side writes. That a stream is not read any more it cannot say, so
// the other end would write until its window is full and wait there for ever; kindGone on the control stream says it.
type mux struct {
	session *yamux.Session
	accept  func(conn *stream, first message)
	end     func(error)
	out     chan message // for the control stream
	book    *ledger

	mostOurs, mostTheirs int // streams at once, by who opened them

	dead    atomic.Bool
	mu      sync.Mutex
	control *stream
	live    map[uint32]*stream
	ours    int             // of live, those this side opened
	early   map[uint32]bool // gone before they were accepted
	last    uint32          // stream accepted
	odd     uint32          // last bit of the streams the peer opens
}

// settings are performance.md's: no timeout may cut a sandbox that is paused, or a stream that is half closed.
func settings() *yamux.Config {
	return &yamux.Config{
		AcceptBacklog: maxStreams, MaxStreamWindowSize: window,
		ConnectionWriteTimeout: 365 * 24 * time.Hour, LogOutput: io.Discard,
		KeepAliveInterval: time.Hour, // off, but yamux wants one
	}
}

func newMux(pipe io.ReadWriteCloser, host bool, accept func(*stream, message), end func(error)) (*mux, error) {
	m := &mux{
		accept: accept, end: end, out: make(chan message, 4*maxStreams),
		live: map[uint32]*stream{}, early: map[uint32]bool{}, book: newLedger(),
	}
	start := yamux.Server
	m.odd, m.mostOurs, m.mostTheirs = 1, maxProxies+1, maxDials // and the control stream
	if host {
		start, m.odd, m.mostOurs, m.mostTheirs = yamux.Client, 0, maxDials, 2*maxProxies // some are ended inside and not yet here
	}
	session, err := start(&guard{ReadWriteCloser: pipe, lost: m.lost, book: m.book}, settings())
	if err != nil {
		pipe.Close()
		return nil, err
	}
	m.session = session
	go func() {
		<-session.CloseChan()
		m.expire()
	}()
	return m, nil
}

// serve accepts streams until the session ends.
func (m *mux) serve() {
	for {
		raw, err := m.session.AcceptStream()
		if err != nil {
			m.lost(err)
			m.close()
			return
		}
		conn := m.register(raw, true)
		switch open := m.session.NumStreams(); {
		case open > 2*maxStreams:
			m.lost(fmt.Errorf("%d streams: %w", open, ErrProtocol))
			m.close()
			return
		case open > maxStreams, m.theirs() > m.mostTheirs:
			conn.Close()
		default:
			go m.first(conn)
		}
	}
}

// first reads a stream's first message, for which the opener has handshakeTime.
func (m *mux) first(conn *stream) {
	_ = conn.SetReadDeadline(time.Now().Add(handshakeTime))
	first, err := readMessage(conn)
	if err != nil {
		conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	m.accept(conn, first)
}

// open makes a stream that begins with a message.
func (m *mux) open(first message) (*stream, error) {
	if m.session.NumStreams() >= maxStreams || m.full() {
		return nil, ErrTooMany
	}
	raw, err := m.session.OpenStream()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClosed, err)
	}
	conn := m.register(raw, false)
	if _, err := conn.Write(first.encode()); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// full tells whether this side has opened all it may.
func (m *mux) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ours >= m.mostOurs
}

// theirs gives how many streams the peer has opened.
func (m *mux) theirs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.live) - m.ours
}

// setControl takes the stream as the control stream, if there is none yet, and begins to write there.
func (m *mux) setControl(conn *stream) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.control != nil {
		return false
	}
	m.control = conn
	go m.write(conn)
	return true
}

// write writes to the control stream what waits for it.
func (m *mux) write(control *stream) {
	for {
		select {
		case next := <-m.out:
			if _, err := control.Write(next.encode()); err != nil {
				return
			}
		case <-m.session.CloseChan():
			return
		}
	}
}

// send queues a message for the control stream; a peer that has let thousands lie is told no more.
func (m *mux) send(next message) error {
	select {
	case <-m.session.CloseChan():
		return ErrClosed
	default:
	}
	select {
	case m.out <- next:
		return nil
	default:
		return ErrTooMany
	}
}

func (m *mux) close() error {
	m.expire()
	return m.session.Close()
}

// lost ends the tunnel for what went wrong with the pipe.
func (m *mux) lost(err error) {
	if !errors.Is(err, ErrProtocol) {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	m.end(err)
	m.expire()
}

// expire wakes whoever waits in a stream. In yamux v0.1.2 a reader that waits while its session ends runs in a circle
// until its own stream is closed, and hundreds of them on two cores keep that from happening for minutes.
func (m *mux) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead.Store(true)
	for _, conn := range m.live {
		_ = conn.Stream.SetDeadline(time.Unix(1, 0))
	}
}

func (m *mux) register(raw *yamux.Stream, accepted bool) *stream {
	conn := &stream{Stream: raw, mux: m, ours: !accepted}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[raw.StreamID()] = conn
	if conn.ours {
		m.ours++
		m.book.opened(raw.StreamID())
	}
	if m.dead.Load() {
		_ = raw.SetDeadline(time.Unix(1, 0))
	}
	if accepted {
		m.last = max(m.last, raw.StreamID())
		if m.early[raw.StreamID()] {
			delete(m.early, raw.StreamID())
			conn.unread()
		}
	}
	return conn
}

// gone notes that the peer does not read a stream any more.
func (m *mux) gone(id uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	conn, found := m.live[id]
	ahead := id%2 == m.odd && id > m.last
	switch {
	case found:
		conn.unread()
	case ahead && len(m.early) >= maxStreams:
		return fmt.Errorf("end of unknown streams: %w", ErrProtocol)
	case ahead:
		m.early[id] = true
	}
	return nil
}

// stream is one connection over a mux.
type stream struct {
	*yamux.Stream
	mux    *mux
	ours   bool // opened by this side
	once   sync.Once
	closed atomic.Bool            // by this side, wholly
	eof    atomic.Bool            // the peer has written all
	lost   atomic.Bool            // the peer does not read any more
	told   atomic.Pointer[func()] // of lost, by unread
}

// Read reads; after Close it gives net.ErrClosed.
func (c *stream) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	if c.mux.book.read(c.StreamID(), n) {
		c.Shrink()
	}
	switch {
	case err != nil && c.mux.dead.Load() && !c.eof.Load():
		err = ErrClosed // what was cut must not look whole
	case errors.Is(err, io.EOF):
		c.eof.Store(true)
	case errors.Is(err, yamux.ErrTimeout) && c.closed.Load():
		err = net.ErrClosed
	case errors.Is(err, yamux.ErrTimeout):
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Write writes; when the peer has closed it gives syscall.ECONNRESET, as TCP does.
func (c *stream) Write(p []byte) (int, error) {
	if c.lost.Load() {
		return 0, syscall.ECONNRESET
	}
	n, err := c.Stream.Write(p)
	switch {
	case err != nil && c.mux.dead.Load():
		err = ErrClosed
	case errors.Is(err, yamux.ErrTimeout) && c.closed.Load(), errors.Is(err, yamux.ErrStreamClosed):
		err = net.ErrClosed
	case errors.Is(err, yamux.ErrTimeout) && c.lost.Load():
		err = syscall.ECONNRESET
	case errors.Is(err, yamux.ErrTimeout):
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// CloseWrite ends what this side writes; it can still read.
func (c *stream) CloseWrite() error { return c.Stream.Close() }

// Close ends both directions: what was written still arrives, what the peer writes is refused.
func (c *stream) Close() error {
	c.once.Do(func() {
		c.closed.Store(true)
		_ = c.Stream.SetDeadline(time.Unix(1, 0))
		c.mux.forget(c)
		go c.finish() // yamux waits for the pipe; who closes does not
	})
	return nil
}

// forget takes a stream that was closed out of the lists.
func (m *mux) forget(conn *stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.live, conn.StreamID())
	if conn.ours {
		m.ours--
	}
	m.book.closed(conn.StreamID())
}

func (c *stream) finish() {
	c.Stream.Close()
	if !c.eof.Load() {
		_ = c.mux.send(message{Kind: kindGone, ID: c.StreamID()})
	}
}

// unread makes writing fail, also a write that waits.
func (c *stream) unread() {
	c.lost.Store(true)
	_ = c.Stream.SetWriteDeadline(time.Unix(1, 0))
	if tell := c.told.Load(); tell != nil {
		(*tell)()
	}
}

// whenUnread has tell called once the peer does not read any more.
func (c *stream) whenUnread(tell func()) {
	c.told.Store(&tell)
	if c.lost.Load() {
		tell()
	}
}

// SetDeadline sets both deadlines.
func (c *stream) SetDeadline(at time.Time) error {
	_ = c.SetReadDeadline(at)
	return c.SetWriteDeadline(at)
}

// SetReadDeadline is net.Conn's; a closed stream keeps the past one, by which its readers wake.
func (c *stream) SetReadDeadline(at time.Time) error {
	if c.closed.Load() || c.mux.dead.Load() {
		return net.ErrClosed
	}
	return c.Stream.SetReadDeadline(at)
}

// SetWriteDeadline is net.Conn's; a stream that is not read any more keeps the past one.
func (c *stream) SetWriteDeadline(at time.Time) error {
	if c.closed.Load() || c.lost.Load() || c.mux.dead.Load() {
		return net.ErrClosed
	}
	return c.Stream.SetWriteDeadline(at)
}

// relay copies both ways until both have ended, each half-closed at its end, or one broke.
func relay(a *stream, b *net.TCPConn) {
	a.whenUnread(func() { _ = b.CloseRead() }) // for which nobody waits: what it sends has no reader
	var both sync.WaitGroup
	both.Go(func() { pump(a, b) })
	both.Go(func() { pump(b, a) })
	both.Wait()
	a.Close()
	b.Close()
}

func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// half is a connection that can end one direction.
type half interface {
	net.Conn
	CloseWrite() error
}

// pump copies one way. After an error nothing more can be promised, so both go, by a reset: a peer that writes into a
// window which a half-closed connection never opens again would wait a minute for another end (Linux 6, tcp_cleanup_rbuf).
func pump(to, from half) {
	buffer := make([]byte, 64<<10)
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, buffer)
	if err != nil {
		abort(to)
		abort(from)
		return
	}
	_ = to.CloseWrite()
}
