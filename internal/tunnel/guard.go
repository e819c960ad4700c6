package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	window      = 512 << 10 // bytes one stream may send ahead of its reader
	frameLength = 12        // of yamux's head: version, type, flags (2), stream (4), length (4)
	frameData   = 0
	framePing   = 2
	flagSYN     = 1
	flagFIN     = 4
	flagRST     = 8
)

// guard reads yamux frames and stops at one that no peer of ours sends, before yamux sees it: yamux v0.1.2 starts
// a goroutine for each ping and waits for what a frame announces, however much that is.
type guard struct {
	io.ReadWriteCloser
	lost func(error) // called before yamux learns of an error
	book *ledger
	head [frameLength]byte
	have int    // bytes of head seen
	body uint32 // bytes of the frame's body still to come

	out []byte // head of a frame whose body comes with the next Write, then the whole frame
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.ReadWriteCloser.Read(p)
	if bad := g.check(p[:n]); bad != nil {
		n, err = 0, bad
	}
	if err != nil {
		g.lost(err)
	}
	return n, err
}

// Write writes a frame at once, though yamux writes its head and its body one after the other: each write wakes every
// process on the way to the other end.
func (g *guard) Write(p []byte) (int, error) {
	if len(g.out) == 0 && bodyFollows(p) {
		g.out = append(g.out, p...)
		return len(p), nil
	}
	frame := p
	if len(g.out) > 0 {
		g.out = append(g.out, p...)
		frame, g.out = g.out, g.out[:0]
	}
	if _, err := g.ReadWriteCloser.Write(frame); err != nil {
		g.lost(err)
		return 0, err
	}
	return len(p), nil
}

// bodyFollows tells whether p is the head of a frame with a body.
func bodyFollows(p []byte) bool {
	return len(p) == frameLength && p[1] == frameData && binary.BigEndian.Uint32(p[8:]) > 0
}

// check follows the frames through the bytes p, which may begin and end anywhere.
func (g *guard) check(p []byte) error {
	for len(p) > 0 {
		if g.body > 0 {
			skip := min(int(g.body), len(p))
			g.body -= uint32(skip)
			p = p[skip:]
			continue
		}
		took := copy(g.head[g.have:], p)
		g.have += took
		p = p[took:]
		if g.have < frameLength {
			return nil
		}
		g.have = 0
		if err := g.frame(); err != nil {
			return err
		}
	}
	return nil
}

// frame judges a whole head.
func (g *guard) frame() error {
	length := binary.BigEndian.Uint32(g.head[8:])
	switch version, kind := g.head[0], g.head[1]; {
	case version != 0 || kind > 3:
		return fmt.Errorf("frame of type %d.%d: %w", version, kind, ErrProtocol)
	case kind == framePing:
		return fmt.Errorf("ping: %w", ErrProtocol)
	case kind == frameData && length > window:
		return fmt.Errorf("frame of %d bytes: %w", length, ErrProtocol)
	case kind == frameData:
		g.body = length
	}
	return g.book.came(binary.BigEndian.Uint32(g.head[4:]), binary.BigEndian.Uint16(g.head[2:]), int(g.body))
}
