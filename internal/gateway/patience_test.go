package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/secret"
)

func TestWhoSaysNothingIsNotWaitedForLong(t *testing.T) {
	front, err := NewFront(FrontConfig{Name: "shop", Secret: secret.New(secretKey), UID: os.Getuid()})
	if err != nil {
		t.Fatal(err)
	}
	l := newLink("shop", Link{Kind: KindAPI, Port: 8010}, false)
	const socket = "GET /sockets/x HTTP/1.1\r\nHost: shop.localhost:8010\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	for about, row := range map[string]struct {
		sent  string
		known bool
		want  time.Duration
	}{
		"a stranger":                   {"", false, headTime},
		"half a head":                  {"GET / HTTP", false, headTime},
		"somebody known":               {"", true, idleTime},
		"half a head of one known":     {"GET / HTTP", true, headTime},
		"a socket that shows no key":   {socket, false, headTime + departTime},
		"a socket, half a frame of it": {socket + "\x82\xfe", false, headTime + departTime},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				go io.Copy(io.Discard, there)
				go io.WriteString(there, row.sent)
				v := &visit{front: front, link: l, client: newSide(here), known: row.known}
				start := time.Now()
				if err := v.exchange(context.Background()); err == nil || time.Since(start) > row.want || time.Since(start) < row.want-departTime {
					t.Errorf("after %v: %v; want %v", time.Since(start), err, row.want)
				}
			})
		})
	}
}

// Who stops in the middle of a body that nobody wants any more is not waited for, whatever the carrier.
func TestTheRestOfABodyThatWasAnsweredIsNotAwaited(t *testing.T) {
	l := newLink("shop", Link{Kind: KindVNC, Port: 8010}, false)
	synctest.Test(t, func(t *testing.T) {
		near, server := net.Pipe()
		front, err := NewFront(FrontConfig{
			Name: "shop", Secret: secret.New(secretKey), UID: os.Getuid(),
			Dial: func(context.Context, uint16) (net.Conn, error) { return near, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		const longest = time.Minute
		time.AfterFunc(longest, func() { there.Close() })
		go io.Copy(io.Discard, there)
		go io.WriteString(there, "POST / HTTP/1.1\r\nHost: shop.localhost:8010\r\nOrigin: http://shop.localhost:8010\r\nCookie: "+
			l.cookie+"="+front.cookieFor(l, newLogin())+"\r\nContent-Length: 100\r\n\r\nsome of it")
		go io.Copy(io.Discard, server)
		go io.WriteString(server, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		v := &visit{front: front, link: l, client: newSide(here), known: true}
		start := time.Now()
		if err := v.exchange(context.Background()); err == nil || time.Since(start) > uploadGrace+departTime {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// A request whose visitor has left is taken back from the server.
func TestAServerDoesNotWorkForWhoHasLeft(t *testing.T) {
	t.Parallel()
	asked, left := make(chan struct{}), make(chan struct{})
	server := speak(t, func(conn *net.TCPConn) {
		bufio.NewReader(conn).ReadString('\n')
		close(asked)
		io.Copy(io.Discard, conn)
		close(left)
	})
	h := open(t, inside{"vnc": server})
	conn, headers := h.known("vnc")
	io.WriteString(conn, "GET /slow HTTP/1.1\r\n"+headers+"\r\n")
	<-asked
	conn.Close()
	select {
	case <-left:
	case <-time.After(2 * patience):
		t.Error("the server is still asked")
	}
}
