package tunnel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// ends are two joined ends of one carrier, with a server inside.
type ends struct {
	host   *Tunnel
	inside *Inside
}

var carriers = []string{"socket", "exec"}

// join makes both ends; ports are those both allow.
func join(t testing.TB, carrier string, ports ...uint16) ends {
	t.Helper()
	if carrier == "socket" {
		return joinSocket(t, ports)
	}
	return joinExec(t, ports)
}

func joinExec(t testing.TB, ports Ports) ends {
	t.Helper()
	here, there := pipes(t)
	var inside *Inside
	var failed error
	var joining sync.WaitGroup
	joining.Go(func() { inside, failed = Serve(there, ports) })
	host, err := Exec(t.Context(), here, ports)
	joining.Wait()
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(); inside.Close() })
	return ends{host, inside}
}

// pipes joins two ends as an exec's standard streams do.
func pipes(t testing.TB) (io.ReadWriteCloser, io.ReadWriteCloser) {
	t.Helper()
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return duplex{outRead, inWrite}, duplex{inRead, outWrite}
}

type duplex struct {
	io.ReadCloser
	w io.WriteCloser
}

func (d duplex) Write(p []byte) (int, error) { return d.w.Write(p) }
func (d duplex) Close() error                { return errors.Join(d.w.Close(), d.ReadCloser.Close()) }

// serve runs a server on a loopback port.
func serve(t testing.TB, handle func(*net.TCPConn)) uint16 {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			}()
		}
	}()
	return uint16(listener.Addr().(*net.TCPAddr).Port)
}

func echo(conn *net.TCPConn) { io.Copy(conn, conn) }

// digest answers with what it has read only after the client has ended writing.
func digest(conn *net.TCPConn) {
	all := sha256.New()
	io.Copy(all, conn)
	conn.Write(all.Sum(nil))
}

func dial(t testing.TB, c Carrier, port uint16) net.Conn {
	t.Helper()
	conn, err := c.Dial(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// onEach runs a test over both carriers.
func onEach(t *testing.T, test func(t *testing.T, carrier string)) {
	for _, carrier := range carriers {
		t.Run(carrier, func(t *testing.T) { test(t, carrier) })
	}
}

func roundTrip(conn net.Conn, text string) error {
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("got %q, want %q", got, text)
	}
	return nil
}

func TestAPortInsideAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		port := serve(t, echo)
		both := join(t, carrier, port)
		if both.host.Name() != carrier {
			t.Errorf("the carrier is %s", both.host.Name())
		}
		conn := dial(t, both.host, port)
		if err := roundTrip(conn, "hello"); err != nil {
			t.Error(err)
		}
		if _, tcp := conn.(*net.TCPConn); tcp != (carrier == "socket") {
			t.Errorf("the connection is a %T", conn)
		}
	})
}

func TestTheServerSeesTheEndOfARequestAndStillAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		port := serve(t, digest)
		conn := dial(t, join(t, carrier, port).host, port)
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		go func() {
			conn.Write(sent)
			conn.(half).CloseWrite()
		}()
		got, err := io.ReadAll(conn)
		want := sha256.Sum256(sent)
		if err != nil || !bytes.Equal(got, want[:]) {
			t.Errorf("got %x, %v; want %x", got, err, want)
		}
	})
}

func TestTheServersEndLeavesTheClientWriting(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		rest := make(chan string, 1)
		port := serve(t, func(conn *net.TCPConn) {
			conn.CloseWrite()
			got, _ := io.ReadAll(conn)
			rest <- string(got)
		})
		conn := dial(t, join(t, carrier, port).host, port)
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("read %d, %v", n, err)
		}
		io.WriteString(conn, "still here")
		conn.(half).CloseWrite()
		if got := <-rest; got != "still here" {
			t.Errorf("the server got %q", got)
		}
	})
}

func TestAWriterHearsThatNobodyReads(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		ended := make(chan error, 1)
		port := serve(t, func(conn *net.TCPConn) {
			_, err := io.Copy(conn, zeros{})
			ended <- err
		})
		conn := dial(t, join(t, carrier, port).host, port)
		io.ReadFull(conn, make([]byte, 1000))
		conn.Close()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("an endless answer ended without an error")
			}
		case <-time.After(20 * time.Second):
			t.Error("the server still writes into a closed connection")
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestWhyAPortIsNotReached(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		closed, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		closed.Close()
		port := uint16(closed.Addr().(*net.TCPAddr).Port)
		host := join(t, carrier, port).host
		for _, row := range []struct {
			port uint16
			want string
		}{
			{port, fmt.Sprintf("port %d: nothing listens there yet", port)},
			{22, "port 22: not one of this sandbox's ports"},
		} {
			if _, err := host.Dial(t.Context(), row.port); err == nil || err.Error() != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
		}
	})
}

