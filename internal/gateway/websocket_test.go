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
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
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

// As the newer SDK opens them: with its key in the first frame. Before it is shown, nothing inside hears of it.
func TestAProgramsSocketHasItsKeyInTheFirstFrame(t *testing.T) {
	server, heads := socketServer(t, func(conn *net.TCPConn, reader *bufio.Reader) {
		io.Copy(conn, reader)
	})
	h := open(t, inside{"api": server, "vnc": server})
	asks := strings.Replace(upgrade, "/socket", "/sockets/events/1", 1) + "Host: " + h.host("api") + "\r\n"
	auth := func(key []byte) []byte {
		return masked([]byte(`{"type": "auth", "session_api_key": "` + string(key) + `"}`))
	}
	join := func(first []byte) (*http.Response, *bufio.Reader) {
		conn := h.dial("api")
		conn.Write(append([]byte(asks+"\r\n"), first...))
		reader := bufio.NewReader(conn)
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer, reader
	}
	for about, first := range map[string][]byte{
		"another key": auth([]byte(serverKey)), "no key": masked([]byte("hello")), "not masked": []byte("\x82\x05hello"),
		"the placeholder": auth(h.placeholder), "too long": masked(make([]byte, 2*maxHead)),
	} {
		_, reader := join(first)
		if got, err := io.ReadAll(reader); !bytes.Equal(got, closeWrongKey) {
			t.Errorf("%s: %x, %v", about, got, err)
		}
	}
	if n := h.dials.Load(); n > 0 {
		t.Fatalf("%d connections inside without a key", n)
	}
	answer, reader := join(auth(h.client))
	if answer.StatusCode != 101 || answer.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455 §1.3
		t.Errorf("%v", answer)
	}
	want := auth([]byte(serverKey))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(reader, got); !bytes.Equal(got, want) {
		t.Errorf("inside arrived %q, %v", got, err)
	}
	if head := <-heads; strings.Contains(head, serverKey) || strings.Contains(head, "permessage-deflate") {
		t.Errorf("inside arrived\n%s", head)
	}
	for about, headers := range map[string][]string{
		"a page": {"Origin: http://evil.example"}, "a page by its own word": {"Sec-Fetch-Site: cross-site"}, "a browser that is logged in": {h.cookie("api")},
	} {
		if answer, _ := h.ask("api", strings.TrimSuffix(asks[:strings.Index(asks, "\r\n")], " HTTP/1.1"), append(headers, "Connection: Upgrade", "Upgrade: websocket")...); answer.StatusCode != 403 {
			t.Errorf("%s: %s", about, answer.Status)
		}
	}
	h.SetState("paused")
	_, reader = join(auth(h.client))
	if got, err := io.ReadAll(reader); !bytes.Equal(got, closeLater) {
		t.Errorf("paused: %x, %v", got, err)
	}
}

// heap is of this whole process: of the front, of both ends and of the server.
func heap() uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
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
