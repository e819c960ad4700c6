package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	window    = 1 << 20    // bytes one stream may send ahead of its reader: the engine alone has room for half of it
	giveBack  = window / 4 // bytes read for which the writer gets credit at once
	pieceSize = 256 << 10  // bytes of data in one message: others wait for no more
)

// frame is a piece with the head before it.
type frame [headLength + pieceSize]byte

var frames = sync.Pool{New: func() any { return new(frame) }}

// stream is one connection over a mux. Its fields are under the mux's lock.
type stream struct {
	mux    *mux
	id     uint32
	side   int        // who opened it
	answer chan error // to a dial

	in      queue // what came and was not read
	out     drain // where what comes goes at once
	owed    int   // bytes read for which the peer has no credit yet
	allowed int   // bytes the peer may still send
	credit  int   // bytes this side may still send

	readable, writable sync.Cond
	readBy, writeBy    deadline

	answered bool
	closed   bool   // by this side, wholly
	ended    bool   // this side writes no more
	eof      bool   // the peer writes no more
	lost     bool   // the peer does not read any more
	told     func() // of lost
}

func newStream(m *mux, id uint32, side int) *stream {
	c := &stream{mux: m, id: id, side: side, allowed: window, credit: window, answer: make(chan error, 1)}
	c.readable.L, c.writable.L = &m.mu, &m.mu
	c.readBy.wake, c.writeBy.wake = &c.readable, &c.writable
	return c
}

// ahead waits for bytes and gives them without taking them: they are valid until take.
func (c *stream) ahead() ([]byte, error) {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	for {
		p := c.in.ahead()
		switch {
		case c.closed:
			return nil, net.ErrClosed
		case len(p) > 0:
			return p, nil
		case c.eof:
			return nil, io.EOF
		case c.mux.dead:
			return nil, ErrClosed // what was cut must not look whole
		case c.readBy.passed:
			return nil, os.ErrDeadlineExceeded
		}
		c.readable.Wait()
	}
}

// take removes n bytes of what ahead gave.
func (c *stream) take(n int) {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	if c.closed {
		return
	}
	c.taken(n)
}

// taken removes n bytes from the queue. Callers hold the lock.
func (c *stream) taken(n int) {
	before := c.in.size()
	c.in.take(n)
	c.mux.held -= before - c.in.size()
	c.owed += n
	if c.owed >= giveBack && !c.eof {
		c.mux.say(message{Kind: kindCredit, ID: c.id, Body: binary.BigEndian.AppendUint32(nil, uint32(c.owed))})
		c.allowed += c.owed
		c.owed = 0
	}
}

// Read reads; after Close it gives net.ErrClosed.
func (c *stream) Read(p []byte) (int, error) {
	ahead, err := c.ahead()
	if err != nil {
		return 0, err
	}
	n := copy(p, ahead)
	c.take(n)
	return n, nil
}

