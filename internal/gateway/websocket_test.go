package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	upgrade   = "GET /socket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
)

// socketServer accepts every upgrade and then does as talk says. heads gets the requests.
func socketServer(t testing.TB, talk func(conn *net.TCPConn, reader *bufio.Reader)) (address string, heads chan string) {
	heads = make(chan string, 1024)
	return speak(t, func(conn *net.TCPConn) {
		reader := bufio.NewReaderSize(conn, 512)
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
		}
		heads <- head.String()
		io.WriteString(conn, switching)
		talk(conn, reader)
	}), heads
}

// join opens a socket through the front.
func (h *house) join(kind, headers string) (*net.TCPConn, *bufio.Reader) {
	h.t.Helper()
	conn := h.dial(kind)
	io.WriteString(conn, upgrade+headers+"\r\n")
	reader := bufio.NewReaderSize(conn, 512)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != 101 || answer.Header.Get("Upgrade") != "websocket" {
		h.t.Fatalf("%v, %v", answer, err)
	}
	return conn, reader
}

func (h *house) own(kind string) string {
	return "Host: " + h.host(kind) + "\r\nOrigin: http://" + h.host(kind) + "\r\n" + h.cookie(kind) + "\r\n"
}

// masked makes a frame as a browser sends it.
func masked(payload []byte) []byte {
	frame := []byte{0x82}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	mask := [4]byte{0x11, 0xa2, 0x33, 0xf4}
	frame = append(frame, mask[:]...)
	for i, c := range payload {
		frame = append(frame, c^mask[i&3])
	}
	return frame
}

func TestTheKeyInAFirstFrameIsExchanged(t *testing.T) {
	got := make(chan []byte, 1)
	server, heads := socketServer(t, func(conn *net.TCPConn, reader *bufio.Reader) {
		all, _ := io.ReadAll(reader)
		got <- all
	})
	h := open(t, inside{"code": server, "vnc": server})
	hello := func(key string) []byte {
		return []byte("\x02\x00\x00\x00" + `{"type":"auth","auth":"` + key + `","data":"x"}`)
	}
	plain, real := masked(hello(string(h.placeholder))), masked(hello(serverKey))
	long := masked(bytes.Repeat([]byte("x"), maxHead))
	for about, row := range map[string]struct {
		kind       string
		sent, want []byte
	}{
		"the first":             {"code", plain, real},
		"the third":             {"code", append(append(masked(nil), masked([]byte("hi"))...), plain...), append(append(masked(nil), masked([]byte("hi"))...), real...)},
		"once only":             {"code", append(bytes.Clone(plain), plain...), append(bytes.Clone(real), plain...)},
		"not after many frames": {"code", append(bytes.Repeat(masked([]byte("hi")), maxFirstFrames), plain...), append(bytes.Repeat(masked([]byte("hi")), maxFirstFrames), plain...)},
		"not after a long one":  {"code", append(bytes.Clone(long), plain...), append(bytes.Clone(long), plain...)},
		"half a frame":          {"code", plain[:40], plain[:40]},
		"half a head":           {"code", plain[:3], plain[:3]},
		"no frames":             {"code", []byte("RFB 003.008\n"), []byte("RFB 003.008\n")},
		"a length beyond all":   {"code", []byte{0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5}, []byte{0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5}},
		"not of the desktop":    {"vnc", plain, plain},
	} {
		t.Run(about, func(t *testing.T) {
			conn, _ := h.join(row.kind, h.own(row.kind))
			if _, err := conn.Write(row.sent); err != nil {
				t.Fatal(err)
			}
			conn.CloseWrite()
			if arrived := <-got; !bytes.Equal(arrived, row.want) {
				t.Errorf("arrived %q\nwant    %q", arrived, row.want)
			}
			head := <-heads
			if compressed := strings.Contains(head, "permessage-deflate"); compressed != (row.kind == "vnc") {
				t.Errorf("inside arrived\n%s", head)
			}
		})
	}
}

