package tunnel

import (
	"context"
	"fmt"
	"io"
	"net"
)

// version is of what the two ends say to each other; berth delivers both, so they are equal or strangers.
const version = 1

// Exec makes the host's end of streams over the standard streams of an exec, and waits for the other end's hello.
// It owns pipe, whose Close must end a Read; on an error it has closed it.
func Exec(ctx context.Context, pipe io.ReadWriteCloser, ports Ports) (*Tunnel, error) {
	t := newTunnel("exec", ports)
	end := &execHost{t: t, hello: make(chan struct{})}
	t.link = end
	mux, err := newMux(pipe, true, end.stream, t.end)
	if err != nil {
		return nil, err
	}
	end.mux = mux
	go mux.serve()
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	select {
	case <-end.hello:
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
}

func (h *execHost) close() error { return h.mux.close() }

func (h *execHost) dial(ctx context.Context, port uint16) (net.Conn, error) {
	type opened struct {
		conn *stream
		err  error
	}
	result := make(chan opened, 1)
	go func() {
		conn, err := h.open(ctx, port)
		result <- opened{conn, err}
	}()
	select {
	case r := <-result:
		if r.err != nil {
			return nil, r.err
		}
		return r.conn, nil
	case <-ctx.Done(): // yamux waits without a context; who came too late is closed
		go func() {
			if r := <-result; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// open asks for a port on a stream of its own and reads the answer.
func (h *execHost) open(ctx context.Context, port uint16) (*stream, error) {
	conn, err := h.mux.open(message{Kind: kindDial, Port: port})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	m, err := readMessage(conn)
	if err == nil {
		err = m.answer()
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		if ended := h.t.Err(); ended != nil {
			err = ended
		}
		return nil, err
	}
	return conn, nil
}

// answer gives the error a dial's answer stands for.
func (m message) answer() error {
	err, known := answers[answer(m.Code)]
	if m.Kind != kindDialled || !known {
		return fmt.Errorf("an answer that is none: %w", ErrProtocol)
	}
	return err
}

// stream takes a stream opened inside: the control stream once, then streams of the proxy; all else is closed.
func (h *execHost) stream(conn *stream, first message) {
	switch {
	case first.Kind == kindControl && h.mux.setControl(conn):
		h.control(conn)
	case first.Kind == kindProxy:
		h.t.offer(conn)
	default:
		conn.Close()
	}
}

// control reads the control stream to its end, which is the tunnel's.
func (h *execHost) control(conn *stream) {
	m, err := readMessage(conn)
	if err == nil && (m.Kind != kindHello || m.Code != version) {
		err = fmt.Errorf("a hello that is none: %w", ErrProtocol)
	}
	if err == nil {
		close(h.hello)
	}
	for err == nil {
		if m, err = readMessage(conn); err != nil {
			break
		}
		switch m.Kind {
		case kindStatus:
			var s Status
			if s, err = m.status(); err == nil {
				h.t.tell(s)
			}
		case kindGone:
			err = h.mux.gone(m.ID)
		default:
			err = fmt.Errorf("message of kind %d on the control stream: %w", m.Kind, ErrProtocol)
		}
	}
	_ = h.t.fail(err)
}

// Serve makes the inner end over the program's standard streams. It owns pipe.
func Serve(pipe io.ReadWriteCloser, ports Ports) (*Inside, error) {
	in := &Inside{life: newLife()}
	end := &execInside{in: in, ports: ports, proxies: make(chan struct{}, maxProxies)}
	in.link = end
	mux, err := newMux(pipe, false, end.stream, in.end)
	if err != nil {
		return nil, err
	}
	end.mux = mux
	control, err := mux.open(message{Kind: kindControl})
	if err != nil {
		mux.close()
		return nil, err
	}
	mux.setControl(control)
	if err := mux.send(message{Kind: kindHello, Code: version}); err != nil {
		return nil, err
	}
	go mux.serve()
	go end.control(control)
	return in, nil
}

// execInside is the inner end of a mux.
type execInside struct {
	in    *Inside
	mux   *mux
	ports Ports

	proxies chan struct{} // open
}

func (e *execInside) close() error         { return e.mux.close() }
func (e *execInside) send(m message) error { return e.mux.send(m) }

func (e *execInside) proxy(conn *net.TCPConn) error {
	select {
	case e.proxies <- struct{}{}:
	case <-e.in.done:
		return e.in.Err()
	}
	stream, err := e.mux.open(message{Kind: kindProxy})
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

// stream answers a dial of the host's.
func (e *execInside) stream(conn *stream, first message) {
	if first.Kind != kindDial {
		conn.Close()
		return
	}
	tcp, how := dialLoopback(context.Background(), e.ports, first.Port)
	_, err := conn.Write(message{Kind: kindDialled, Code: byte(how), Port: first.Port}.encode())
	if how != answerYes {
		conn.Close()
		return
	}
	if err != nil {
		conn.Close()
		tcp.Close()
		return
	}
	relay(conn, tcp)
}

// control reads what the host says on the control stream.
func (e *execInside) control(conn *stream) {
	for {
		m, err := readMessage(conn)
		if err == nil && m.Kind == kindGone {
			err = e.mux.gone(m.ID)
		}
		if err != nil {
			_ = e.in.fail(err)
			return
		}
	}
}
