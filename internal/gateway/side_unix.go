//go:build unix

package gateway

import (
	"errors"
	"net"
	"syscall"
)

// rawOf gives the means to wait for bytes without a buffer for them.
func rawOf(conn *net.TCPConn) syscall.RawConn {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readNow reads what is there; false asks to be called again when there is something.
func (s *side) readNow(fd uintptr) bool {
	s.hold()
	for {
		s.got, s.err = syscall.Read(int(fd), s.buf[s.end:])
		if !errors.Is(s.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(s.err, syscall.EAGAIN) {
		s.rest()
		return false
	}
	return true
}

// gone tells whether either end is closed, without taking what the peer sent. Where that takes descriptors and there
// are none, only this end's is known.
func (s *side) gone() bool {
	if s.raw == nil {
		return s.dropped.Load()
	}
	gone := true
	err := s.raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return err != nil || gone
}
