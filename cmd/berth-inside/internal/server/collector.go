package server

import (
	"io"
	"sync"
	"unicode/utf8"
)

// pieceLength is the most characters of one stream that one event holds.
const pieceLength = 1 << 20

// collector gathers a command's two streams and keeps an event whenever one of them has more than a piece. What is not UTF-8 becomes U+FFFD.
type collector struct {
	keep func(output) // sets CommandID

	mu      sync.Mutex
	streams [2]stream // stdout, stderr
	order   int
	ended   bool
}

// stream is what has come and not yet been kept.
type stream struct {
	text  []byte // valid UTF-8
	count int    // characters in it
	rest  []byte // the first bytes of a character that is not whole yet
}

// read takes a stream until it ends or the collector has been stopped.
func (c *collector) read(r io.Reader, isErr bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		c.take(buffer[:n], isErr, err != nil)
		if err != nil {
			return
		}
	}
}

func (c *collector) take(data []byte, isErr, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	s := &c.streams[0]
	if isErr {
		s = &c.streams[1]
	}
	s.add(data, last)
	for s.count > pieceLength {
		piece := s.cut(pieceLength)
		o := output{Order: c.order, Stdout: &piece}
		if isErr {
			o.Stdout, o.Stderr = nil, &piece
		}
		c.keep(o)
		c.order++
	}
}

// stop drops whatever comes later.
func (c *collector) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

// finish keeps the last event with what is left and the exit code.
func (c *collector) finish(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.keep(output{Order: c.order, ExitCode: &code, Stdout: orNil(string(c.streams[0].text)), Stderr: orNil(string(c.streams[1].text))})
	c.streams = [2]stream{}
}

func (s *stream) add(data []byte, last bool) {
	data = append(s.rest, data...)
	s.rest = nil
	for len(data) > 0 {
		if !last && !utf8.FullRune(data) {
			s.rest = append([]byte(nil), data...)
			return
		}
		r, size := utf8.DecodeRune(data)
		s.text = utf8.AppendRune(s.text, r)
		s.count++
		data = data[size:]
	}
}

// cut takes n characters from the front.
func (s *stream) cut(n int) string {
	end := 0
	for range n {
		_, size := utf8.DecodeRune(s.text[end:])
		end += size
	}
	piece := string(s.text[:end])
	s.text = append([]byte(nil), s.text[end:]...)
	s.count -= n
	return piece
}
