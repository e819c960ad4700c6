package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// socketHost is the host's end of a joined socket.
type socketHost struct {
	t    *Tunnel
	conn *net.UnixConn
	own  uint64
	turn chan struct{} // to write: a peer that does not read holds up a dial no longer than its context
	open atomic.Int32  // streams of the proxy not yet closed

	mu      sync.Mutex
	next    uint32
	waiting map[uint32]*waiting
}

// waiting is a dial without an answer.
type waiting struct {
	port   uint16
	result chan dialled
}

type dialled struct {
	conn *net.TCPConn
	err  error
}

func newSocketTunnel(conn *net.UnixConn, ports Ports, own uint64) *Tunnel {
	t := newTunnel("socket", ports)
	h := &socketHost{t: t, conn: conn, own: own, turn: make(chan struct{}, 1), waiting: map[uint32]*waiting{}}
	t.link = h
	go h.serve()
	return t
}

func (h *socketHost) close() error { return h.conn.Close() }

func (h *socketHost) dial(ctx context.Context, port uint16) (net.Conn, error) {
	id, w, err := h.wait(port)
	if err != nil {
		return nil, err
	}
	if err := h.ask(ctx, message{Kind: kindDial, Port: port, ID: id}); err != nil {
		h.abandon(id, w)
		return nil, err
	}
	select {
	case r := <-w.result:
		if r.err != nil {
			return nil, r.err
		}
		return r.conn, nil
	case <-h.t.done:
		h.abandon(id, w)
		return nil, h.t.Err()
	case <-ctx.Done():
		h.abandon(id, w)
		return nil, ctx.Err()
	}
}

// wait registers a dial.
func (h *socketHost) wait(port uint16) (uint32, *waiting, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) >= maxStreams {
		return 0, nil, ErrTooMany
	}
	h.next++
	w := &waiting{port: port, result: make(chan dialled, 1)}
	h.waiting[h.next] = w
	return h.next, w, nil
}

// abandon forgets a dial; a connection that came just now is closed.
func (h *socketHost) abandon(id uint32, w *waiting) {
	h.mu.Lock()
	delete(h.waiting, id)
	h.mu.Unlock()
	select {
	case r := <-w.result:
		if r.conn != nil {
			r.conn.Close()
		}
	default:
	}
}

// ask writes to the program inside.
func (h *socketHost) ask(ctx context.Context, m message) error {
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-h.t.done:
		return h.t.Err()
	}
	defer func() { <-h.turn }()
	defer until(ctx, h.conn.SetWriteDeadline)()
	err := writePacket(h.conn, m, nil)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// serve reads what the program inside says until one ends it.
func (h *socketHost) serve() {
	buffer := make([]byte, maxMessage)
	for {
		m, fds, err := readPacket(h.conn, buffer)
		if err == nil {
			err = h.take(m, fds)
		} else {
			closeAll(fds)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
		if err != nil {
			_ = h.t.fail(err)
			return
		}
	}
}

// take handles one message; it closes or adopts fds.
func (h *socketHost) take(m message, fds []int) error {
	switch m.Kind {
	case kindDialled:
		return h.dialled(m, fds)
	case kindProxy:
		return h.proxy(fds)
	}
	closeAll(fds)
	if m.Kind != kindStatus {
		return fmt.Errorf("message of kind %d: %w", m.Kind, ErrProtocol)
	}
	s, err := m.status()
	if err == nil {
		h.t.tell(s)
	}
	return err
}

// dialled gives a dial its answer; one that nobody waits for any more is closed.
func (h *socketHost) dialled(m message, fds []int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, found := h.waiting[m.ID]
	known := found || m.ID <= h.next
	delete(h.waiting, m.ID)
	err := m.answer()
	switch {
	case !known, errors.Is(err, ErrProtocol):
		closeAll(fds)
		return fmt.Errorf("an answer that is none: %w", ErrProtocol)
	case !found:
		closeAll(fds)
		return nil
	case err != nil:
		closeAll(fds)
		w.result <- dialled{err: err}
		return nil
	}
	conn, err := adopt(fds, h.own, theirs, w.port)
	w.result <- dialled{conn, err}
	return fatal(err)
}

// fatal keeps only what ends the tunnel: a breach, not a connection that was lost.
func fatal(err error) error {
	if errors.Is(err, ErrProtocol) {
		return err
	}
	return nil
}

// proxy offers a connection that the proxy inside accepted. With too many open it is closed.
func (h *socketHost) proxy(fds []int) error {
	conn, err := adopt(fds, h.own, ours, 0)
	if err != nil {
		return fatal(err)
	}
	if h.open.Add(1) > maxStreams {
		h.open.Add(-1)
		return conn.Close()
	}
	h.t.offer(&counted{TCPConn: conn, open: &h.open})
	return nil
}

// counted is a connection of the proxy, counted until it is closed. What TCPConn splices, it splices.
type counted struct {
	*net.TCPConn
	once sync.Once
	open *atomic.Int32
}

// Close closes the connection.
func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.TCPConn.Close()
}

// Join connects the program inside to the host's socket, and proves itself by the nonce.
func Join(ctx context.Context, path, nonce string, ports Ports) (*Inside, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "unixpacket", path)
	if err != nil {
		return nil, err
	}
	conn := raw.(*net.UnixConn)
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	err = writePacket(conn, message{Kind: kindHello, Code: version, Body: []byte(nonce)}, nil)
	if err == nil {
		err = welcomed(conn)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	_ = conn.SetDeadline(time.Time{})
	in := &Inside{life: newLife()}
	s := &socketInside{in: in, conn: conn, ports: ports, busy: make(chan struct{}, maxStreams)}
	in.link = s
	go s.serve()
	return in, nil
}

func welcomed(conn *net.UnixConn) error {
	m, fds, err := readPacket(conn, make([]byte, maxMessage))
	closeAll(fds)
	if err == nil && m.Kind != kindHello {
		err = ErrProtocol
	}
	return err
}

// socketInside is the inner end of a joined socket.
type socketInside struct {
	in    *Inside
	conn  *net.UnixConn
	ports Ports
	busy  chan struct{} // dials under way
}

func (s *socketInside) close() error         { return s.conn.Close() }
func (s *socketInside) send(m message) error { return writePacket(s.conn, m, nil) }

// proxy sends the accepted connection out and lets go of it here.
func (s *socketInside) proxy(conn *net.TCPConn) error {
	if err := writePacket(s.conn, message{Kind: kindProxy}, conn); err != nil {
		return err
	}
	return conn.Close()
}

// serve answers the host's dials until the socket ends. Descriptors never come in: those that do are closed.
func (s *socketInside) serve() {
	buffer := make([]byte, maxMessage)
	for {
		m, fds, err := readPacket(s.conn, buffer)
		closeAll(fds)
		if err == nil && m.Kind != kindDial {
			err = fmt.Errorf("message of kind %d: %w", m.Kind, ErrProtocol)
		}
		if err != nil {
			_ = s.in.fail(err)
			return
		}
		select {
		case s.busy <- struct{}{}:
			go s.dial(m)
		default:
			_ = s.send(message{Kind: kindDialled, Code: byte(answerTooMany), Port: m.Port, ID: m.ID})
		}
	}
}

// dial connects and passes the descriptor out.
func (s *socketInside) dial(m message) {
	defer func() { <-s.busy }()
	conn, how := dialLoopback(context.Background(), s.ports, m.Port)
	_ = writePacket(s.conn, message{Kind: kindDialled, Code: byte(how), Port: m.Port, ID: m.ID}, conn)
	if conn != nil {
		conn.Close()
	}
}
