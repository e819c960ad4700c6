package tunnel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// heldMost bytes may be held for all streams together; more ends the tunnel. It is beyond the windows of all streams
	// that programs inside can have, so that only a hostile berth-inside comes there.
	heldMost = maxProxies*(window+blockSize) + 24<<20
	// saidMost bytes of messages may wait for a peer that goes on opening streams. Of one stream they are below 200.
	saidMost = 256 << 10
	// headAhead bytes are read at once where a head is expected. What a message is longer goes past that buffer.
	headAhead = 4 << 10
	// maxID is of the last stream a side may open: they are not used again.
	maxID = 1<<32 - 3
)

// mux is either end of many streams over one pipe.
//
// Data is sent as far as its reader has given credit, so that the goroutine that reads the pipe always has room for
// it. That one waits for no stream and does not write: what is to be said is put down, and whoever writes next says it.
type mux struct {
	pipe   io.ReadWriteCloser
	theirs kind                              // by which the peer opens a stream
	accept func(first message, conn *stream) // a stream the peer opened; must not wait
	other  func(message) error               // what is of no stream; must not wait
	end    func(error)

	turn  sync.Mutex // to write to the pipe
	spare []byte     // of who has the turn

	mu      sync.Mutex
	waiting sync.Cond // for said
	said    []byte
	live    map[uint32]*stream // until both sides have ended them
	next    uint32             // stream that this side opens
	last    uint32             // stream that the peer opened
	opened  [2]int             // of live, by side
	most    [2]int
	held    int // bytes of memory, of all queues
	dead    bool
}

// A side of a stream is who opened it.
const (
	here = iota
	there
)

func newMux(pipe io.ReadWriteCloser, host bool) *mux {
	m := &mux{pipe: pipe, live: map[uint32]*stream{}}
	m.waiting.L = &m.mu
	m.theirs, m.next, m.most = kindDial, 2, [2]int{maxProxies, maxDials}
	if host {
		m.theirs, m.next, m.most = kindProxy, 1, [2]int{maxDials, 2 * maxProxies} // some are ended inside and not yet here
	}
	return m
}

// serve reads the pipe until it ends.
func (m *mux) serve() {
	go m.speak()
	in := bufio.NewReaderSize(m.pipe, headAhead)
	for head := make([]byte, headLength); ; {
		if err := m.receive(in, head); err != nil {
			m.lost(err)
			return
		}
	}
}

// receive takes one message.
func (m *mux) receive(in *bufio.Reader, head []byte) error {
	if _, err := io.ReadFull(in, head); err != nil {
		return err
	}
	msg, length, err := parseHead(head)
	if err != nil {
		return err
	}
	if msg.Kind == kindData {
		return m.data(in, msg.ID, length)
	}
	if length > 0 {
		msg.Body = make([]byte, length)
		if _, err := io.ReadFull(in, msg.Body); err != nil {
			return err
		}
	}
	switch msg.Kind {
	case m.theirs:
		return m.take(msg)
	case kindDialled, kindCredit, kindEnd, kindGone:
		return m.change(msg)
	}
	return m.other(msg)
}

// data puts what comes where its stream's reader finds it.
func (m *mux) data(in *bufio.Reader, id uint32, length int) error {
	c, err := m.expect(id, length)
	if err != nil {
		return err
	}
	for length > 0 {
		room, err := m.room(c)
		if err != nil {
			return err
		}
		if room == nil {
			_, err := in.Discard(length)
			return err
		}
		n, err := in.Read(room[:min(length, len(room))])
		length -= n
		m.came(c, n, length == 0)
		if err != nil {
			return err
		}
	}
	return nil
}

// expect finds the stream of data that comes; one that is no more has none.
func (m *mux) expect(id uint32, length int) (*stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(id)
	if c == nil {
		return nil, err
	}
	if c.allowed -= length; c.allowed < 0 || c.eof {
		return nil, fmt.Errorf("data that nobody asked for: %w", ErrProtocol)
	}
	return c, nil
}

