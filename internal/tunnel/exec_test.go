package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// data is a message of a stream's bytes.
func data(stream uint32, body []byte) []byte {
	return message{Kind: kindData, ID: stream, Body: body}.encode()
}

// opened is a stream of the proxy.
func opened(stream uint32) []byte { return message{Kind: kindProxy, ID: stream}.encode() }

// helloFrames are what an inner end says first.
func helloFrames() []byte { return message{Kind: kindHello, Code: version}.encode() }

func TestAHostilePeerLosesTheTunnel(t *testing.T) {
	for _, row := range []struct {
		about string
		sent  []byte
		want  string
	}{
		{"no messages", []byte("HTTP/1.1 400 Bad Request"), "message of kind 72: the program inside broke the tunnel's protocol"},
		{"an unknown message", message{Kind: 99}.encode(), "message of kind 99: the program inside broke the tunnel's protocol"},
		{"a second hello", helloFrames(), "message of kind 1: the program inside broke the tunnel's protocol"},
		{"a dial from inside", message{Kind: kindDial, Port: 22, ID: 2}.encode(), "message of kind 3: the program inside broke the tunnel's protocol"},
		{"data of 4 GiB", slices.Concat(opened(2), []byte{byte(kindData), 0, 0, 0, 0, 0, 0, 2, 255, 255, 255, 255}),
			"message of 4294967307 bytes: the program inside broke the tunnel's protocol"},
		{"a message of 4 GiB", []byte{byte(kindStatus), 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255},
			"message of 4294967307 bytes: the program inside broke the tunnel's protocol"},
		{"more than its window", slices.Concat(opened(2), bytes.Repeat(data(2, make([]byte, pieceSize)), window/pieceSize), data(2, make([]byte, 1))),
			"data that nobody asked for: the program inside broke the tunnel's protocol"},
		{"data after its end", slices.Concat(opened(2), message{Kind: kindEnd, ID: 2}.encode(), data(2, []byte("more"))),
			"data that nobody asked for: the program inside broke the tunnel's protocol"},
		{"data of nobody's stream", data(2, nil), "stream 2, which nobody opened: the program inside broke the tunnel's protocol"},
		{"data of a stream that the host did not open", data(1, nil), "stream 1, which nobody opened: the program inside broke the tunnel's protocol"},
		{"the end of nobody's stream", message{Kind: kindGone, ID: 100}.encode(), "stream 100, which nobody opened: the program inside broke the tunnel's protocol"},
		{"a stream twice", slices.Concat(opened(2), opened(2)), "stream 2 is opened: the program inside broke the tunnel's protocol"},
		{"a stream of the host's", opened(1), "stream 1 is opened: the program inside broke the tunnel's protocol"},
		{"an answer that nobody asked for", slices.Concat(opened(2), message{Kind: kindDialled, ID: 2}.encode()),
			"an answer that is none: the program inside broke the tunnel's protocol"},
		{"credit without end", slices.Concat(opened(2), message{Kind: kindCredit, ID: 2, Body: []byte{0, 0, 0, 1}}.encode()),
			"a credit of more than a window: the program inside broke the tunnel's protocol"},
		{"credit of 4 GiB", slices.Concat(opened(2), message{Kind: kindCredit, ID: 2, Body: []byte{255, 255, 255, 255}}.encode()),
			"a credit that is none: the program inside broke the tunnel's protocol"},
		{"a status of odd length", message{Kind: kindStatus, Body: []byte{1}}.encode(),
			"a status that is none: the program inside broke the tunnel's protocol"},
	} {
		t.Run(row.about, func(t *testing.T) {
			here, there := pipes(t)
			go io.Copy(io.Discard, there)
			go func() {
				there.Write(helloFrames())
				there.Write(row.sent)
			}()
			host, err := Exec(t.Context(), here, Ports{8000})
			if err == nil {
				defer host.Close()
				select {
				case <-host.Done():
					err = host.Err()
				case <-time.After(20 * time.Second):
					t.Fatal("the tunnel lives on")
				}
			}
			there.Close()
			if row.want != "" && !bytes.HasSuffix([]byte(err.Error()), []byte(row.want)) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

// The excess is reset or ends the tunnel, whichever is sooner; it is never held.
func TestStreamsWithoutEndAreNotHeld(t *testing.T) {
	here, there := pipes(t)
	defer there.Close()
	go io.Copy(io.Discard, there)
	go func() {
		there.Write(helloFrames())
		for i := range uint32(9000) {
			there.Write(opened(2 + 2*i))
		}
		there.Write(Status{Ready: true}.message().encode())
	}()
	host, err := Exec(t.Context(), here, Ports{8000})
	if err != nil {
		return // it ended so soon that the hello was not waited for
	}
	defer host.Close()
	select {
	case <-host.Done():
	case <-host.Status(): // all before it has been read
		if held := host.link.(*execHost).mux.streams(); held > 2*maxProxies {
			t.Errorf("%d streams are held", held)
		}
	}
}

func TestProxyStreamsThatNobodyTakesAreClosed(t *testing.T) {
	both := joinExec(t, nil)
	inner := both.inside.link.(*execInside)
	inner.mux.most[here] = maxStreams // one that keeps no limit of its own
	for range maxWaiting + 1 {
		if _, err := inner.mux.dial(message{Kind: kindProxy}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the queue grew", func() bool { return len(both.host.egress) == maxWaiting })
}

func TestNoMoreThanSoManyStreams(t *testing.T) {
	port := serve(t, echo)
	host := joinExec(t, Ports{port}).host
	for range maxDials {
		dial(t, host, port)
	}
	if _, err := host.Dial(t.Context(), port); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v", err)
	}
}

func TestProgramsThatWantOutWaitAndLeaveRoomForLinks(t *testing.T) {
	port := serve(t, echo)
	both := joinExec(t, Ports{port})
	proxy := serve(t, func(conn *net.TCPConn) {
		both.inside.Proxy(conn)
		<-t.Context().Done()
	})
	outside := func() net.Conn {
		t.Helper()
		conn, err := both.host.AcceptProxy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	var first net.Conn
	for i := range maxProxies + 1 {
		client, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", proxy))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		if i == 0 {
			first = outside()
		} else if i < maxProxies {
			outside()
		}
	}
	if err := roundTrip(dial(t, both.host, port), "a link"); err != nil {
		t.Error(err)
	}
	select {
	case <-both.host.egress:
		t.Error("one too many came out")
	default:
	}
	first.Close()
	outside() // the one that waited
}

func TestWithoutAHelloThereIsNoTunnel(t *testing.T) {
	here, there := pipes(t)
	defer there.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := Exec(ctx, here, nil)
	if err == nil || err.Error() != "tunnel by exec: context deadline exceeded" {
		t.Errorf("got %v", err)
	}
}

// Accepted messages are written as they were read.
func FuzzMessage(f *testing.F) {
	f.Add(message{Kind: kindHello, Code: version, Body: []byte("nonce")}.encode())
	f.Add(Status{Ready: true, Listening: Ports{8000}}.message().encode())
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := readMessage(bytes.NewReader(in))
		if err != nil {
			return
		}
		if out := m.encode(); !bytes.HasPrefix(in, out) || len(out) > maxMessage {
			t.Errorf("%x was read, %x written", in, out)
		}
		if s, err := m.status(); err == nil && m.Kind == kindStatus {
			if again, err := s.message().status(); err != nil || len(again.Listening) != len(s.Listening) {
				t.Errorf("%+v became %+v, %v", s, again, err)
			}
		}
	})
}

// Whatever a peer sends, the host ends or lives, and can be closed.
func FuzzHost(f *testing.F) {
	f.Add(Status{Ready: true}.message().encode())
	f.Add(slices.Concat(opened(2), data(2, []byte("GET / HTTP/1.1\r\n")), message{Kind: kindEnd, ID: 2}.encode()))
	f.Add(slices.Concat(opened(4), message{Kind: kindGone, ID: 4}.encode(), message{Kind: kindCredit, ID: 4, Body: []byte{0, 0, 0, 9}}.encode()))
	f.Fuzz(func(t *testing.T, in []byte) {
		here, there := pipes(t)
		go io.Copy(io.Discard, there)
		go func() {
			there.Write(helloFrames())
			there.Write(in)
			there.Close()
		}()
		host, err := Exec(t.Context(), here, Ports{8000})
		if err != nil {
			return
		}
		<-host.Done()
		host.Close()
	})
}
