package tunnel

import (
	"math"
	"net"
	"sync"
)

// relay copies both ways until both have ended, each half-closed at its end, or one broke.
func relay(a *stream, b *net.TCPConn) {
	a.whenUnread(func() { _ = b.CloseRead() }) // for which nobody waits: what it sends has no reader
	var both sync.WaitGroup
	both.Go(func() {
		_, err := a.ReadFrom(b)
		finish(a, b, err)
	})
	both.Go(func() {
		_, err := a.CopyTo(b, math.MaxInt64)
		finish(b, a, err)
	})
	both.Wait()
	a.Close()
	b.Close()
}

// half is a connection that can end one direction.
type half interface {
	net.Conn
	CloseWrite() error
}

// finish ends one direction. After an error nothing more can be promised, so both go, by a reset: a peer that writes
// into a window which a half-closed connection never opens again would wait a minute for another end (Linux 6,
// tcp_cleanup_rbuf).
func finish(to, from half, err error) {
	if err != nil {
		abort(to)
		abort(from)
		return
	}
	_ = to.CloseWrite()
}

func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
