package tunnel

import (
	"context"
	"fmt"
	"io"
	"net"
)

// version is of what the two ends say to each other; berth delivers both, so they are equal or strangers.
const version = 2

// Exec makes the host's end of streams over the standard streams of an exec, and waits for the other end's hello.
// It owns pipe, whose Close must end a Read; on an error it has closed it.
func Exec(ctx context.Context, pipe io.ReadWriteCloser, ports Ports) (*Tunnel, error) {
	t := newTunnel("exec", ports)
	h := &execHost{t: t, mux: newMux(pipe, true), hello: make(chan struct{})}
	h.mux.end, h.mux.other = t.end, h.other
	h.mux.accept = func(_ message, conn *stream) { t.offer(conn) }
	t.link = h
	go h.mux.serve()
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	var err error
	select {
	case <-h.hello:
		return t, nil
	case <-t.done:
		err = t.Err()
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.Close()
	return nil, fmt.Errorf("tunnel by exec: %w", err)
}

// execHost is the host's end of a mux.
type execHost struct {
	t     *Tunnel
	mux   *mux
	hello chan struct{}
	said  bool // hello; only the mux's reader looks
}

func (h *execHost) close() error { return h.mux.close() }

func (h *execHost) dial(ctx context.Context, port uint16) (net.Conn, error) {
	conn, err := h.mux.dial(message{Kind: kindDial, Port: port})
	if err != nil {
		return nil, h.because(err)
	}
	select {
	case err = <-conn.answer:
	case <-h.t.done:
		err = h.t.Err()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, h.because(err)
	}
	return conn, nil
}

// because gives the reason for which the tunnel ended instead of that it did.
func (h *execHost) because(err error) error {
	if ended := h.t.Err(); ended != nil {
		return ended
	}
	return err
}

// other takes the hello, once and first, and the status.
func (h *execHost) other(m message) error {
	switch {
	case !h.said && (m.Kind != kindHello || m.Code != version):
		return fmt.Errorf("a hello that is none: %w", ErrProtocol)
	case !h.said:
		h.said = true
		close(h.hello)
		return nil
	case m.Kind != kindStatus:
		return fmt.Errorf("message of kind %d: %w", m.Kind, ErrProtocol)
	}
	s, err := m.status()
	if err == nil {
		h.t.tell(s)
	}
	return err
}

// Serve makes the inner end over the program's standard streams. It owns pipe.
func Serve(pipe io.ReadWriteCloser, ports Ports) (*Inside, error) {
	in := &Inside{life: newLife()}
	e := &execInside{mux: newMux(pipe, false), in: in, ports: ports, proxies: make(chan struct{}, maxProxies)}
	e.mux.end, e.mux.other = in.end, e.other
	e.mux.accept = func(first message, conn *stream) { go e.dialled(first, conn) }
	in.link = e
	err := e.send(message{Kind: kindHello, Code: version})
	go e.mux.serve()
	return in, err
}

// execInside is the inner end of a mux.
type execInside struct {
	in    *Inside
	mux   *mux
	ports Ports

	proxies chan struct{} // open
}

func (e *execInside) close() error         { return e.mux.close() }
func (e *execInside) send(m message) error { return e.mux.tell(m) }

func (e *execInside) other(m message) error {
	return fmt.Errorf("message of kind %d: %w", m.Kind, ErrProtocol)
}

func (e *execInside) proxy(conn *net.TCPConn) error {
	select {
	case e.proxies <- struct{}{}:
	case <-e.in.done:
		return e.in.Err()
	}
	stream, err := e.mux.dial(message{Kind: kindProxy})
	if err != nil {
		<-e.proxies
		return err
	}
	go func() {
		relay(stream, conn)
		<-e.proxies
	}()
	return nil
}

// dialled answers a dial of the host's.
func (e *execInside) dialled(first message, conn *stream) {
	tcp, how := dialLoopback(context.Background(), e.ports, first.Port)
	e.mux.answer(conn, message{Kind: kindDialled, Code: byte(how), Port: first.Port, ID: first.ID})
	if how == answerYes {
		relay(conn, tcp)
	}
}