func TestTheInsideKeepsAListOfItsOwn(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		both := join(t, carrier, 8000)
		both.host.ports = Ports{22}
		if _, err := both.host.Dial(t.Context(), 22); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAProxysConnectionComesOut(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		both := join(t, carrier)
		proxy := serve(t, func(conn *net.TCPConn) {
			both.inside.Proxy(conn)
			<-t.Context().Done()
		})
		client, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", proxy))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		outside, err := both.host.AcceptProxy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer outside.Close()
		go io.Copy(outside, outside)
		if err := roundTrip(client, "CONNECT example.org:443"); err != nil {
			t.Error(err)
		}
	})
}

func TestTheStatusComesOut(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		both := join(t, carrier)
		want := Status{Ready: true, Listening: Ports{8000, 8001}}
		both.inside.Report(want)
		got := <-both.host.Status()
		if got.Ready != want.Ready || !slices.Equal(got.Listening, want.Listening) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestAStalledStreamHoldsUpNoOther(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		endless := serve(t, func(conn *net.TCPConn) { io.Copy(conn, zeros{}) })
		deaf := serve(t, func(*net.TCPConn) { <-t.Context().Done() })
		port := serve(t, echo)
		host := join(t, carrier, endless, deaf, port).host
		for range 20 {
			dial(t, host, endless) // and nobody reads
		}
		stuck := dial(t, host, deaf)
		go io.Copy(stuck, zeros{})
		running := dial(t, host, port)
		for i := range 200 {
			if err := roundTrip(running, fmt.Sprint("round ", i)); err != nil {
				t.Fatal(err)
			}
		}
		go stuck.Close()
	})
}

func TestASlowReaderGetsAll(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		const size = 3 << 20
		port := serve(t, func(conn *net.TCPConn) { io.CopyN(conn, zeros{}, size) })
		conn := dial(t, join(t, carrier, port).host, port)
		got := 0
		for p := make([]byte, 700); ; {
			n, err := conn.Read(p)
			if got += n; err != nil {
				break
			}
		}
		if got != size {
			t.Errorf("got %d bytes, want %d", got, size)
		}
	})
}

func TestTenThousandDialsLeaveNothingBehind(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		if testing.Short() {
			t.Skip("10,000 dials take seconds")
		}
		port := serve(t, echo)
		both := join(t, carrier, port)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for range 1250 {
					conn, err := both.host.Dial(t.Context(), port)
					if err != nil {
						t.Error(err)
						return
					}
					if err := roundTrip(conn, "x"); err != nil {
						t.Error(err)
					}
					conn.Close()
				}
			})
		}
		workers.Wait()
		if h, is := both.host.link.(*execHost); is {
			eventually(t, "streams are left", func() bool { return h.mux.streams() == 0 })
		}
		if left := dialsLeft(both.host); left > 0 {
			t.Errorf("%d dials are left", left)
		}
	})
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	for limit := time.After(10 * time.Second); !done(); {
		select {
		case <-limit:
			t.Fatal(otherwise)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestALostPeerEndsTheTunnelAndAWaitingDial(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		port := serve(t, echo)
		both := join(t, carrier, port)
		conn := dial(t, both.host, port)
		if err := roundTrip(conn, "in mid-stream"); err != nil {
			t.Fatal(err)
		}
		both.inside.Close()
		<-both.host.Done()
		if err := both.host.Err(); !errors.Is(err, ErrClosed) {
			t.Errorf("ended by %v", err)
		}
		if _, err := both.host.Dial(t.Context(), port); err == nil {
			t.Error("a dial over a lost tunnel succeeded")
		}
		if _, err := both.host.AcceptProxy(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("the proxy gave %v", err)
		}
		if carrier == "exec" {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("a stream outlived its tunnel")
			}
		}
	})
}

func TestADialEndsWithItsContext(t *testing.T) {
	onEach(t, func(t *testing.T, carrier string) {
		host := joinSilent(t, carrier, 8000)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := host.Dial(ctx, 8000); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// joinSilent makes a host whose peer says hello and never anything more, nor reads.
func joinSilent(t *testing.T, carrier string, ports ...uint16) *Tunnel {
	t.Helper()
	if carrier == "socket" {
		host, _ := joinRaw(t, ports)
		return host
	}
	here, there := pipes(t)
	go there.Write(helloFrames())
	host, err := Exec(t.Context(), here, ports)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close(); there.Close() })
	return host
}

// folder is one that Listen takes.
func folder(t testing.TB) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	return filepath.Join(parent, "run")
}
