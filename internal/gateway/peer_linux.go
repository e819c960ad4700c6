package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// errNoPeer says that the other end is not on this machine, or is gone.
var errNoPeer = errors.New("no such connection")

// peersCanBeTold asks for a connection of our own.
func peersCanBeTold() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // nothing was written
	var dialer net.Dialer
	conn, err := dialer.DialContext(context.Background(), "tcp4", l.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	_, err = userOf(conn.LocalAddr(), conn.RemoteAddr())
	return err
}

// welcome tells whether a connection is the user's own, else whose it is.
func (f *Front) welcome(conn net.Conn) (bool, string) {
	uid, err := userOf(conn.RemoteAddr(), conn.LocalAddr())
	switch {
	case err != nil:
		return false, "somebody unknown (" + err.Error() + ")"
	case int64(uid) == int64(f.config.UID), f.config.WSL && uid == 0:
		return true, ""
	}
	return false, "user " + strconv.FormatUint(uint64(uid), 10)
}

// The kernel's request and answer about one socket, include/uapi/linux/inet_diag.h: struct inet_diag_req_v2 and
// struct inet_diag_msg, in the machine's byte order but for ports and addresses.
const (
	diagByFamily  = 20 // SOCK_DIAG_BY_FAMILY
	diagHead      = unix.SizeofNlMsghdr
	diagRequest   = diagHead + 56
	diagAnswer    = diagHead + 72
	diagID        = diagHead + 8 // of the request's struct inet_diag_sockid; in the answer it is at 4
	diagUID       = diagHead + 64
	diagInode     = diagHead + 68
	diagPatience  = time.Second
	anyCookie     = ^uint64(0)
	everyTCPState = ^uint32(0)
)

// userOf gives the uid of the process that holds the socket bound to local and connected to remote.
func userOf(local, remote net.Addr) (uint32, error) {
	from, err := addrPort(local)
	if err != nil {
		return 0, err
	}
	to, err := addrPort(remote)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	defer unix.Close(fd)
	patience := unix.NsecToTimeval(diagPatience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	if err := unix.Sendto(fd, diagQuestion(from, to), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	var answer [512]byte
	n, _, err := unix.Recvfrom(fd, answer[:], 0)
	if err != nil {
		return 0, fmt.Errorf("sock_diag: %w", err)
	}
	return diagUser(answer[:n])
}

func addrPort(a net.Addr) (netip.AddrPort, error) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%v: not a TCP address", a)
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

func diagQuestion(from, to netip.AddrPort) []byte {
	q := make([]byte, diagRequest)
	native := binary.NativeEndian
	native.PutUint32(q, diagRequest)
	native.PutUint16(q[4:], diagByFamily)
	native.PutUint16(q[6:], unix.NLM_F_REQUEST)
	q[diagHead] = unix.AF_INET
	if from.Addr().Is6() {
		q[diagHead] = unix.AF_INET6
	}
	q[diagHead+1] = unix.IPPROTO_TCP
	native.PutUint32(q[diagHead+4:], everyTCPState)
	binary.BigEndian.PutUint16(q[diagID:], from.Port())
	binary.BigEndian.PutUint16(q[diagID+2:], to.Port())
	copy(q[diagID+4:diagID+20], from.Addr().AsSlice())
	copy(q[diagID+20:diagID+36], to.Addr().AsSlice())
	native.PutUint64(q[diagID+40:], anyCookie)
	return q
}

// diagUser reads the answer. A socket without an inode is closed already; what is left of it says it were root's.
func diagUser(answer []byte) (uint32, error) {
	native := binary.NativeEndian
	if len(answer) < diagHead+4 {
		return 0, errNoPeer
	}
	switch kind := native.Uint16(answer[4:]); {
	case kind == unix.NLMSG_ERROR:
		return 0, fmt.Errorf("sock_diag: %w", unix.Errno(-int32(native.Uint32(answer[diagHead:]))))
	case kind != diagByFamily || len(answer) < diagAnswer || native.Uint32(answer[diagInode:]) == 0:
		return 0, errNoPeer
	}
	return native.Uint32(answer[diagUID:]), nil
}
