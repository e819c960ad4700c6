package tunnel

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
)

// loopback is the carrier to compare with: a plain connection.
type loopback struct{}

func (loopback) Dial(ctx context.Context, port uint16) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
}

// overEach runs one benchmark over a plain connection and over both carriers.
func overEach(b *testing.B, handle func(*net.TCPConn), run func(b *testing.B, c Carrier, port uint16)) {
	port := serve(b, handle)
	b.Run("plain", func(b *testing.B) { run(b, loopback{}, port) })
	for _, carrier := range carriers {
		b.Run(carrier, func(b *testing.B) { run(b, join(b, carrier, port).host, port) })
	}
}

func BenchmarkPing(b *testing.B) {
	overEach(b, echo, func(b *testing.B, c Carrier, port uint16) {
		conn, err := c.Dial(b.Context(), port)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		for b.Loop() {
			if err := roundTrip(conn, "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDial(b *testing.B) {
	overEach(b, echo, func(b *testing.B, c Carrier, port uint16) {
		for b.Loop() {
			conn, err := c.Dial(b.Context(), port)
			if err != nil {
				b.Fatal(err)
			}
			conn.Close()
		}
	})
}

const chunk = 1 << 20

func BenchmarkDown(b *testing.B) {
	overEach(b, func(conn *net.TCPConn) { send(conn) }, func(b *testing.B, c Carrier, port uint16) {
		conn, err := c.Dial(b.Context(), port)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		b.SetBytes(chunk)
		for buffer := make([]byte, chunk); b.Loop(); {
			if _, err := io.ReadFull(conn, buffer); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUp(b *testing.B) {
	overEach(b, swallow, func(b *testing.B, c Carrier, port uint16) {
		conn, err := c.Dial(b.Context(), port)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		b.SetBytes(chunk)
		for buffer := make([]byte, chunk); b.Loop(); {
			if _, err := conn.Write(buffer); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// send writes until nobody reads.
func send(conn net.Conn) {
	for buffer := make([]byte, 256<<10); ; {
		if _, err := conn.Write(buffer); err != nil {
			return
		}
	}
}

// swallow reads until nobody writes.
func swallow(conn *net.TCPConn) {
	for buffer := make([]byte, 256<<10); ; {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

// BenchmarkSpliced has a listener before the carrier, as the gateway is: what a browser would get.
func BenchmarkSpliced(b *testing.B) {
	overEach(b, func(conn *net.TCPConn) { send(conn) }, func(b *testing.B, c Carrier, port uint16) {
		front := serve(b, func(browser *net.TCPConn) {
			conn, err := c.Dial(b.Context(), port)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			io.Copy(browser, conn)
		})
		conn, err := loopback{}.Dial(b.Context(), front)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		b.SetBytes(chunk)
		for buffer := make([]byte, chunk); b.Loop(); {
			if _, err := io.ReadFull(conn, buffer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
