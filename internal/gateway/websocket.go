package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

const (
	maxFirstFrames = 8           // in which VS Code's page shows its key
	halfTime       = time.Minute // for the silence of one direction after the other has ended
)

// upgraded sends whatever comes, both ways, until both have ended.
func (v *visit) upgraded(out outgoing) error {
	v.client.forever()
	v.inside.forever()
	both := &duplex{visit: v}
	back := make(chan struct{})
	go func() {
		defer close(back)
		both.pump(v.client, v.inside)
	}()
	var err error
	if out.rewrites() {
		err = firstFrames(v.inside.conn, v.client, out.from, out.session)
	}
	both.follow(v.inside, v.client, err)
	<-back
	return errDone
}

// duplex is two pumps that end together, with a respite.
type duplex struct {
	visit *visit
	half  atomic.Bool
}

// follow pumps unless there was an error already.
func (d *duplex) follow(to, from *side, err error) {
	if err != nil {
		d.end(to, err)
		return
	}
	d.pump(to, from)
}

// pump sends what comes from one side to the other. Waiting costs it no buffer: the kernel's pipes, which splice
// needs, are taken only while much is coming.
func (d *duplex) pump(to, from *side) {
	for full := 0; ; {
		if full > 2 {
			if err := d.rush(to, from); err != nil {
				d.end(to, err)
				return
			}
			full = 0
		}
		if len(from.ahead()) == 0 {
			if err := from.fill(); err != nil {
				d.end(to, err)
				return
			}
		}
		n := len(from.ahead())
		if _, err := to.conn.Write(from.ahead()); err != nil {
			d.end(to, err)
			return
		}
		from.take(n)
		full++
		if n < blockSize {
			full = 0
		}
	}
}

// rush lets the kernel move bytes while they come fast.
func (d *duplex) rush(to, from *side) error {
	from.rest()
	defer d.limit(from)
	for {
		_ = from.conn.SetReadDeadline(time.Now().Add(bulkTime))
		if _, err := move(to, from, bulkPart); isTimeout(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// limit sets how long a side may be silent.
func (d *duplex) limit(s *side) {
	_ = s.conn.SetReadDeadline(time.Time{})
	if d.half.Load() { // asked last: the other pump may end just now
		_ = s.conn.SetReadDeadline(time.Now().Add(halfTime))
	}
}

// end passes the end of one direction on; an end of another kind ends both.
func (d *duplex) end(to *side, err error) {
	if !errors.Is(err, io.EOF) || d.half.Swap(true) || to.closeWrite() != nil {
		d.visit.close()
		return
	}
	d.limit(to)
}

// firstFrames sends a visitor's first WebSocket frames (RFC 6455 §5.2) with the server's key in the place of his own,
// once. Each frame is sent as soon as it is whole; one too long to hold has no key in it.
func firstFrames(to io.Writer, from *side, own, key []byte) error {
	for range maxFirstFrames {
		total, err := frameLength(from)
		if err != nil {
			return leaveWith(to, from, err)
		}
		if total == 0 || total > maxHead {
			return nil
		}
		if err := from.fillTo(total); err != nil {
			return leaveWith(to, from, err)
		}
		frame := from.ahead()[:total]
		found := rewriteFrame(frame, own, key)
		if _, err := to.Write(frame); err != nil {
			return err
		}
		from.take(total)
		if found {
			return nil
		}
	}
	return nil
}

// leaveWith sends what came of a frame before the connection ended.
func leaveWith(to io.Writer, from *side, err error) error {
	if _, failed := to.Write(from.ahead()); failed != nil {
		return failed
	}
	from.take(len(from.ahead()))
	return err
}

// frameLength gives the length of the frame that comes, its head included, 0 for one that is not masked as a
// visitor's must be.
func frameLength(from *side) (int, error) {
	for {
		if length, known := frameHead(from.ahead()); known {
			return length, nil
		}
		if err := from.fill(); err != nil {
			return 0, err
		}
	}
}

// frameHead reads a frame's length where enough of its head is there.
func frameHead(p []byte) (int, bool) {
	if len(p) < 2 {
		return 0, false
	}
	if p[1]&0x80 == 0 {
		return 0, true
	}
	switch length := int(p[1] & 0x7f); {
	case length < 126:
		return 2 + 4 + length, true
	case length == 126 && len(p) >= 4:
		return 4 + 4 + int(binary.BigEndian.Uint16(p[2:])), true
	case length == 127 && len(p) >= 10:
		return 10 + 4 + int(min(binary.BigEndian.Uint64(p[2:]), 2*maxHead)), true
	}
	return 0, false
}

// rewriteFrame exchanges the keys in a whole masked frame and tells whether there was one.
func rewriteFrame(frame, own, key []byte) bool {
	at := 2
	switch frame[1] & 0x7f {
	case 126:
		at = 4
	case 127:
		at = 10
	}
	mask, payload := [4]byte(frame[at:at+4]), frame[at+4:]
	turn := func() {
		for i := range payload {
			payload[i] ^= mask[i&3]
		}
	}
	turn()
	defer turn()
	return swapKeys(payload, own, key)
}
