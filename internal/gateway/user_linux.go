package gateway

import (
	"net"

	"golang.org/x/sys/unix"
)

// sameUser tells whether the other end of a unix socket is this user's process.
func (g *gateway) sameUser(conn net.Conn) bool {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		same = err == nil && int(peer.Uid) == g.Front.UID
	})
	return same && err == nil
}
