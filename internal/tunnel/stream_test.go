package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silent is a stream to a server that neither reads nor writes.
func silent(t *testing.T) *stream {
	t.Helper()
	port := serve(t, func(*net.TCPConn) { <-t.Context().Done() })
	conn := dial(t, joinExec(t, Ports{port}).host, port).(*stream)
	conn.SetDeadline(time.Time{})
	return conn
}

// tcp is both ends of a connection.
func tcp(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ends := make(chan *net.TCPConn)
	port := serve(t, func(conn *net.TCPConn) {
		ends <- conn
		<-t.Context().Done()
	})
	conn, err := loopback{}.Dial(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn), <-ends
}

func TestWhatEndsAWaitOnAStream(t *testing.T) {
	read := func(c *stream) error { _, err := c.Read(make([]byte, 1)); return err }
	write := func(c *stream) error { _, err := io.Copy(struct{ io.Writer }{c}, zeros{}); return err }
	copyTo := func(c *stream) error {
		near, _ := tcp(t)
		_, err := c.CopyTo(near, 1)
		return err
	}
	for _, row := range []struct {
		about string
		wait  func(c *stream) error
		end   func(c *stream)
		want  error
	}{
		{"Close, of a read", read, func(c *stream) { c.Close() }, net.ErrClosed},
		{"Close, of a write", write, func(c *stream) { c.Close() }, net.ErrClosed},
		{"Close, of a copy", copyTo, func(c *stream) { c.Close() }, net.ErrClosed},
		{"a deadline, of a read", read, func(c *stream) { c.SetReadDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		{"a deadline, of a write", write, func(c *stream) { c.SetWriteDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		{"a deadline, of a copy", copyTo, func(c *stream) { c.SetReadDeadline(time.Now().Add(time.Millisecond)) }, os.ErrDeadlineExceeded},
		{"a deadline that is over", read, func(c *stream) { c.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{"the end of writing", write, func(c *stream) { c.CloseWrite() }, net.ErrClosed},
		{"the end of the tunnel, of a read", read, func(c *stream) { c.mux.close() }, ErrClosed},
		{"the end of the tunnel, of a write", write, func(c *stream) { c.mux.close() }, ErrClosed},
		{"a reader that left", write, func(c *stream) {
			c.mux.mu.Lock()
			defer c.mux.mu.Unlock()
			c.unread()
		}, syscall.ECONNRESET},
	} {
		t.Run(row.about, func(t *testing.T) {
			c := silent(t)
			ended := make(chan error, 1)
			go func() { ended <- row.wait(c) }()
			time.AfterFunc(20*time.Millisecond, func() { row.end(c) })
			select {
			case err := <-ended:
				if !errors.Is(err, row.want) {
					t.Errorf("got %v, want %v", err, row.want)
				}
			case <-time.After(20 * time.Second):
				t.Error("it waits on")
			}
		})
	}
}

func TestADeadlineThatIsMovedDoesNotPass(t *testing.T) {
	port := serve(t, echo)
	conn := dial(t, joinExec(t, Ports{port}).host, port)
	conn.SetReadDeadline(time.Unix(1, 0))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	<-time.After(20 * time.Millisecond)
	if err := roundTrip(conn, "later"); err != nil {
		t.Error(err)
	}
}

func TestACopyIsOfSoManyBytesAndLeavesTheRest(t *testing.T) {
	const size = 3 << 20
	sent := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	port := serve(t, func(conn *net.TCPConn) { conn.Write(sent) })
	conn := dial(t, joinExec(t, Ports{port}).host, port).(*stream)
	near, far := tcp(t)
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	for done, parts := 0, []int{1, 100, 1 << 20, 2<<20 - 200}; len(parts) > 0; parts = parts[1:] {
		n, err := conn.CopyTo(near, int64(parts[0]))
		if done += parts[0]; err != nil || n != int64(parts[0]) {
			t.Fatalf("of %d bytes %d were copied, %v", parts[0], n, err)
		}
	}
	rest, err := io.ReadAll(conn)
	near.Close()
	if all := append(<-got, rest...); err != nil || !bytes.Equal(all, sent) {
		t.Errorf("%d bytes came of %d, %v", len(all), len(sent), err)
	}
}

func TestACopyEndsWithItsStream(t *testing.T) {
	port := serve(t, func(conn *net.TCPConn) { io.WriteString(conn, "all there is") })
	conn := dial(t, joinExec(t, Ports{port}).host, port).(*stream)
	near, _ := tcp(t)
	if n, err := conn.CopyTo(near, 100); n != 12 || err != nil {
		t.Errorf("%d bytes were copied, %v", n, err)
	}
}

// A copy whose target is full is counted as far as it got, and goes on from there.
func TestACopyToOneWhoReadsSlowlyLosesNothing(t *testing.T) {
	const size = 32 << 20
	port := serve(t, func(conn *net.TCPConn) { io.CopyN(conn, zeros{}, size) })
	conn := dial(t, joinExec(t, Ports{port}).host, port).(*stream)
	near, far := tcp(t)
	read := make(chan int64, 1)
	go func() {
		<-time.After(50 * time.Millisecond)
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{far}, make([]byte, 10_000))
		read <- n
	}()
	copied, err := conn.CopyTo(near, 2*size)
	near.Close()
	if got := <-read; copied != size || got != size || err != nil {
		t.Errorf("%d bytes were copied and %d came, of %d, %v", copied, got, size, err)
	}
}

func TestWhatIsCopiedIntoAStreamArrives(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1<<17)
	port := serve(t, echo)
	conn := dial(t, joinExec(t, Ports{port}).host, port).(*stream)
	go func() {
		io.Copy(conn, strings.NewReader(text))
		conn.CloseWrite()
	}()
	if got, err := io.ReadAll(conn); string(got) != text || err != nil {
		t.Errorf("%d bytes came of %d, %v", len(got), len(text), err)
	}
}