// Write writes; when the peer has closed it gives syscall.ECONNRESET, as TCP does.
func (c *stream) Write(p []byte) (int, error) {
	f := frames.Get().(*frame)
	defer frames.Put(f)
	done := 0
	for {
		n := copy(f[headLength:], p[done:])
		sent, err := c.send(f, n)
		done += sent
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

// ReadFrom sends what r gives, to its end. While it waits for a connection it holds no frame.
func (c *stream) ReadFrom(r io.Reader) (int64, error) {
	from := newSource(r)
	for done := int64(0); ; {
		f, n, ended := from.next()
		if n > 0 {
			sent, err := c.send(f, n)
			done += int64(sent)
			if err != nil {
				ended = err
			}
		}
		if f != nil {
			frames.Put(f)
		}
		if errors.Is(ended, io.EOF) {
			return done, nil
		}
		if ended != nil {
			return done, ended
		}
	}
}

// send sends n bytes of a frame, in pieces as there is credit: the head of the next one is laid over what was sent.
func (c *stream) send(f *frame, n int) (int, error) {
	done := 0
	for {
		piece, err := c.reserve(n - done)
		if err != nil {
			return done, err
		}
		p := f[done : done+headLength+piece]
		message{Kind: kindData, ID: c.id}.putHead(p, piece)
		if err := c.mux.write(p); err != nil {
			return done, err
		}
		if done += piece; done == n {
			return done, nil
		}
	}
}

// reserve waits for credit and takes of it what is there of n.
func (c *stream) reserve(n int) (int, error) {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	for {
		switch {
		case c.closed, c.ended:
			return 0, net.ErrClosed
		case c.lost:
			return 0, syscall.ECONNRESET
		case c.mux.dead:
			return 0, ErrClosed
		case c.writeBy.passed:
			return 0, os.ErrDeadlineExceeded
		case c.credit > 0 || n == 0:
			n = min(n, c.credit)
			c.credit -= n
			return n, nil
		}
		c.writable.Wait()
	}
}

// CloseWrite ends what this side writes; it can still read.
func (c *stream) CloseWrite() error {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.endWrite()
	return nil
}

// endWrite says that nothing more comes. Callers hold the lock.
func (c *stream) endWrite() {
	if !c.ended {
		c.ended = true
		c.mux.say(message{Kind: kindEnd, ID: c.id})
		c.writable.Broadcast()
	}
}

// Close ends both directions: what was written still arrives, what the peer writes is refused. It waits for nothing.
func (c *stream) Close() error {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	c.endWrite()
	c.mux.held -= c.in.size()
	c.in.drop()
	c.readBy.stop()
	c.writeBy.stop()
	c.readable.Broadcast()
	if c.eof {
		c.mux.forget(c)
	} else {
		c.mux.say(message{Kind: kindGone, ID: c.id})
	}
	return nil
}

// refuse ends a stream that never began: its dial was answered so. Callers hold the lock.
func (c *stream) refuse() {
	c.closed, c.ended = true, true
	c.mux.forget(c)
}

// dialled takes the answer to a dial. Callers hold the lock.
func (c *stream) dialled(m message) error {
	err := m.answer()
	if c.answered || c.side != here || errors.Is(err, ErrProtocol) {
		return fmt.Errorf("an answer that is none: %w", ErrProtocol)
	}
	c.answered = true
	c.answer <- err
	if err != nil {
		c.refuse()
	}
	return nil
}

// credited lets more be written. Callers hold the lock.
func (c *stream) credited(m message) error {
	n, err := m.credit()
	if err == nil && c.credit+n > window {
		err = fmt.Errorf("a credit of more than a window: %w", ErrProtocol)
	}
	c.credit += n
	c.writable.Signal()
	return err
}

// unread makes writing fail, also a write that waits. Callers hold the lock.
func (c *stream) unread() {
	if c.lost {
		return
	}
	c.lost = true
	c.writable.Broadcast()
	if c.told != nil {
		go c.told()
	}
}

// whenUnread has tell called once the peer does not read any more.
func (c *stream) whenUnread(tell func()) {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	c.told = tell
	if c.lost {
		go tell()
	}
}

// SetDeadline sets both deadlines.
func (c *stream) SetDeadline(at time.Time) error {
	_ = c.SetReadDeadline(at)
	return c.SetWriteDeadline(at)
}

// SetReadDeadline is net.Conn's.
func (c *stream) SetReadDeadline(at time.Time) error { return c.set(&c.readBy, at) }

// SetWriteDeadline is net.Conn's. It bounds the wait for the peer's reader, not for the pipe.
func (c *stream) SetWriteDeadline(at time.Time) error { return c.set(&c.writeBy, at) }

func (c *stream) set(d *deadline, at time.Time) error {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	d.set(at)
	return nil
}

// deadline is a time at which those who wait are woken. It is under the lock of its condition.
type deadline struct {
	wake   *sync.Cond
	timer  *time.Timer
	at     time.Time
	passed bool
}

func (d *deadline) set(at time.Time) {
	d.stop()
	d.at, d.passed = at, false
	if at.IsZero() {
		return
	}
	left := time.Until(at)
	if left <= 0 {
		d.pass()
		return
	}
	d.timer = time.AfterFunc(left, func() {
		d.wake.L.Lock()
		defer d.wake.L.Unlock()
		if d.at.Equal(at) {
			d.pass()
		}
	})
}

func (d *deadline) pass() {
	d.passed = true
	d.wake.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// LocalAddr is net.Conn's; a stream has no address.
func (c *stream) LocalAddr() net.Addr { return streamAddr{} }

// RemoteAddr is as LocalAddr.
func (c *stream) RemoteAddr() net.Addr { return streamAddr{} }

type streamAddr struct{}

// Network is net.Addr's.
func (streamAddr) Network() string { return "tunnel" }

func (streamAddr) String() string { return "stream" }
