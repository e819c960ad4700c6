package tunnel

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketName    = "tunnel.sock"
	longestSocket = 107 // bytes of a socket's path beside its NUL, unix(7)
)

// Listener is the host's end of the socket carrier before anyone has come.
type Listener struct {
	socket *net.UnixListener
	path   string
	nonce  string
	uids   []uint32
	own    uint64 // cookie of this network namespace, 0 where the kernel has none (before 5.14)
}

// Listen makes a socket in folder, which is made if missing and is to be mounted read-only into the sandbox. Its
// parent must be closed to others, since the folder itself cannot be. Only uids may connect: 65533, or what the
// engine makes of it where users are shifted.
func Listen(folder string, uids []uint32) (*Listener, error) {
	path := filepath.Join(folder, socketName)
	if len(path) > longestSocket {
		return nil, fmt.Errorf("%s: %d bytes are too long for a socket, %d are allowed", path, len(path), longestSocket)
	}
	owner, err := prepare(folder, path)
	if err != nil {
		return nil, err
	}
	socket, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	if err := admit(path, owner, uids); err != nil {
		socket.Close()
		return nil, err
	}
	return &Listener{socket: socket, path: path, nonce: rand.Text(), uids: slices.Clone(uids), own: ownNamespace()}, nil
}

// prepare makes the folder and clears a socket left in it; it gives the folder's owner.
func prepare(folder, path string) (uint32, error) {
	parent, err := os.Stat(filepath.Dir(folder))
	if err != nil {
		return 0, err
	}
	if parent.Mode().Perm()&0o077 != 0 {
		return 0, fmt.Errorf("%s: others may enter this folder, so no socket is put below it", filepath.Dir(folder))
	}
	if err := os.Mkdir(folder, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	if err := os.Chmod(folder, 0o711); err != nil { // whatever the umask
		return 0, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var status unix.Stat_t
	if err := unix.Lstat(folder, &status); err != nil {
		return 0, fmt.Errorf("%s: %w", folder, err)
	}
	return status.Uid, nil
}

// admit lets uids connect and nobody else, the owner neither unless named: the agent often has the owner's uid.
// Without access lists the mode is 0006, the parent folder keeping out the others of the host.
func admit(path string, owner uint32, uids []uint32) error {
	err := unix.Setxattr(path, "system.posix_acl_access", accessList(owner, uids), 0)
	if !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	mode := fs.FileMode(0o006)
	if slices.Contains(uids, owner) {
		mode |= 0o600
	}
	return os.Chmod(path, mode)
}

// accessList is acl(5) as the kernel stores it: version 2, then tag, permissions and id of each entry.
func accessList(owner uint32, uids []uint32) []byte {
	const (
		userObject, user, groupObject, mask, other = 0x01, 0x02, 0x04, 0x10, 0x20

		none, readWrite = 0, 6
		noID            = ^uint32(0)
	)
	list := binary.LittleEndian.AppendUint32(nil, 2)
	add := func(tag, rights uint16, id uint32) {
		list = binary.LittleEndian.AppendUint16(list, tag)
		list = binary.LittleEndian.AppendUint16(list, rights)
		list = binary.LittleEndian.AppendUint32(list, id)
	}
	ownRights := uint16(none)
	if slices.Contains(uids, owner) {
		ownRights = readWrite
	}
	add(userObject, ownRights, noID)
	for _, uid := range slices.Compact(slices.Sorted(slices.Values(uids))) {
		add(user, readWrite, uid)
	}
	add(groupObject, none, noID)
	add(mask, readWrite, noID)
	add(other, none, noID)
	return list
}

// ownNamespace gives the cookie of the network namespace this process is in, 0 if the kernel has none.
func ownNamespace() uint64 {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	cookie, _ := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	return cookie
}

// Path is the socket's.
func (l *Listener) Path() string { return l.path }

// Nonce is a secret for the program inside, by which it proves itself. It goes over the exec's standard input.
func (l *Listener) Nonce() string { return l.nonce }

// Accept waits one second for the program inside. Who has another uid or nonce is sent away. After an error, the
// caller takes the exec carrier; after a lost tunnel, it calls Accept again.
func (l *Listener) Accept(ctx context.Context, ports Ports) (*Tunnel, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	defer until(ctx, l.socket.SetDeadline)()
	deadline, _ := ctx.Deadline()
	for {
		conn, err := l.socket.AcceptUnix()
		if err != nil {
			return nil, fmt.Errorf("tunnel by socket: nobody came: %w", err)
		}
		if l.welcome(conn, deadline) != nil {
			conn.Close()
			continue
		}
		return newSocketTunnel(conn, ports, l.own), nil
	}
}

// welcome proves the peer.
func (l *Listener) welcome(conn *net.UnixConn, deadline time.Time) error {
	uid, err := peer(conn)
	if err != nil {
		return err
	}
	if !slices.Contains(l.uids, uid) {
		return fmt.Errorf("user %d: not one who may connect", uid)
	}
	_ = conn.SetDeadline(deadline)
	m, fds, err := readPacket(conn, make([]byte, maxMessage))
	closeAll(fds)
	if err != nil {
		return err
	}
	if m.Kind != kindHello || m.Code != version || subtle.ConstantTimeCompare(m.Body, []byte(l.nonce)) != 1 {
		return fmt.Errorf("a hello that is none: %w", ErrProtocol)
	}
	if err := writePacket(conn, message{Kind: kindHello, Code: version}, nil); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// peer gives the uid that connected.
func peer(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var got error
	err = raw.Control(func(fd uintptr) { cred, got = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, got); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

// Close removes the socket. Tunnels already joined live on.
func (l *Listener) Close() error { return l.socket.Close() }
