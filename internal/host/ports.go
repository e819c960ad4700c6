package host

import (
	"errors"
	"net"
	"strconv"
	"syscall"
)

// PortFree tells whether a TCP port can be bound now on both loopback addresses. Both count, since browsers dial ::1
// first (Chromium 156): somebody else's listener there would get the page that was meant for 127.0.0.1. A machine
// without IPv6 has only the first.
func PortFree(port uint16) bool {
	for _, address := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue
		}
		if err != nil || l.Close() != nil {
			return false
		}
	}
	return true
}
