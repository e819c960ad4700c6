//go:build !unix

package gateway

import (
	"net"
	"syscall"
)

// rawOf gives nothing: elsewhere a wait needs its buffer.
func rawOf(*net.TCPConn) syscall.RawConn { return nil }

func (s *side) readNow(uintptr) bool { return true }

// gone tells whether this end is closed: of the peer's nothing is told without taking bytes.
func (s *side) gone() bool { return s.dropped.Load() }
