package tunnel

import (
	"fmt"
	"sync"
)

const (
	// heldMost bytes may have come for all streams together and not be read yet; more ends the tunnel. It is beyond the
	// windows of all streams that programs inside can have, so that only a hostile berth-inside comes there.
	heldMost = maxProxies*window + 32<<20
	// heldMuch is where a buffer that has been read empty is let go of.
	heldMuch = 16 << 20
)

// ledger counts what one end of a mux holds for readers that are slower than the other end. The window bounds it for one
// stream, and a hostile end opens a thousand.
type ledger struct {
	mu   sync.Mutex
	held int // of all accounts' peaks
	of   map[uint32]*account
}

// account is one stream's. Its buffer is as large as its content once was.
type account struct {
	unread, peak  int
	closed, ended bool // by this side; by the peer
}

func newLedger() *ledger { return &ledger{of: map[uint32]*account{}} }

// opened begins an account for a stream of this side.
func (l *ledger) opened(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[id] = &account{}
}

// came notes a frame from the peer, before yamux sees it, and how many bytes it brings. Streams that nobody has opened
// are not held by yamux either.
func (l *ledger) came(id uint32, flags uint16, bytes int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of[id]
	if a == nil && flags&flagSYN != 0 {
		a = &account{}
		l.of[id] = a
	}
	if a == nil {
		return nil
	}
	a.unread += bytes
	if a.unread > a.peak {
		l.held += a.unread - a.peak
		a.peak = a.unread
	}
	if flags&(flagFIN|flagRST) != 0 {
		a.ended = true
		l.forget(id, a)
	}
	if l.held > heldMost || len(l.of) > 4*maxStreams {
		return fmt.Errorf("%d bytes of %d streams wait to be read: %w", l.held, len(l.of), ErrProtocol)
	}
	return nil
}

// read notes what a reader took. It tells whether the stream's buffer, which is empty now, is to be let go of.
func (l *ledger) read(id uint32, bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of[id]
	if a == nil {
		return false
	}
	a.unread = max(0, a.unread-bytes)
	if a.unread > 0 || l.held <= heldMuch {
		return false
	}
	l.held, a.peak = l.held-a.peak, 0
	return true
}

// closed notes that this side wants no more of a stream. What came for it is held until the peer has ended it too.
func (l *ledger) closed(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.of[id]; a != nil {
		a.closed = true
		l.forget(id, a)
	}
}

// forget ends the account of a stream that both sides have ended. Callers hold the lock.
func (l *ledger) forget(id uint32, a *account) {
	if a.closed && a.ended {
		l.held -= a.peak
		delete(l.of, id)
	}
}