// However a visitor's frames are cut, the same arrives; and beyond the one key that is exchanged, it is what he sent.
func FuzzFirstFrames(f *testing.F) {
	own, key := bytes.Repeat([]byte("a1"), keyLength/2), []byte(serverKey)
	f.Add(masked(own), 3)
	f.Add(append(masked([]byte("hello")), masked(append([]byte("auth:"), own...))...), 7)
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}, 1)
	f.Add([]byte{0x82, 0xfe, 0}, 1)
	f.Fuzz(func(t *testing.T, sent []byte, piece int) {
		run := func(size int) []byte {
			var out bytes.Buffer
			from := newSide(&pieces{rest: bytes.Clone(sent), size: size})
			if err := firstFrames(&out, from, own, key); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			for { // what the pump would do
				out.Write(from.ahead())
				from.take(len(from.ahead()))
				if from.fill() != nil {
					return out.Bytes()
				}
			}
		}
		whole, cut := run(len(sent)+1), run(max(1, piece&0xff))
		if !bytes.Equal(whole, cut) {
			t.Fatalf("whole %x\ncut   %x", whole, cut)
		}
		if len(whole) != len(sent) {
			t.Fatalf("%d bytes became %d", len(sent), len(whole))
		}
		first, last := 0, len(sent)
		for first < last && whole[first] == sent[first] {
			first++
		}
		for last > first && whole[last-1] == sent[last-1] {
			last--
		}
		if last-first > keyLength {
			t.Fatalf("bytes %d to %d changed", first, last)
		}
	})
}

// pieces is a connection that gives its bytes so many at a time.
type pieces struct {
	net.Conn
	rest []byte
	size int
}

func (p *pieces) Read(into []byte) (int, error) {
	n := copy(into[:min(p.size, len(into))], p.rest)
	p.rest = p.rest[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestEachDirectionOfASocketEndsByItself(t *testing.T) {
	server, _ := socketServer(t, func(conn *net.TCPConn, reader *bufio.Reader) {
		all, _ := io.ReadAll(reader) // to the visitor's end
		fmt.Fprintf(conn, "%d bytes, thank you", len(all))
	})
	h := open(t, inside{"vnc": server})
	conn, reader := h.join("vnc", h.own("vnc"))
	conn.Write(make([]byte, 1<<20))
	conn.CloseWrite()
	if answer, err := io.ReadAll(reader); string(answer) != "1048576 bytes, thank you" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestBytesOfASocketArriveAsTheyWereSent(t *testing.T) {
	server, _ := socketServer(t, func(conn *net.TCPConn, reader *bufio.Reader) {
		io.Copy(conn, reader)
	})
	streams := func(c *FrontConfig) {
		dial := c.Dial
		c.Dial = func(ctx context.Context, inside uint16) (net.Conn, error) {
			conn, err := dial(ctx, inside)
			return stream{conn.(*net.TCPConn)}, err
		}
	}
	for about, change := range map[string]func(*FrontConfig){"descriptor": func(*FrontConfig) {}, "stream": streams} {
		h := open(t, inside{"vnc": server}, change)
		conn, reader := h.join("vnc", h.own("vnc"))
		random := rand.New(rand.NewPCG(1, 2))
		sent := make([]byte, 8<<20)
		for i := range sent {
			sent[i] = byte(random.Uint32())
		}
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), random.IntN(300_000))
				conn.Write(rest[:n])
				rest = rest[n:]
			}
			conn.CloseWrite()
		}()
		if got, err := io.ReadAll(reader); !bytes.Equal(got, sent) || err != nil {
			t.Errorf("%s: %d bytes of %d, %v", about, len(got), len(sent), err)
		}
	}
}

