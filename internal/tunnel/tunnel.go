// Package tunnel joins berth to the program inside a sandbox by a carrier: connections to its loopback
// ports, streams of its proxy, and what the program says of the sandbox; what may be asked of them is the gateway's business.
//
// The host trusts nothing it reads from inside: all lengths and counts are limited, and whoever breaks the
// protocol loses the tunnel.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	maxStreams    = 1024             // open at once, and dials not yet answered
	maxProxies    = 128              // of them by exec, opened inside: more programs wait, and links have room
	maxDials      = 640              // of them by exec, opened by the host
	maxWaiting    = 128              // streams of the proxy nobody has taken yet
	maxMessage    = 64 << 10         // bytes of one message, head included
	probeTime     = time.Second      // for the peer of a socket to come and prove itself
	handshakeTime = 10 * time.Second // for an answer to a hello or a dial, and for a stream's first message
)

// Why a port cannot be reached. An error of Dial wraps one of them, a context's error, or what ended the tunnel.
var (
	ErrNotAllowed = errors.New("not one of this sandbox's ports")
	ErrRefused    = errors.New("nothing listens there yet")
	ErrTooMany    = errors.New("too many connections are open")
	ErrClosed     = errors.New("the tunnel is closed")
	ErrProtocol   = errors.New("the program inside broke the tunnel's protocol")
)

// Carrier reaches ports on the loopback inside a sandbox.
type Carrier interface {
	// Dial connects to 127.0.0.1:port inside. The connection has CloseWrite.
	Dial(ctx context.Context, port uint16) (net.Conn, error)
}

// Ports are the ports inside that may be dialled.
type Ports []uint16

// Status is what the program inside says of the sandbox. It is a claim, not a proof.
type Status struct {
	Ready     bool  // the server answers
	Listening Ports // ports something listens on
}

// Tunnel is the host's end. It is safe for concurrent use.
type Tunnel struct {
	name   string
	ports  Ports
	link   hostLink
	egress chan net.Conn
	status chan Status
	life
}

// hostLink is one carrier's host end.
type hostLink interface {
	dial(ctx context.Context, port uint16) (net.Conn, error)
	close() error
}

func newTunnel(name string, ports Ports) *Tunnel {
	return &Tunnel{
		name: name, ports: slices.Clone(ports), life: newLife(),
		egress: make(chan net.Conn, maxWaiting), status: make(chan Status, 1),
	}
}

// Name is the carrier's: socket or exec.
func (t *Tunnel) Name() string { return t.name }

// Dial connects to 127.0.0.1:port inside: by socket a *net.TCPConn, which the kernel splices, by exec a stream.
// Without an answer it gives up after ten seconds.
func (t *Tunnel) Dial(ctx context.Context, port uint16) (net.Conn, error) {
	if !slices.Contains(t.ports, port) {
		return nil, fmt.Errorf("port %d: %w", port, ErrNotAllowed)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := t.link.dial(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	return conn, nil
}

// AcceptProxy gives the next connection that a program inside opened to its proxy. The caller decides, and closes it.
func (t *Tunnel) AcceptProxy(ctx context.Context) (net.Conn, error) {
	select {
	case conn := <-t.egress:
		return conn, nil
	case <-t.done:
		return nil, t.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Status gives the newest status each time there is a new one; older ones nobody took are dropped.
func (t *Tunnel) Status() <-chan Status { return t.status }

// Close ends the tunnel. By exec it ends the streams; by socket, connections already given out live on.
func (t *Tunnel) Close() error { return t.fail(ErrClosed) }

// fail ends the tunnel for a reason.
func (t *Tunnel) fail(reason error) error {
	t.end(reason)
	err := t.link.close()
	for {
		select {
		case conn := <-t.egress:
			conn.Close()
		default:
			return err
		}
	}
}

// offer hands a stream of the proxy to AcceptProxy, or closes it when too many wait.
func (t *Tunnel) offer(conn net.Conn) {
	select {
	case t.egress <- conn:
	default:
		conn.Close()
	}
}

// tell replaces the status nobody has taken. Only the one who reads what the program inside says calls it.
func (t *Tunnel) tell(s Status) {
	select {
	case <-t.status:
	default:
	}
	t.status <- s
}

// Inside is the end in the sandbox. It is safe for concurrent use.
type Inside struct {
	link insideLink
	life
}

// insideLink is one carrier's inner end.
type insideLink interface {
	proxy(conn *net.TCPConn) error
	send(m message) error
	close() error
}

// Proxy hands a connection, accepted by the proxy's listener inside, to the host. It takes the connection over. By exec
// it waits while 128 are open.
func (in *Inside) Proxy(conn *net.TCPConn) error {
	err := in.link.proxy(conn)
	if err != nil {
		conn.Close()
	}
	return err
}

// Report tells the host the status.
func (in *Inside) Report(s Status) error { return in.link.send(s.message()) }

// Close ends the tunnel.
func (in *Inside) Close() error { return in.fail(ErrClosed) }

func (in *Inside) fail(reason error) error {
	in.end(reason)
	return in.link.close()
}

// dialLoopback connects to a port in this network namespace and says how that went.
func dialLoopback(ctx context.Context, ports Ports, port uint16) (*net.TCPConn, answer) {
	if !slices.Contains(ports, port) {
		return nil, answerNotAllowed
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, answerRefused
	}
	return conn.(*net.TCPConn), answerYes
}

// life is the end of something that ends once, with a reason.
type life struct {
	once *sync.Once
	done chan struct{}
	err  *error
}

func newLife() life { return life{once: new(sync.Once), done: make(chan struct{}), err: new(error)} }

func (l life) end(err error) {
	l.once.Do(func() {
		*l.err = err
		close(l.done)
	})
}

// Done is closed when the tunnel has ended.
func (l life) Done() <-chan struct{} { return l.done }

// Err says why the tunnel ended, nil while it lives.
func (l life) Err() error {
	select {
	case <-l.done:
		return *l.err
	default:
		return nil
	}
}
