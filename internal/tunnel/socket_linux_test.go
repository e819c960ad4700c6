package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen makes a listener for this test's own user. Tests have no network of their own inside, so the cookie goes unasked.
func listen(t testing.TB) *Listener {
	t.Helper()
	listener, err := Listen(folder(t), []uint32{uint32(unix.Geteuid())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	listener.own = 0
	return listener
}

func joinSocket(t testing.TB, ports Ports) ends {
	t.Helper()
	return joinAt(t, listen(t), ports)
}

func joinAt(t testing.TB, listener *Listener, ports Ports) ends {
	t.Helper()
	var inside *Inside
	var failed error
	var joining sync.WaitGroup
	joining.Go(func() { inside, failed = Join(t.Context(), listener.Path(), listener.Nonce(), ports) })
	host, err := listener.Accept(t.Context(), ports)
	joining.Wait()
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(); inside.Close() })
	return ends{host, inside}
}

// joinRaw joins a peer that the test plays itself.
func joinRaw(t testing.TB, ports Ports) (*Tunnel, *net.UnixConn) {
	t.Helper()
	listener := listen(t)
	conn, err := net.Dial("unixpacket", listener.Path())
	if err != nil {
		t.Fatal(err)
	}
	peer := conn.(*net.UnixConn)
	if err := writePacket(peer, message{Kind: kindHello, Code: version, Body: []byte(listener.Nonce())}, nil); err != nil {
		t.Fatal(err)
	}
	host, err := listener.Accept(t.Context(), ports)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(); peer.Close() })
	if _, _, err := readPacket(peer, make([]byte, maxMessage)); err != nil {
		t.Fatal(err)
	}
	return host, peer
}

// dialsLeft counts the dials over a socket that still wait.
func dialsLeft(host *Tunnel) int {
	h, is := host.link.(*socketHost)
	if !is {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting)
}

func TestAProgramInsideJoinsAgain(t *testing.T) {
	listener := listen(t)
	port := serve(t, echo)
	first := joinAt(t, listener, Ports{port})
	lasting := dial(t, first.host, port)
	first.inside.Close()
	<-first.host.Done()
	second := joinAt(t, listener, Ports{port})
	if err := roundTrip(dial(t, second.host, port), "again"); err != nil {
		t.Error(err)
	}
	if err := roundTrip(lasting, "a connection passed out lives on"); err != nil {
		t.Error(err)
	}
}

