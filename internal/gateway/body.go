package gateway

import (
	"errors"
	"time"
)

const (
	patience = 5 * time.Second // of a wait, before we look whether the other side is still there
)

var (
	errChunk = errors.New("malformed chunk")
	errGone  = errors.New("the other side is gone")
)

// framing is where a body ends.
type framing struct {
	length  int64 // bytes still to come; -1: to the end of the connection
	chunked bool
	chunks  chunks
}

func framingOf(h *head, bodiless bool) framing {
	switch {
	case bodiless:
		return framing{}
	case h.chunked:
		return framing{chunked: true}
	}
	return framing{length: h.length}
}

// done tells that the body is over.
func (b *framing) done() bool { return b.chunked && b.chunks.done() || !b.chunked && b.length == 0 }

// endless is a body that ends with its connection.
func (b *framing) endless() bool { return !b.chunked && b.length < 0 }

// count gives how many of the bytes of p are of the body.
func (b *framing) count(p []byte) (int, error) {
	switch {
	case b.chunked:
		return b.chunks.scan(p)
	case b.length < 0:
		return len(p), nil
	}
	n := min(b.length, int64(len(p)))
	b.length -= n
	return int(n), nil
}

// coming is how many bytes come that need not be looked at.
func (b *framing) coming() int64 {
	switch {
	case b.chunked:
		return b.chunks.left
	case b.length < 0:
		return bulkPart
	}
	return b.length
}

func (b *framing) passed(n int64) {
	switch {
	case b.chunked:
		b.chunks.left -= n
	case b.length > 0:
		b.length -= n
	}
}

// carry sends what is left of a body. Whoever waits for bytes looks now and then whether somebody still wants them.
func (b *framing) carry(to, from *side) error {
	defer from.forever()
	for full := false; !b.done(); {
		if len(from.ahead()) == 0 {
			from.within(patience)
			var err error
			if n := b.coming(); n >= bulkFrom && (full || !b.endless()) {
				err = b.bulk(to, from, n)
			} else {
				err = from.fill()
			}
			if isTimeout(err) {
				if to.gone() {
					return errGone
				}
				full = false
				continue
			}
			if err != nil {
				return err
			}
		}
		p := from.ahead()
		if len(p) == 0 {
			continue
		}
		n, err := b.count(p)
		if err != nil {
			return err
		}
		if _, err := to.conn.Write(p[:n]); err != nil {
			return err
		}
		full = n == blockSize
		from.take(n)
	}
	return nil
}

func (b *framing) bulk(to, from *side, n int64) error {
	moved, err := move(to, from, min(n, bulkPart))
	b.passed(moved)
	return err
}

// chunks finds the end of a chunked body, RFC 9112 §7.1, without extensions and trailers: no server sends them
// unasked, and two parsers may understand them in two ways.
type chunks struct {
	state chunkState
	left  int64 // of the chunk's data
	size  int64
	digit int
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkLastCR
	chunkLastLF
	chunkDone
)

const maxChunkDigits = 15

func (c *chunks) done() bool { return c.state == chunkDone }

// scan gives how many bytes of p are of the body.
func (c *chunks) scan(p []byte) (int, error) {
	at := 0
	for at < len(p) && c.state != chunkDone {
		if c.state == chunkData && c.left > 0 {
			n := int(min(c.left, int64(len(p)-at)))
			c.left -= int64(n)
			at += n
			continue
		}
		if err := c.step(p[at]); err != nil {
			return at, err
		}
		at++
	}
	return at, nil
}

// step takes one byte that is not data.
func (c *chunks) step(b byte) error {
	if c.state == chunkData { // all of it came
		c.state = chunkDataCR
	}
	want := byte('\r')
	switch c.state {
	case chunkSize:
		if digit, is := hexDigit(b); is && c.digit < maxChunkDigits {
			c.size = c.size<<4 | int64(digit)
			c.digit++
			return nil
		}
		if c.digit == 0 {
			return errChunk
		}
	case chunkSizeLF, chunkDataLF, chunkLastLF:
		want = '\n'
	}
	if b != want {
		return errChunk
	}
	c.next()
	return nil
}

// next follows the end of a line.
func (c *chunks) next() {
	switch c.state {
	case chunkSizeLF:
		c.state, c.left = chunkData, c.size
		if c.size == 0 {
			c.state = chunkLastCR
		}
		c.size, c.digit = 0, 0
	case chunkDataLF:
		c.state = chunkSize
	default:
		c.state++
	}
}

func hexDigit(b byte) (byte, bool) {
	switch b = lower(b); {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10, true
	}
	return 0, false
}
