package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth/internal/event"
	"berth/internal/secret"
)

func TestAKeyOpensItsLinkOnceAndNothingElse(t *testing.T) {
	h := open(t, inside{"code": echo(t), "vnc": echo(t)})
	key := h.mint("code")
	if answer := h.logIn("vnc", key, "/"); answer.StatusCode != 403 {
		t.Errorf("at another link: %s", answer.Status)
	}
	first := h.logIn("code", key, "/")
	if first.StatusCode != 303 {
		t.Fatalf("the first time, after it was tried elsewhere: %s", first.Status)
	}
	cookie := "Cookie: " + first.Cookies()[0].Name + "=" + first.Cookies()[0].Value
	again := h.logIn("code", key, "/x", cookie)
	if again.StatusCode != 303 || again.Header.Get("Location") != "/x" || len(again.Cookies()) > 0 {
		t.Errorf("again in the same browser: %s to %q, %d cookies", again.Status, again.Header.Get("Location"), len(again.Cookies()))
	}
	for about, wrong := range map[string]string{"none": "", "never minted": secret.NewKey().Reveal(), "nonsense": "x"} {
		if answer := h.logIn("code", wrong, "/"); answer.StatusCode != 403 || len(answer.Cookies()) > 0 {
			t.Errorf("%s: %s", about, answer.Status)
		}
	}
	if answer, _ := h.ask("code", "GET /", cookie); answer.StatusCode != 200 {
		t.Errorf("wrong keys of others logged the browser out: %s", answer.Status)
	}
}

func TestAKeyThatComesBackFromElsewhereLogsBothOut(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	other := h.cookie("code")
	key := h.mint("code")
	first := h.logIn("code", key, "/").Cookies()[0]
	cookie := "Cookie: " + first.Name + "=" + first.Value

	socket := h.dial("code") // an open connection of the first browser
	io.WriteString(socket, "GET / HTTP/1.1\r\nHost: "+h.host("code")+"\r\n"+cookie+"\r\n\r\n")
	if n, err := socket.Read(make([]byte, 10)); n == 0 {
		t.Fatal(err)
	}
	answer := h.logIn("code", key, "/")
	if answer.StatusCode != 403 || len(answer.Cookies()) > 0 {
		t.Errorf("in another browser: %s", answer.Status)
	}
	if _, err := io.Copy(io.Discard, socket); isTimeout(err) {
		t.Error("the first browser's connection lives on")
	}
	if answer, _ := h.ask("code", "GET /", cookie); answer.StatusCode != 401 {
		t.Errorf("the first browser afterwards: %s", answer.Status)
	}
	if answer, _ := h.ask("code", "GET /", other); answer.StatusCode != 200 {
		t.Errorf("a browser with a key of its own: %s", answer.Status)
	}
	if answer := h.logIn("code", key, "/"); answer.StatusCode != 403 {
		t.Errorf("a third time: %s", answer.Status)
	}
	want := "the code link was opened a second time, in a browser that does not know it: both are logged out. " +
		"If that was not you, somebody saw the link. A new one: berth open shop"
	if len(h.events) != 1 || h.events[0].Text != want || h.events[0].Stage != event.Warning || h.events[0].Sandbox != "shop" {
		t.Errorf("events %+v", h.events)
	}
	if len(h.lost) != 1 || !strings.HasPrefix(first.Value, h.lost[0]) {
		t.Errorf("revoked %q, cookie %q", h.lost, first.Value)
	}
	later := open(t, inside{"code": echo(t)}, func(c *FrontConfig) { c.Revoked = h.lost })
	value := later.cookieFor(later.links[later.ports["code"]], h.lost[0])
	if answer, _ := later.ask("code", "GET /", "Cookie: "+later.links[later.ports["code"]].cookie+"="+value); answer.StatusCode != 401 {
		t.Errorf("after the gateway was started again: %s", answer.Status)
	}
}

func TestAKeyGetsOld(t *testing.T) {
	var ring keyring
	start := time.Now()
	key := ring.mint(8011, start).Reveal()
	if used, _ := ring.spend(key, 8011, start.Add(10*time.Minute+1), "a"); used != useLate {
		t.Errorf("after ten minutes: %v", used)
	}
	key = ring.mint(8011, start).Reveal()
	if used, _ := ring.spend(key, 8011, start.Add(10*time.Minute), "a"); used != useFirst {
		t.Errorf("at ten minutes: %v", used)
	}
	if used, login := ring.spend(key, 8011, start.Add(time.Hour), "b"); used != useAgain || login != "a" {
		t.Errorf("an hour after its use: %v of %q", used, login)
	}
	for range maxKeys {
		ring.mint(8011, start)
	}
	if len(ring.known) != maxKeys || len(ring.order) != maxKeys {
		t.Errorf("%d keys, %d in order", len(ring.known), len(ring.order))
	}
}

func TestAfterTheLoginTheBrowserIsWhereItWas(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	for to, want := range map[string]string{
		"/?folder=/workspace": "/?folder=/workspace", "/vnc.html?a=1&b=%20": "/vnc.html?a=1&b=%20", "/a//b": "/a//b",
		"": "/", "//evil.example/": "/", "/\\evil.example": "/", "https://evil.example": "/", "/\tx": "/", "/x\r\nSet-Cookie: a=b": "/",
		"javascript:alert(1)": "/", "/é": "/", "/" + strings.Repeat("x", maxLogin): "/",
	} {
		answer := h.logIn("code", h.mint("code"), to)
		if len(to) > 2000 {
			if answer.StatusCode != 400 {
				t.Errorf("a body too long: %s", answer.Status)
			}
			continue
		}
		if got := answer.Header.Get("Location"); got != want || len(answer.Header["Set-Cookie"]) != 2 {
			t.Errorf("%q: to %q with %q, want %q", to, got, answer.Header["Set-Cookie"], want)
		}
	}
}

