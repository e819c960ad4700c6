package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
)

// A listener that fails for a while, as without descriptors, is asked again.
func TestAListenerThatFailsIsAskedAgain(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)})
	broken := &failing{Listener: nil, errs: []error{syscall.EMFILE, syscall.EMFILE, net.ErrClosed}}
	if err := h.Serve(t.Context(), h.ports["vnc"], broken); !errors.Is(err, net.ErrClosed) || len(broken.errs) > 0 {
		t.Errorf("%v, %d calls not made", err, len(broken.errs))
	}
	if err := h.Serve(t.Context(), 1, broken); err == nil || err.Error() != "port 1: no link of shop" {
		t.Error(err)
	}
}

type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

func (f *failing) Close() error { return nil }

func TestConnectionsOfOtherUsersAreRefused(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)}, func(c *FrontConfig) { c.UID = os.Getuid() + 1 })
	if _, refused := h.welcome(h.dial("vnc")); refused == "" {
		t.Skip("this system does not tell whose a connection is")
	}
	for range 3 {
		if n, err := h.dial("vnc").Read(make([]byte, 1)); n > 0 || isTimeout(err) {
			t.Errorf("read %d, %v", n, err)
		}
	}
	want := fmt.Sprintf("a connection to the links was refused, since it was not yours: it was of user %d", os.Getuid())
	h.lock.Lock()
	defer h.lock.Unlock()
	if len(h.events) != 1 || h.events[0].Text != want {
		t.Errorf("events %+v, want one: %s", h.events, want)
	}
}

func TestThereIsRoomForSoManyStrangers(t *testing.T) {
	h := open(t, inside{"vnc": echo(t)})
	_, headers := h.known("vnc") // a stranger, for now
	answered := func(conn net.Conn) bool {
		io.WriteString(conn, "GET / HTTP/1.1\r\n"+headers+"\r\n")
		_, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil
	}
	for range maxStrangers + 10 { // who proved himself leaves his place to the next
		if !answered(h.dial("vnc")) {
			t.Fatal("a place was not given back")
		}
	}
	var last net.Conn
	for range maxStrangers - 1 {
		last = h.dial("vnc")
	}
	if n, err := h.dial("vnc").Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("one stranger too many: read %d, %v", n, err)
	}
	if !answered(last) {
		t.Error("the last one who came in is not answered")
	}
}

// A fault of the gateway's own ends the connection that met it, and is told; the others stay.
func TestAFaultEndsOneConnectionAlone(t *testing.T) {
	var broken atomic.Bool
	h := open(t, inside{"vnc": echo(t)}, func(c *FrontConfig) {
		dial := c.Dial
		c.Dial = func(ctx context.Context, port uint16) (net.Conn, error) {
			if broken.Load() {
				panic("a fault")
			}
			return dial(ctx, port)
		}
	})
	get := func() error {
		conn, headers := h.known("vnc")
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"+headers+"Connection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err
	}
	broken.Store(true)
	if err := get(); err == nil {
		t.Error("there is an answer")
	}
	broken.Store(false)
	if err := get(); err != nil {
		t.Error(err)
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	const want = "a connection to the links was ended by a fault of berth's own, please report it: a fault"
	if len(h.events) != 1 || h.events[0].Text != want {
		t.Errorf("events %+v, want one: %s", h.events, want)
	}
}