// As the SDK opens its sockets: with its key in the query, without an Origin.
func TestAProgramsSocketHasItsKeyInTheQuery(t *testing.T) {
	server, heads := socketServer(t, func(*net.TCPConn, *bufio.Reader) {})
	h := open(t, inside{"api": server})
	key := h.ClientKey().Reveal()
	conn := h.dial("api")
	io.WriteString(conn, strings.Replace(upgrade, "/socket", "/sockets/events/1?resend_all=true&session_api_key="+key, 1)+"Host: "+h.host("api")+"\r\n\r\n")
	head := <-heads
	if !strings.HasPrefix(head, "GET /sockets/events/1?resend_all=true&session_api_key="+serverKey+" HTTP/1.1\r\n") ||
		!strings.Contains(head, "X-Session-API-Key: "+serverKey+"\r\n") || strings.Contains(head, key) {
		t.Errorf("inside arrived\n%s", head)
	}
}

// rig serves sockets in this process, so the figures are of the front, of both ends and of the server.
func heap() uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
}

func TestIdleSocketsCostNextToNothing(t *testing.T) {
	const count = 500
	server, _ := socketServer(t, func(conn *net.TCPConn, reader *bufio.Reader) {
		io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{reader}, make([]byte, 512)) // without pipes of its own
	})
	h := open(t, inside{"vnc": server})
	own := h.own("vnc")
	before := heap()
	var all []*net.TCPConn
	for range count {
		conn, reader := h.join("vnc", own)
		conn.Write([]byte("x"))
		if c, err := reader.ReadByte(); c != 'x' {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	each := int64(heap()-before) / count
	var used, later syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	goroutines := runtime.NumGoroutine()
	timer := time.NewTimer(300 * time.Millisecond)
	<-timer.C
	syscall.Getrusage(syscall.RUSAGE_SELF, &later)
	spent := time.Duration(later.Utime.Nano() + later.Stime.Nano() - used.Utime.Nano() - used.Stime.Nano())
	t.Logf("%d bytes and %d goroutines for each, server and browser included; %v of CPU in 300 ms", each, goroutines/count, spent)
	if each > 48<<10 { // 500 of them in 24 MB, three of four ends being the test's
		t.Errorf("%d bytes for each", each)
	}
	if pipes := openPipes(t); pipes > 8 {
		t.Errorf("%d pipes are held", pipes)
	}
	if spent > 15*time.Millisecond {
		t.Errorf("%v of CPU while nothing happened", spent)
	}
}

// openPipes counts this process's pipes: the kernel gives each user few large ones.
func openPipes(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	count := 0
	for _, name := range names {
		if to, err := os.Readlink("/proc/self/fd/" + name.Name()); err == nil && strings.HasPrefix(to, "pipe:") {
			count++
		}
	}
	return count
}

func TestASlowReaderHoldsTheServerBackAndNothingElse(t *testing.T) {
	sent := make(chan int64, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			return
		}
		var total int64
		for piece := make([]byte, 64<<10); r.Context().Err() == nil; {
			n, err := w.Write(piece)
			total += int64(n)
			if err != nil {
				break
			}
			if total > 64<<20 {
				break
			}
		}
		sent <- total
	})
	h := open(t, inside{"vnc": server})
	before := heap()
	conn, headers := h.known("vnc")
	conn.SetReadBuffer(4 << 10)
	io.WriteString(conn, "GET / HTTP/1.1\r\n"+headers+"\r\n")
	for range 5 { // the slow one is not in the way of others
		if answer, _ := h.ask("vnc", "GET /quick", h.cookie("vnc")); answer.StatusCode != 200 {
			t.Fatal(answer.Status)
		}
	}
	if grown := int64(heap() - before); grown > 4<<20 {
		t.Errorf("%d bytes are held for a slow reader", grown)
	}
	select {
	case total := <-sent:
		t.Errorf("%d bytes were taken from the server", total)
	default:
	}
	conn.Close()
	if total := <-sent; total > 32<<20 {
		t.Errorf("%d bytes were taken from the server for a reader who read nothing", total)
	}
}