func TestOnlyWhoHoldsTheNonceJoins(t *testing.T) {
	listener := listen(t)
	var refused error
	var joining sync.WaitGroup
	joining.Go(func() { _, refused = Join(t.Context(), listener.Path(), "guessed", nil) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := listener.Accept(ctx, nil); err == nil || !strings.HasPrefix(err.Error(), "tunnel by socket: nobody came: ") {
		t.Errorf("the host got %v", err)
	}
	joining.Wait()
	if refused == nil {
		t.Error("a guessed nonce was welcome")
	}
}

func TestAnotherUserIsSentAway(t *testing.T) {
	listener := listen(t)
	listener.uids = []uint32{uint32(unix.Geteuid()) + 1}
	go Join(t.Context(), listener.Path(), listener.Nonce(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := listener.Accept(ctx, nil); err == nil {
		t.Error("a user who may not connect joined")
	}
}

func TestTheSocketIsOnlyForTheUsersNamed(t *testing.T) {
	listener, err := Listen(folder(t), []uint32{65533})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	list := make([]byte, 256)
	n, err := unix.Getxattr(listener.Path(), "system.posix_acl_access", list)
	if err != nil { // no access lists here: the mode must do
		info, _ := os.Stat(listener.Path())
		if info.Mode().Perm() != 0o006 {
			t.Errorf("mode %v", info.Mode())
		}
		return
	}
	want := accessList(uint32(unix.Geteuid()), []uint32{65533})
	if string(list[:n]) != string(want) {
		t.Errorf("got % x, want % x", list[:n], want)
	}
}

func TestWhereNoSocketIsMade(t *testing.T) {
	open := t.TempDir()
	os.Chmod(open, 0o755)
	long := filepath.Join(folder(t), strings.Repeat("x", 100))
	for _, row := range []struct{ folder, want string }{
		{filepath.Join(open, "run"), open + ": others may enter this folder, so no socket is put below it"},
		{long, fmt.Sprintf("%s: %d bytes are too long for a socket, 107 are allowed", filepath.Join(long, socketName), len(long)+12)},
	} {
		if _, err := Listen(row.folder, nil); err == nil || err.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

// descriptor gives a connection to a port of this test's.
func descriptor(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestADescriptorIsChecked(t *testing.T) {
	port := serve(t, echo)
	other := serve(t, echo)
	unconnected, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	datagram, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	six, _ := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	local, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	file, _ := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	defer closeAll([]int{unconnected, datagram, six, local, file})
	const notTCP = "a descriptor that is no TCP connection: the program inside broke the tunnel's protocol"
	fdOf := func(conn *net.TCPConn) int {
		file, err := conn.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return int(file.Fd())
	}
	elsewhere := fdOf(descriptor(t, fmt.Sprintf("127.0.0.1:%d", other)))
	good := fdOf(descriptor(t, fmt.Sprintf("127.0.0.1:%d", port)))
	for _, row := range []struct {
		about string
		fd    int
		own   uint64
		want  string
	}{
		{"a datagram socket", datagram, 0, notTCP},
		{"IPv6", six, 0, notTCP},
		{"a unix socket", local, 0, notTCP},
		{"a file", file, 0, notTCP},
		{"not connected", unconnected, 0, "closed again: nothing listens there yet"},
		{"another port", elsewhere, 0, "a connection that leads elsewhere: the program inside broke the tunnel's protocol"},
		{"the host's network", good, ownNamespace(), "a connection of the host's own network: the program inside broke the tunnel's protocol"},
		{"the port asked for", good, 0, ""},
		{"in another network", good, 1, ""},
	} {
		t.Run(row.about, func(t *testing.T) {
			if row.about == "the host's network" && row.own == 0 {
				t.Skip("this kernel has no cookie for network namespaces (before 5.14)")
			}
			err := inspect(row.fd, row.own, theirs, port)
			if got := fmt.Sprint(err); got != row.want && (err != nil || row.want != "") {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

// answerWith plays the inside: it takes one dial and answers it with a connection.
func answerWith(t *testing.T, peer *net.UnixConn, change func(*message), fds ...int) {
	t.Helper()
	m, _, err := readPacket(peer, make([]byte, maxMessage))
	if err != nil {
		t.Error(err)
		return
	}
	m.Kind = kindDialled
	change(&m)
	if _, _, err := peer.WriteMsgUnix(m.encode(), unix.UnixRights(fds...), nil); err != nil {
		t.Error(err)
	}
}

func TestALyingInsideLosesTheSocket(t *testing.T) {
	other := serve(t, echo)
	elsewhere, err := descriptor(t, fmt.Sprintf("127.0.0.1:%d", other)).File()
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	for _, row := range []struct {
		about  string
		change func(*message)
		fds    []int
	}{
		{"another port's connection", func(*message) {}, []int{int(elsewhere.Fd())}},
		{"no connection", func(*message) {}, nil},
		{"an answer nobody knows", func(m *message) { m.Code = 99 }, nil},
		{"an answer to what was not asked", func(m *message) { m.ID += 7 }, nil},
		{"a dial of its own", func(m *message) { m.Kind = kindDial }, nil},
	} {
		t.Run(row.about, func(t *testing.T) {
			host, peer := joinRaw(t, Ports{8000})
			go answerWith(t, peer, row.change, row.fds...)
			if conn, err := host.Dial(t.Context(), 8000); err == nil {
				conn.Close()
				t.Error("the dial succeeded")
			}
			<-host.Done()
			if !errors.Is(host.Err(), ErrProtocol) {
				t.Errorf("ended by %v", host.Err())
			}
		})
	}
}

func TestWhatComesBesidesIsClosed(t *testing.T) {
	port := serve(t, echo)
	host, peer := joinRaw(t, Ports{port})
	good, err := descriptor(t, fmt.Sprintf("127.0.0.1:%d", port)).File()
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	go func() {
		answerWith(t, peer, func(*message) {}, int(good.Fd()), int(write.Fd()), int(write.Fd()))
		write.Close()
	}()
	if err := roundTrip(dial(t, host, port), "the first is taken"); err != nil {
		t.Error(err)
	}
	read.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := read.Read(make([]byte, 1)); err != io.EOF { // the pipe ends when its last writer is closed
		t.Errorf("a descriptor beside is still open: %v", err)
	}
}

func TestAPacketThatIsNoMessageEndsTheSocket(t *testing.T) {
	for _, sent := range []string{"x", strings.Repeat("x", 100_000), string(append(message{Kind: kindStatus}.encode(), 0))} {
		host, peer := joinRaw(t, nil)
		if _, err := peer.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		<-host.Done()
		if !errors.Is(host.Err(), ErrProtocol) {
			t.Errorf("%d bytes: ended by %v", len(sent), host.Err())
		}
	}
}

func TestAFloodOfStatusesHoldsUpNothing(t *testing.T) {
	port := serve(t, echo)
	both := joinSocket(t, Ports{port})
	go func() {
		for both.inside.Report(Status{Ready: true}) == nil {
		}
	}()
	for range 50 {
		if err := roundTrip(dial(t, both.host, port), "through"); err != nil {
			t.Fatal(err)
		}
	}
	both.host.Close()
}

func TestADialWaitsForNoOthersWrite(t *testing.T) {
	host, _ := joinRaw(t, Ports{8000}) // the peer never reads: the socket's queue fills
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var dials sync.WaitGroup
	for range maxStreams {
		dials.Go(func() {
			if _, err := host.Dial(ctx, 8000); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
	dials.Wait()
	if left := dialsLeft(host); left > 0 {
		t.Errorf("%d dials are left", left)
	}
}
