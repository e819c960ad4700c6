package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxDescriptors is how many the kernel puts beside one packet, SCM_MAX_FD of unix(7).
const maxDescriptors = 253

// writePacket sends one message, beside it the descriptor of conn unless that is nil. The kernel takes it whole or not.
func writePacket(to *net.UnixConn, m message, conn *net.TCPConn) error {
	if conn == nil {
		_, err := to.Write(m.encode())
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		_, _, sent = to.WriteMsgUnix(m.encode(), unix.UnixRights(int(fd)), nil)
	})
	return errors.Join(err, sent)
}

// until makes a deadline past when ctx ends; release clears it.
func until(ctx context.Context, set func(time.Time) error) (release func()) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = set(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired
		}
		_ = set(time.Time{})
	}
}

// readPacket takes one message and the descriptors beside it, which the caller closes, also after an error.
func readPacket(from *net.UnixConn, buffer []byte) (message, []int, error) {
	beside := make([]byte, unix.CmsgSpace(4*maxDescriptors))
	n, besides, flags, _, err := from.ReadMsgUnix(buffer, beside)
	fds := descriptors(beside[:max(besides, 0)])
	switch {
	case err != nil:
		return message{}, fds, err
	case n == 0:
		return message{}, fds, io.EOF
	case flags&unix.MSG_TRUNC != 0:
		return message{}, fds, fmt.Errorf("a packet too long: %w", ErrProtocol)
	case flags&unix.MSG_CTRUNC != 0:
		return message{}, fds, errors.New("a descriptor did not fit: this process has too many open")
	}
	packet := bytes.NewReader(buffer[:n])
	m, err := readMessage(packet)
	if err != nil || packet.Len() > 0 {
		return message{}, fds, fmt.Errorf("a packet that is no message: %w", ErrProtocol)
	}
	return m, fds, nil
}

// descriptors finds all that came beside a packet.
func descriptors(beside []byte) []int {
	var fds []int
	messages, _ := unix.ParseSocketControlMessage(beside)
	for _, m := range messages {
		got, _ := unix.ParseUnixRights(&m)
		fds = append(fds, got...)
	}
	return fds
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// end is which end of a connection the program inside has to show.
type end int

const (
	theirs end = iota // it dialled: the peer is 127.0.0.1:port
	ours              // its proxy accepted: the local address is on the loopback
)

// adopt makes a connection of the one descriptor in fds, and closes all of them.
func adopt(fds []int, own uint64, which end, port uint16) (*net.TCPConn, error) {
	defer closeAll(fds)
	if len(fds) == 0 {
		return nil, fmt.Errorf("no descriptor: %w", ErrProtocol)
	}
	if err := inspect(fds[0], own, which, port); err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fds[0]), "tunnel")
	defer file.Close()
	fds[0] = -1 // file closes it
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	tcp, is := conn.(*net.TCPConn)
	if !is {
		conn.Close()
		return nil, fmt.Errorf("a descriptor that is no TCP connection: %w", ErrProtocol)
	}
	return tcp, nil
}

// inspect is performance.md §5's check of a descriptor from a hostile peer: a TCP connection over IPv4, of another
// network namespace, with the address asked for. Without it, berth would read and write whatever it was given.
func inspect(fd int, own uint64, which end, port uint16) error {
	for _, option := range []struct{ name, want int }{
		{unix.SO_DOMAIN, unix.AF_INET}, {unix.SO_TYPE, unix.SOCK_STREAM}, {unix.SO_PROTOCOL, unix.IPPROTO_TCP},
		{unix.SO_ACCEPTCONN, 0},
	} {
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option.name)
		if err != nil || got != option.want {
			return fmt.Errorf("a descriptor that is no TCP connection: %w", ErrProtocol)
		}
	}
	if own != 0 {
		cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		if err != nil || cookie == own {
			return fmt.Errorf("a connection of the host's own network: %w", ErrProtocol)
		}
	}
	remote, err := unix.Getpeername(fd)
	if err != nil { // the server may have reset it by now, which starting ones do
		return fmt.Errorf("closed again: %w", ErrRefused)
	}
	if which == theirs {
		return sameAddress(remote, port)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return fmt.Errorf("a descriptor without an address: %w", ErrProtocol)
	}
	return sameAddress(local, port)
}

// sameAddress demands 127.0.0.1 and the port; port 0 stands for any.
func sameAddress(got unix.Sockaddr, port uint16) error {
	in, is := got.(*unix.SockaddrInet4)
	if !is || netip.AddrFrom4(in.Addr) != netip.AddrFrom4([4]byte{127, 0, 0, 1}) || (port != 0 && in.Port != int(port)) {
		return fmt.Errorf("a connection that leads elsewhere: %w", ErrProtocol)
	}
	return nil
}