// room gives where data of a stream goes: nowhere when nobody wants it.
func (m *mux) room(c *stream) ([]byte, error) {
	if c == nil {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.closed {
		return nil, nil
	}
	before := c.in.size()
	room := c.in.room()
	if m.held += c.in.size() - before; m.held > heldMost {
		return nil, fmt.Errorf("%d bytes wait to be read: %w", m.held, ErrProtocol)
	}
	return room, nil
}

// came tells that n bytes are in the room. Who waits is woken for all of them at once: the rest is on its way.
func (m *mux) came(c *stream, n int, all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.closed {
		return
	}
	c.in.filled(n)
	if all && !c.pour() {
		c.readable.Signal()
	}
}

// take makes a stream that the peer opened.
func (m *mux) take(first message) error {
	m.mu.Lock()
	if first.ID <= m.last || first.ID%2 == m.next%2 || len(m.said) > saidMost {
		m.mu.Unlock()
		return fmt.Errorf("stream %d is opened: %w", first.ID, ErrProtocol)
	}
	m.last = first.ID
	if m.opened[there] >= m.most[there] {
		if first.Kind == kindDial {
			m.say(message{Kind: kindDialled, ID: first.ID, Code: byte(answerTooMany)})
		} else {
			m.say(message{Kind: kindEnd, ID: first.ID})
			m.say(message{Kind: kindGone, ID: first.ID})
		}
		m.mu.Unlock()
		return nil
	}
	c := m.register(first.ID, there)
	m.mu.Unlock()
	m.accept(first, c)
	return nil
}

// change is what the peer says of a stream.
func (m *mux) change(msg message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.find(msg.ID)
	if c == nil {
		return err
	}
	switch msg.Kind {
	case kindDialled:
		return c.dialled(msg)
	case kindCredit:
		return c.credited(msg)
	case kindEnd:
		c.eof = true
		c.readable.Broadcast()
		if c.closed {
			m.forget(c)
		}
	case kindGone:
		c.unread()
	}
	return nil
}

// find gives a stream, none if it is no more. Callers hold the lock.
func (m *mux) find(id uint32) (*stream, error) {
	c := m.live[id]
	if mine := id%2 == m.next%2; c == nil && (mine && id >= m.next || !mine && id > m.last) {
		return nil, fmt.Errorf("stream %d, which nobody opened: %w", id, ErrProtocol)
	}
	return c, nil
}

// dial makes a stream that begins with a message; nobody waits for the pipe.
func (m *mux) dial(first message) (*stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.dead:
		return nil, ErrClosed
	case m.opened[here] >= m.most[here], m.next > maxID:
		return nil, ErrTooMany
	}
	first.ID = m.next
	m.next += 2
	m.say(first)
	return m.register(first.ID, here), nil
}

// answer answers a dial of the peer's; but for yes, its stream is over.
func (m *mux) answer(c *stream, how message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(how)
	if answer(how.Code) != answerYes {
		c.refuse()
	}
}

// register begins a stream. Callers hold the lock.
func (m *mux) register(id uint32, side int) *stream {
	c := newStream(m, id, side)
	m.live[id] = c
	m.opened[side]++
	return c
}

// forget ends a stream of which nothing more comes. Callers hold the lock.
func (m *mux) forget(c *stream) {
	if m.live[c.id] == c {
		delete(m.live, c.id)
		m.opened[c.side]--
	}
}

// streams gives how many there are.
func (m *mux) streams() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.live)
}

// say puts a message down. Callers hold the lock.
func (m *mux) say(next message) {
	m.said = next.appendTo(m.said)
	m.waiting.Signal()
}

// tell says what is of no stream; a peer that has let much lie is told no more.
func (m *mux) tell(next message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.dead:
		return ErrClosed
	case len(m.said) > saidMost/2:
		return ErrTooMany
	}
	m.say(next)
	return nil
}

// speak says what is put down when nobody else writes.
func (m *mux) speak() {
	for {
		m.mu.Lock()
		for len(m.said) == 0 && !m.dead {
			m.waiting.Wait()
		}
		dead := m.dead
		m.mu.Unlock()
		if dead || m.write(nil) != nil {
			return
		}
	}
}

// write writes what was put down before, and p.
func (m *mux) write(p []byte) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	m.mu.Lock()
	said := m.said
	m.said, m.spare = m.spare[:0], said
	m.mu.Unlock()
	for _, part := range [][]byte{said, p} {
		if len(part) == 0 {
			continue
		}
		if _, err := m.pipe.Write(part); err != nil {
			m.lost(err)
			return ErrClosed
		}
	}
	return nil
}

// lost ends the tunnel for what went wrong with the pipe.
func (m *mux) lost(err error) {
	if !errors.Is(err, ErrProtocol) {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	m.end(err)
	_ = m.close()
}

// close wakes whoever waits, and closes the pipe.
func (m *mux) close() error {
	m.mu.Lock()
	m.dead = true
	m.waiting.Broadcast()
	for _, c := range m.live {
		c.readable.Broadcast()
		c.writable.Broadcast()
	}
	m.mu.Unlock()
	return m.pipe.Close()
}