func TestTheLoginItselfIsGuarded(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	key := h.mint("code")
	own := "http://" + h.host("code")
	for _, headers := range [][]string{
		{}, {"Origin: null"}, {"Origin: http://evil.example"}, {"Origin: " + own, "Sec-Fetch-Site: cross-site"},
		{"Origin: " + own, "Sec-Fetch-Site: same-site"}, {"Origin: " + own, "Host: evil.example"},
	} {
		if answer, _ := h.ask("code", "POST "+loginPath, headers...); answer.StatusCode != 403 && answer.StatusCode != 421 {
			t.Errorf("%q: %s", headers, answer.Status)
		}
	}
	if answer, _ := h.ask("code", "GET "+loginPath+"?k="+key); answer.StatusCode != 401 {
		t.Errorf("by GET: %s", answer.Status)
	}
	if answer := h.logIn("code", key, "/"); answer.StatusCode != 303 {
		t.Errorf("in the end: %s", answer.Status)
	}
}

// A jar gives cookies of a host to each of its ports, as browsers do.
func TestTwoSandboxesInOneBrowserGetNothingOfEachOther(t *testing.T) {
	shop, blog := open(t, inside{"code": echo(t), "vnc": echo(t)}), open(t, inside{"code": echo(t)}, func(c *FrontConfig) {
		c.Name, c.Session = "blog", secret.New(strings.Repeat("b", keyLength))
		c.Secret = secret.New(strings.Repeat("c", keyLength))
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) { // *.localhost is this machine
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", "127.0.0.1:"+port)
		},
	}}
	get := func(h *house, kind string) (int, string) {
		answer, err := browser.Get("http://" + h.host(kind) + "/?folder=/workspace")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	logIn := func(h *house, kind string) {
		body := url.Values{"k": {h.mint(kind)}, "to": {"/?folder=/workspace"}}.Encode()
		request, err := http.NewRequest("POST", "http://"+h.host(kind)+loginPath, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "http://"+h.host(kind))
		answer, err := browser.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if arrived, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 || !strings.HasPrefix(string(arrived), "GET /?folder=/workspace ") {
			t.Fatalf("%s: %s\n%s", h.host(kind), answer.Status, arrived)
		}
	}
	logIn(shop, "code")
	if status, _ := get(shop, "vnc"); status != 401 {
		t.Errorf("another port of the name opens with its cookie: %d", status)
	}
	if status, _ := get(blog, "code"); status != 401 {
		t.Errorf("another sandbox opens with its cookie: %d", status)
	}
	logIn(shop, "vnc")
	logIn(blog, "code")
	for _, at := range []struct {
		h        *house
		kind     string
		key, not string
	}{{shop, "code", serverKey, "bbbb"}, {blog, "code", strings.Repeat("b", keyLength), serverKey}, {shop, "vnc", "GET", serverKey}} {
		status, body := get(at.h, at.kind)
		if status != 200 || !strings.Contains(body, at.key) || strings.Contains(body, at.not) || strings.Contains(body, cookiePrefix) {
			t.Errorf("%s: %d, inside arrived\n%s", at.h.host(at.kind), status, body)
		}
		cookies := jar.Cookies(&url.URL{Scheme: "http", Host: at.h.host(at.kind), Path: "/"})
		for _, c := range cookies {
			if strings.Contains(c.Value, serverKey) || strings.Contains(c.Value, "bbbbbb") {
				t.Errorf("the browser has the server's key: %s", c)
			}
		}
	}
}

func TestAGatewayStartedAgainKnowsItsBrowsers(t *testing.T) {
	first := open(t, inside{"code": echo(t)})
	l := first.links[first.ports["code"]]
	value := first.cookieFor(l, "0123456789abcdef")
	for about, change := range map[string]func(*FrontConfig){
		"same": func(*FrontConfig) {}, "another run": func(c *FrontConfig) { c.Run = "run-2" },
		"another name": func(c *FrontConfig) { c.Name = "shop-2" }, "another secret": func(c *FrontConfig) { c.Secret = secret.New(serverKey) },
	} {
		again := open(t, inside{}, change)
		if _, counts := again.Front.login(l, []byte(value)); counts != (about == "same") {
			t.Errorf("%s: counts %v", about, counts)
		}
	}
}

func TestSandboxesThatShareAnAddressShareAPlaceholder(t *testing.T) {
	var seen []string
	for _, plain := range []bool{true, false} {
		for _, name := range []string{"shop", "blog"} {
			seen = append(seen, string(open(t, inside{}, func(c *FrontConfig) { c.Name, c.Plain = name, plain }).placeholder))
		}
	}
	if seen[0] != seen[1] || seen[2] == seen[3] || !isKey(seen[0]) || !isKey(seen[2]) {
		t.Errorf("%q", seen)
	}
}

func TestWhatAFrontIsNotMadeFrom(t *testing.T) {
	for want, c := range map[string]FrontConfig{
		"session key of shop: not 64 hexadecimal digits":    {Name: "shop", Session: secret.New("x y"), Secret: secret.New("x")},
		"gateway of shop: no secret to derive cookies from": {Name: "shop"},
	} {
		if _, err := NewFront(c); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := open(t, inside{"api": ""}).Mint("vnc"); err == nil || err.Error() != "vnc: shop has no such link" {
		t.Errorf("got %v", err)
	}
}
