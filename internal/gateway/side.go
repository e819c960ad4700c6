package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	blockSize = 16 << 10  // bytes of a buffer: most heads, and a good piece of a body
	maxHead   = 64 << 10  // bytes of a head
	bulkSize  = 256 << 10 // bytes of a buffer where the kernel cannot move them itself
	bulkFrom  = 64 << 10  // bytes from which a body is worth that
	bulkPart  = 4 << 20   // bytes moved between two looks at the clock
	bulkTime  = time.Second
)

type (
	block [blockSize]byte
	bulk  [bulkSize]byte
)

// The buffers in use are as many as there are connections on which bytes move just now.
var (
	blocks = sync.Pool{New: func() any { return new(block) }}
	bulks  = sync.Pool{New: func() any { return new(bulk) }}
)

var errHeadTooLong = errors.New("head too long")

// side is one of the two connections something is forwarded between, and the bytes read ahead from it. While it
// waits it holds no buffer.
type side struct {
	conn net.Conn
	tcp  *net.TCPConn    // nil where the carrier is an exec
	raw  syscall.RawConn // nil where a wait needs a buffer
	own  *block          // of the pool
	buf  []byte          // own, or a larger one
	at   int             // bytes of buf taken
	end  int             // bytes of buf filled

	until   time.Time   // the read deadline; zero: none
	dropped atomic.Bool // this end is closed

	ready func(fd uintptr) bool // readNow, bound once
	got   int
	err   error
}

func newSide(conn net.Conn) *side {
	s := &side{conn: conn}
	s.tcp, _ = conn.(*net.TCPConn)
	if s.tcp != nil {
		s.raw = rawOf(s.tcp)
	}
	s.ready = s.readNow
	return s
}

// ahead is what was read and not taken. It is valid until the next fill.
func (s *side) ahead() []byte { return s.buf[s.at:s.end] }

// take removes n bytes of ahead.
func (s *side) take(n int) { s.at += n }

// rest gives the buffer back when there is nothing in it.
func (s *side) rest() {
	if s.at != s.end {
		return
	}
	if s.own != nil {
		blocks.Put(s.own)
	}
	s.own, s.buf, s.at, s.end = nil, nil, 0, 0
}

// fill reads at least one byte more. It keeps what is ahead, to maxHead bytes.
func (s *side) fill() error {
	s.rest()
	if s.buf != nil && s.end == len(s.buf) {
		if err := s.room(); err != nil {
			return err
		}
	}
	if s.raw == nil {
		s.hold()
		for s.got, s.err = 0, nil; s.got == 0 && s.err == nil; {
			s.got, s.err = s.conn.Read(s.buf[s.end:])
		}
	} else if err := s.raw.Read(s.ready); err != nil {
		return err
	}
	s.end += max(s.got, 0)
	if s.got > 0 {
		return nil
	}
	s.rest()
	if s.err == nil {
		return io.EOF
	}
	return s.err
}

// readHead reads, by more, until a whole head is ahead, and gives its length.
func (s *side) readHead(more func() error) (int, error) {
	for seen := 0; ; {
		p := s.ahead()
		if n := headLength(p[seen:]); n > 0 {
			return seen + n, nil
		}
		seen = max(0, len(p)-len(headEnd)+1) // what was looked at is not looked at again
		if err := more(); err != nil {
			return 0, err
		}
	}
}

// fillTo reads until n bytes are ahead, at most maxHead.
func (s *side) fillTo(n int) error {
	for len(s.ahead()) < n {
		if err := s.fill(); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) hold() {
	if s.buf == nil {
		s.own = blocks.Get().(*block)
		s.buf = s.own[:]
	}
}

// room makes place behind what is ahead.
func (s *side) room() error {
	if s.at > 0 {
		s.end = copy(s.buf, s.ahead())
		s.at = 0
		return nil
	}
	if len(s.buf) >= maxHead {
		return errHeadTooLong
	}
	larger := make([]byte, maxHead)
	s.end = copy(larger, s.ahead())
	if s.own != nil {
		blocks.Put(s.own)
	}
	s.own, s.buf = nil, larger
	return nil
}

// within sets how long a read may wait. A deadline that is nearly right is left as it is: setting one costs as much
// as reading a head.
func (s *side) within(d time.Duration) {
	now := time.Now()
	if left := s.until.Sub(now); left > d || left < d-d/8 {
		s.until = now.Add(d)
		_ = s.conn.SetReadDeadline(s.until)
	}
}

// forever lets a read wait.
func (s *side) forever() {
	if !s.until.IsZero() {
		s.until = time.Time{}
		_ = s.conn.SetReadDeadline(s.until)
	}
}

// closeWrite tells the peer that no more comes.
func (s *side) closeWrite() error {
	if half, can := s.conn.(interface{ CloseWrite() error }); can {
		return half.CloseWrite()
	}
	return s.conn.Close()
}

// drainer is a carrier's stream that writes what comes to a connection, with no buffer between.
type drainer interface {
	CopyTo(to *net.TCPConn, n int64) (int64, error)
}

// move sends n bytes that are not ahead from one side to another, as fast as may be: by TCP the kernel moves them.
// An error that is a timeout is of the reading side, and all bytes counted have arrived.
func move(to, from *side, n int64) (int64, error) {
	if to.tcp != nil && from.tcp != nil {
		return io.CopyN(to.tcp, from.tcp, n)
	}
	if from, can := from.conn.(drainer); can && to.tcp != nil {
		return all(n)(from.CopyTo(to.tcp, n))
	}
	if to, can := to.conn.(io.ReaderFrom); can && from.tcp != nil {
		return all(n)(to.ReadFrom(io.LimitReader(from.tcp, n)))
	}
	buffer := bulks.Get().(*bulk)
	defer bulks.Put(buffer)
	var moved int64
	for moved < n {
		read, err := from.conn.Read(buffer[:min(n-moved, bulkSize)])
		if read > 0 {
			if _, err := to.conn.Write(buffer[:read]); err != nil {
				return moved, err
			}
			moved += int64(read)
		}
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// all makes fewer than n bytes without another error io.EOF, as io.CopyN does.
func all(n int64) func(int64, error) (int64, error) {
	return func(moved int64, err error) (int64, error) {
		if err == nil && moved < n {
			err = io.EOF
		}
		return moved, err
	}
}

func isTimeout(err error) bool {
	if err == nil {
		return false // without the cost of looking
	}
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
