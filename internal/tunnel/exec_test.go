package tunnel

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

const typeData, typeWindow, typePing = 0, 1, 2

// frame makes one of yamux's.
func frame(kind byte, flags uint16, stream, length uint32, body []byte) []byte {
	p := []byte{0, kind}
	p = binary.BigEndian.AppendUint16(p, flags)
	p = binary.BigEndian.AppendUint32(p, stream)
	p = binary.BigEndian.AppendUint32(p, length)
	return append(p, body...)
}

func data(stream uint32, body []byte) []byte {
	return frame(typeData, 0, stream, uint32(len(body)), body)
}

// helloFrames are what an inner end says first.
func helloFrames() []byte {
	hello := append(message{Kind: kindControl}.encode(), message{Kind: kindHello, Code: version}.encode()...)
	return append(frame(typeWindow, flagSYN, 2, 0, nil), data(2, hello)...)
}

func TestAHostilePeerLosesTheTunnel(t *testing.T) {
	many := func(count int, one func(i uint32) []byte) []byte {
		var all []byte
		for i := range count {
			all = append(all, one(uint32(i))...)
		}
		return all
	}
	for _, row := range []struct {
		about string
		sent  []byte
		want  string
	}{
		{"no frames", bytes.Repeat([]byte("HTTP/1.1 400 "), 10), "frame of type 72.84: the program inside broke the tunnel's protocol"},
		{"pings", frame(typePing, flagSYN, 0, 7, nil), "ping: the program inside broke the tunnel's protocol"},
		{"a frame of 4 GiB", frame(typeData, 0, 2, 1<<32-1, nil), "frame of 4294967295 bytes: the program inside broke the tunnel's protocol"},
		{"more than its window", slices.Concat(frame(typeWindow, flagSYN, 4, 0, nil), data(4, message{Kind: kindProxy}.encode()),
			data(4, make([]byte, window)), data(4, make([]byte, window))), ""},
		{"a message of 4 GiB", data(2, []byte{byte(kindStatus), 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}),
			"message of 4294967307 bytes: the program inside broke the tunnel's protocol"},
		{"an unknown message", data(2, []byte{99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "message of kind 99: the program inside broke the tunnel's protocol"},
		{"a dial from inside", data(2, message{Kind: kindDial, Port: 22}.encode()),
			"message of kind 4 on the control stream: the program inside broke the tunnel's protocol"},
		{"a status of odd length", data(2, message{Kind: kindStatus, Body: []byte{1}}.encode()),
			"a status that is none: the program inside broke the tunnel's protocol"},
		{"ends of unknown streams", many(maxStreams+1, func(i uint32) []byte {
			return data(2, message{Kind: kindGone, ID: 100 + 2*i}.encode())
		}), "end of unknown streams: the program inside broke the tunnel's protocol"},
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
			there.Write(frame(typeWindow, flagSYN, 4+2*i, 0, nil))
		}
		there.Write(data(2, Status{Ready: true}.message().encode()))
	}()
	host, err := Exec(t.Context(), here, Ports{8000})
	if err != nil {
		return // it ended so soon that the hello was not waited for
	}
	defer host.Close()
	select {
	case <-host.Done():
	case <-host.Status(): // all before it has been read
		if held := host.link.(*execHost).mux.session.NumStreams(); held > 3*maxStreams+1 {
			t.Errorf("%d streams are held", held)
		}
	}
}

func TestAStreamFromInsideThatIsNoProxyIsClosed(t *testing.T) {
	both := joinExec(t, Ports{8000})
	inner := both.inside.link.(*execInside)
	for _, first := range []message{{Kind: kindDial, Port: 8000}, {Kind: kindControl}, {Kind: kindStatus}} {
		conn, err := inner.mux.open(first)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("message of kind %d: read %d, %v", first.Kind, n, err)
		}
	}
	if both.host.Err() != nil {
		t.Errorf("the tunnel ended: %v", both.host.Err())
	}
}

func TestProxyStreamsThatNobodyTakesAreClosed(t *testing.T) {
	both := joinExec(t, nil)
	inner := both.inside.link.(*execInside)
	inner.mux.mostOurs = maxStreams // one that keeps no limit of its own
	for range maxWaiting + 1 {
		if _, err := inner.mux.open(message{Kind: kindProxy}); err != nil {
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

// The guard judges the same however the bytes are cut, and what it lets through has no ping and no frame over the window.
func FuzzGuard(f *testing.F) {
	f.Add(helloFrames())
	f.Add(append(helloFrames(), frame(typePing, flagSYN, 0, 1, nil)...))
	f.Add(frame(typeData, flagFIN, 2, 1<<31, []byte("abc")))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, failed := io.ReadAll(&guard{lost: func(error) {}, book: newLedger(), ReadWriteCloser: duplex{io.NopCloser(bytes.NewReader(in)), nil}})
		_, cut := io.ReadAll(&guard{lost: func(error) {}, book: newLedger(), ReadWriteCloser: duplex{io.NopCloser(iotest.OneByteReader(bytes.NewReader(in))), nil}})
		if (failed == nil) != (cut == nil) {
			t.Errorf("whole: %v; byte by byte: %v", failed, cut)
		}
		for at := 0; failed == nil && at+frameLength <= len(whole); at += frameLength {
			length := binary.BigEndian.Uint32(whole[at+8:])
			if whole[at+1] == typePing || whole[at+1] == typeData && length > window {
				t.Fatalf("frame % x passed", whole[at:at+frameLength])
			}
			if whole[at+1] == typeData {
				at += int(length)
			}
		}
	})
}

// Whatever a peer sends, the host ends or lives, and can be closed.
func FuzzHost(f *testing.F) {
	f.Add(data(2, Status{Ready: true}.message().encode()))
	f.Add(append(frame(typeWindow, flagSYN, 4, 0, nil), data(4, message{Kind: kindProxy}.encode())...))
	f.Add(frame(typeWindow, flagSYN|flagFIN, 4, 0, nil))
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
