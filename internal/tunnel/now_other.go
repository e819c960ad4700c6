//go:build !unix

package tunnel

import (
	"io"
	"syscall"
)

// source gives frames of what is read.
type source struct{ r io.Reader }

func newSource(r io.Reader) source { return source{r} }

// next waits for bytes and gives the frame they are in, which is the caller's.
func (s source) next() (*frame, int, error) {
	f := frames.Get().(*frame)
	n, err := s.r.Read(f[headLength:])
	return f, n, err
}

// writeNow writes nothing: here a write may wait.
func writeNow(syscall.RawConn, []byte) (int, error) { return 0, nil }
