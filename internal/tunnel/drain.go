package tunnel

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// drain is where what comes for a stream goes at once, by the goroutine that reads the pipe, so that no other need be
// woken for it. It writes what can be written without a wait; for the rest it wakes the one who set the drain.
type drain struct {
	to   syscall.RawConn // nil where there is none
	left int64           // bytes it may still have
	busy bool            // bytes are being written, without the lock
	err  error
}

// CopyTo writes the next n bytes that come to a connection, fewer if the stream ends before. A timeout is of reading, and
// what it counts has been written.
func (c *stream) CopyTo(to *net.TCPConn, n int64) (int64, error) {
	raw, err := to.SyscallConn()
	if err != nil {
		return 0, err
	}
	for done := int64(0); ; {
		passed, err := c.passTo(raw, n-done)
		done += passed
		if err != nil || done == n {
			return done, err
		}
		p, err := c.ahead()
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		wrote, err := to.Write(p[:min(int64(len(p)), n-done)])
		c.take(wrote)
		done += int64(wrote)
		if err != nil {
			return done, err
		}
	}
}

// passTo has what comes written at once until n bytes were, or something needs to be waited for, or is wrong.
func (c *stream) passTo(to syscall.RawConn, n int64) (int64, error) {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	if len(c.in.ahead()) > 0 || n == 0 {
		return 0, nil
	}
	c.out = drain{to: to, left: n}
	for c.out.busy || c.out.to != nil && !c.closed && !c.eof && !c.mux.dead && !c.readBy.passed {
		c.readable.Wait()
	}
	passed, err := n-c.out.left, c.out.err
	c.out = drain{}
	return passed, err
}

// pour writes what came to the drain. It is false where somebody is to be woken. Callers hold the lock, which is let go
// of meanwhile.
func (c *stream) pour() bool {
	for c.out.to != nil && !c.closed {
		p := c.in.ahead()
		if len(p) == 0 {
			return !c.mux.dead && !c.readBy.passed // which were told while the lock was free
		}
		p = p[:min(int64(len(p)), c.out.left)]
		c.out.busy = true
		c.mux.mu.Unlock()
		n, err := writeNow(c.out.to, p)
		c.mux.mu.Lock()
		c.out.busy = false
		if !c.closed {
			c.taken(n)
		}
		if c.out.left -= int64(n); n < len(p) || c.out.left == 0 {
			c.out.to, c.out.err = nil, err
		}
	}
	return false
}
