package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// copier is what a published port is: a plain copy of each connection to the server, both ways.
func copier(b *testing.B, server string) string {
	return speak(b, func(conn *net.TCPConn) {
		inside, err := net.Dial("tcp", server)
		if err != nil {
			b.Error(err)
			return
		}
		defer inside.Close()
		go func() {
			io.Copy(inside, conn)
			inside.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(conn, inside)
	})
}

// overBoth runs a benchmark with a connection through a copier, and one through the front's checks.
func overBoth(b *testing.B, server string, run func(b *testing.B, conn net.Conn, headers string)) {
	h := open(b, inside{"api": server})
	cookie := h.cookie("api")
	headers := "Host: " + h.host("api") + "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
		"Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\n" +
		"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nOrigin: http://" + h.host("api") + "\r\n" + cookie + "\r\n"
	for name, address := range map[string]string{"copy": copier(b, server), "front": h.dial("api").RemoteAddr().String()} {
		b.Run(name, func(b *testing.B) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			run(b, conn, headers)
		})
	}
}

// respond is a server that costs as little as may be: the bytes of a request come in one piece.
func respond(b *testing.B, answer string) string {
	return speak(b, func(conn *net.TCPConn) {
		for buffer := make([]byte, 8<<10); ; {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	server := respond(b, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nServer: uvicorn\r\n\r\n{\"status\":\"ok\"}")
	overBoth(b, server, func(b *testing.B, conn net.Conn, headers string) {
		b.ReportAllocs()
		request := "GET /health HTTP/1.1\r\n" + headers + "\r\n"
		reader := bufio.NewReader(conn)
		for b.Loop() {
			io.WriteString(conn, request)
			answer, err := http.ReadResponse(reader, nil)
			if err != nil || answer.StatusCode != 200 {
				b.Fatal(answer, err)
			}
			io.Copy(io.Discard, answer.Body)
		}
	})
}

const bulkBytes = 256 << 20

func BenchmarkDown(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "268435456")
		piece := make([]byte, 1<<20)
		for range bulkBytes / len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	overBoth(b, server, func(b *testing.B, conn net.Conn, headers string) {
		b.SetBytes(bulkBytes)
		reader := bufio.NewReaderSize(conn, 256<<10)
		for b.Loop() {
			io.WriteString(conn, "GET /file HTTP/1.1\r\n"+headers+"\r\n")
			answer, err := http.ReadResponse(reader, nil)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, answer.Body, make([]byte, 256<<10)); n != bulkBytes {
				b.Fatal(n, err)
			}
		}
	})
}

func BenchmarkUp(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, r *http.Request) {
		io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
	})
	overBoth(b, server, func(b *testing.B, conn net.Conn, headers string) {
		b.SetBytes(bulkBytes)
		reader := bufio.NewReader(conn)
		piece := strings.Repeat("x", 1<<20)
		for b.Loop() {
			io.WriteString(conn, "POST /file HTTP/1.1\r\nContent-Length: 268435456\r\n"+headers+"\r\n")
			for sent := 0; sent < bulkBytes; sent += len(piece) {
				if _, err := io.WriteString(conn, piece); err != nil {
					b.Fatal(err)
				}
			}
			answer, err := http.ReadResponse(reader, nil)
			if err != nil || answer.StatusCode != 200 {
				b.Fatal(answer, err)
			}
		}
	})
}

// BenchmarkChecks is what a request costs beside reading and writing.
func BenchmarkChecks(b *testing.B) {
	h := open(b, inside{"api": ""})
	l := h.links[h.ports["api"]]
	v := &visit{front: h.Front, link: l}
	host := h.host("api")
	request := []byte("GET /api/conversations/search?limit=10 HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
		"Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\n" +
		"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nOrigin: http://" + host + "\r\n" + h.cookie("api") + "\r\n\r\n")
	response := []byte("HTTP/1.1 200 OK\r\ndate: Sat, 21 Nov 2026 18:00:00 GMT\r\nserver: uvicorn\r\ncontent-length: 15\r\ncontent-type: application/json\r\n\r\n")
	var s scratch
	b.ReportAllocs()
	for b.Loop() {
		if err := s.request.parseRequest(request); err != nil {
			b.Fatal(err)
		}
		if facts, _ := v.read(&s.request); judge(facts) != forward {
			b.Fatal(facts)
		}
		s.out = outgoing{link: l, session: h.session, from: h.placeholder}.appendRequest(s.out[:0], &s.request)
		if err := s.response.parseResponse(response); err != nil {
			b.Fatal(err)
		}
		s.out = incoming{session: h.session, to: h.placeholder}.appendResponse(s.out[:0], &s.response, false, false)
	}
}
