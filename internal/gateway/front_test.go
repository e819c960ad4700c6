package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/event"
	"berth/internal/secret"
	"berth/internal/tunnel"
)

const (
	serverKey = "5e55105e55105e55105e55105e55105e55105e55105e55105e55105e55105e55"
	secretKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// house is a front with a server behind each of its links.
type house struct {
	*Front
	t      testing.TB
	name   string
	ports  map[string]uint16
	lock   sync.Mutex
	events []event.Event
	dials  atomic.Int32
	lost   []string // logins that were revoked
}

// inside is where a link's server listens; "" is nowhere.
type inside map[string]string

// open makes a front whose links lead to the given servers.
func open(t testing.TB, servers inside, change ...func(*FrontConfig)) *house {
	t.Helper()
	h := &house{t: t, name: "shop", ports: map[string]uint16{}}
	c := FrontConfig{
		Name: h.name, Session: secret.New(serverKey), Secret: secret.New(secretKey), Run: "run-1", UID: os.Getuid(),
		Sink: func(e event.Event) {
			h.lock.Lock()
			defer h.lock.Unlock()
			h.events = append(h.events, e)
		},
		OnRevoke: func(login string) { h.lost = append(h.lost, login) },
	}
	at := map[uint16]string{}
	var listeners []net.Listener
	for kind, address := range servers {
		both, err := Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, both...)
		port := portOf(both[0])
		h.ports[kind] = port
		at[uint16(len(at)+1)] = address
		c.Links = append(c.Links, Link{Kind: kind, Inside: uint16(len(at)), Port: port})
	}
	c.Dial = func(ctx context.Context, inside uint16) (net.Conn, error) {
		h.dials.Add(1)
		if at[inside] == "" {
			return nil, fmt.Errorf("port %d: %w", inside, tunnel.ErrRefused)
		}
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", at[inside])
	}
	for _, f := range change {
		f(&c)
	}
	h.name = c.Name
	front, err := NewFront(c)
	if err != nil {
		t.Fatal(err)
	}
	h.Front = front
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(func() {
			if err := front.Serve(ctx, portOf(l), l); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
		front.lock.Lock()
		defer front.lock.Unlock()
		if len(front.open) > 0 || front.strangers != 0 {
			t.Errorf("%d connections are left, %d strangers", len(front.open), front.strangers)
		}
	})
	return h
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

func (h *house) host(kind string) string {
	return h.name + ".localhost:" + strconv.Itoa(int(h.ports[kind]))
}

// dial connects to a link, as a browser's first try does.
func (h *house) dial(kind string) *net.TCPConn {
	h.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(int(h.ports[kind])))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn.(*net.TCPConn)
}

// raw sends text as it is and gives the answer, and what followed it until the front closed.
func (h *house) raw(kind, text string) (*http.Response, string) {
	h.t.Helper()
	conn := h.dial(kind)
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		h.t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer, string(body)
}

// ask sends a request with the given header lines; Host is the link's unless it is among them.
func (h *house) ask(kind, line string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	all := strings.Join(headers, "\r\n")
	if !strings.Contains("\r\n"+strings.ToLower(all), "\r\nhost:") {
		headers = append(headers, "Host: "+h.host(kind))
	}
	if !strings.Contains(strings.ToLower(all), "upgrade") {
		headers = append(headers, "Connection: close")
	}
	return h.raw(kind, line+" HTTP/1.1\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n")
}

// logIn opens a link with a key and gives the answer.
func (h *house) logIn(kind, key, to string, headers ...string) *http.Response {
	h.t.Helper()
	body := "k=" + key + "&to=" + url.QueryEscape(to)
	all := append([]string{
		"POST " + loginPath + " HTTP/1.1", "Host: " + h.host(kind), "Origin: http://" + h.host(kind), "Sec-Fetch-Site: same-origin",
		"Content-Length: " + strconv.Itoa(len(body)), "Content-Type: application/x-www-form-urlencoded",
	}, headers...)
	answer, _ := h.raw(kind, strings.Join(all, "\r\n")+"\r\n\r\n"+body)
	return answer
}

// mint gives a fresh key.
func (h *house) mint(kind string) string {
	h.t.Helper()
	key, err := h.Mint(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return key.Reveal()
}

// cookie logs a browser in and gives the header line it then sends.
func (h *house) cookie(kind string) string {
	h.t.Helper()
	answer := h.logIn(kind, h.mint(kind), "/")
	if answer.StatusCode != 303 {
		h.t.Fatalf("login: %s", answer.Status)
	}
	var all []string
	for _, c := range answer.Cookies() {
		all = append(all, c.Name+"="+c.Value)
	}
	return "Cookie: " + strings.Join(all, "; ")
}

// echo answers with the request as it arrived.
func echo(t testing.TB) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		var all bytes.Buffer
		r.Write(&all)
		w.Header().Set("Content-Type", "text/plain")
		w.Write(all.Bytes())
	})
}

// serve runs a real server and gives its address.
func serve(t testing.TB, handle http.HandlerFunc) string {
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// speak runs a server that says what handle says, byte by byte.
func speak(t testing.TB, handle func(conn *net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

func TestALinkOpensOnce(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	answer, body := h.ask("code", "GET /?folder=/workspace", "Accept: text/html")
	if answer.StatusCode != 401 || !strings.Contains(body, "berth open shop") {
		t.Fatalf("%s\n%s", answer.Status, body)
	}
	key := h.mint("code")
	login := h.logIn("code", key, "/?folder=/workspace")
	if login.StatusCode != 303 || login.Header.Get("Location") != "/?folder=/workspace" {
		t.Fatalf("%s, to %q", login.Status, login.Header.Get("Location"))
	}
	port := strconv.Itoa(int(h.ports["code"]))
	var names []string
	for _, line := range login.Header["Set-Cookie"] {
		name, rest, _ := strings.Cut(line, "=")
		_, attributes, _ := strings.Cut(rest, "; ")
		names = append(names, name+": "+attributes)
	}
	want := "berth_" + port + ": Path=/; HttpOnly; SameSite=Strict, vscode-tkn: Path=/; SameSite=Strict"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("cookies %q, want %q", got, want)
	}
	var cookie string
	for _, c := range login.Cookies() {
		cookie += c.Name + "=" + c.Value + "; "
	}
	answer, body = h.ask("code", "GET /?folder=/workspace&tkn="+string(h.placeholder), "Cookie: "+cookie+"theme=dark")
	if answer.StatusCode != 200 {
		t.Fatalf("%s\n%s", answer.Status, body)
	}
	if !strings.Contains(body, "Cookie: theme=dark; vscode-tkn="+serverKey+"\r\n") || !strings.Contains(body, "/?folder=/workspace&tkn="+serverKey+" ") {
		t.Errorf("inside arrived\n%s", body)
	}
}
