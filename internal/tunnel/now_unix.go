//go:build unix

package tunnel

import (
	"errors"
	"io"
	"syscall"
)

// source gives frames of what is read.
type source struct {
	r   io.Reader
	raw syscall.RawConn // nil where a wait needs a frame
}

func newSource(r io.Reader) source {
	s := source{r: r}
	if conn, is := r.(syscall.Conn); is {
		s.raw, _ = conn.SyscallConn()
	}
	return s
}

// next waits for bytes and gives the frame they are in, if any, which is the caller's.
func (s source) next() (f *frame, n int, err error) {
	if s.raw == nil {
		f = frames.Get().(*frame)
		n, err = s.r.Read(f[headLength:])
		return f, n, err
	}
	failed := s.raw.Read(func(fd uintptr) bool {
		f = frames.Get().(*frame)
		for {
			n, err = syscall.Read(int(fd), f[headLength:])
			if !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		if errors.Is(err, syscall.EAGAIN) {
			frames.Put(f)
			f = nil
			return false
		}
		return true
	})
	switch {
	case failed != nil:
		return f, 0, failed
	case n == 0 && err == nil:
		err = io.EOF
	}
	return f, max(n, 0), err
}

// writeNow writes what can be written without a wait.
func writeNow(to syscall.RawConn, p []byte) (n int, err error) {
	failed := to.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), p)
		return true
	})
	if failed != nil {
		return 0, failed
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		err = nil
	}
	return max(n, 0), err
}
