package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// choice is one way a request can be in one respect; good tells that it does not stand in the way.
type choice struct {
	what, line string
	good       bool
}

// Every combination is asked for real. What arrives inside is exactly what the rules let through.
func TestOnlyTheUsersOwnPagesReachTheServer(t *testing.T) {
	arrived := make(chan string, 10)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.Method
		w.WriteHeader(http.StatusOK)
	})
	h := open(t, inside{"code": server, "vnc": server})
	other := open(t, inside{"code": server}, func(c *FrontConfig) { c.Run = "run-2" })
	own := h.host("code")
	cookie := h.cookie("code")
	hosts := []choice{
		{"own host", "Host: " + own, true},
		{"loopback address", "Host: 127.0.0.1" + own[strings.Index(own, ":"):], false},
		{"rebinding name", "Host: evil.example" + own[strings.Index(own, ":"):], false},
		{"host without port", "Host: shop.localhost", false},
		{"another port", "Host: " + h.host("vnc"), false},
		{"longer name", "Host: a." + own, false},
	}
	origins := []choice{
		{"no origin", "", true},
		{"own origin", "Origin: http://" + own, true},
		{"null origin", "Origin: null", false},
		{"origin of another port", "Origin: http://" + h.host("vnc"), false},
		{"origin by https", "Origin: https://" + own, false},
		{"foreign origin", "Origin: http://evil.example", false},
		{"origin that begins alike", "Origin: http://" + own + ".evil.example", false},
	}
	sites := []choice{
		{"no site", "", true},
		{"same-origin", "Sec-Fetch-Site: same-origin", true},
		{"none", "Sec-Fetch-Site: none", true},
		{"same-site", "Sec-Fetch-Site: same-site", false},
		{"cross-site", "Sec-Fetch-Site: cross-site", false},
		{"nonsense site", "Sec-Fetch-Site: Same-Origin", false},
	}
	cookies := []choice{
		{"cookie", cookie, true},
		{"no cookie", "", false},
		{"cookie of another run", strings.Replace(other.cookie("code"), other.links[other.ports["code"]].cookie, h.links[h.ports["code"]].cookie, 1), false},
		{"cookie of another port", strings.Replace(h.cookie("vnc"), h.links[h.ports["vnc"]].cookie, h.links[h.ports["code"]].cookie, 1), false},
		{"cookie with another login", "Cookie: " + h.links[h.ports["code"]].cookie + "=0000000000000000" + cookie[len(cookie)-keyLength:], false},
	}
	methods := []choice{
		{"GET", "GET / HTTP/1.1", true},
		{"HEAD", "HEAD / HTTP/1.1", true},
		{"POST", "POST / HTTP/1.1", false},
		{"DELETE", "DELETE /x HTTP/1.1", false},
		{"OPTIONS", "OPTIONS / HTTP/1.1", false},
		{"socket", "GET /socket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket", false},
	}
	count := 0
	for _, host := range hosts {
		for _, origin := range origins {
			for _, site := range sites {
				for _, cookie := range cookies {
					for _, method := range methods {
						form := origin.what == "null origin" && site.what == "same-origin" && method.what != "socket"
						allowed := host.good && (origin.good || form) && site.good && cookie.good && (method.good || origin.line != "")
						what := strings.Join([]string{method.what, host.what, origin.what, site.what, cookie.what}, ", ")
						if !host.good && (!origin.good || !site.good || !cookie.good) {
							continue // one bad host is as good as the other
						}
						count++
						status := h.knock(method.line, host.line, origin.line, site.line, cookie.line)
						got := false
						select {
						case <-arrived:
							got = true
						default:
						}
						if got != allowed || got != (status == 200) {
							t.Errorf("%s: arrived %v, want %v; answer %d", what, got, allowed, status)
						}
					}
				}
			}
		}
	}
	t.Logf("%d requests", count)
}

func (h *house) knock(lines ...string) int {
	var all []string
	for _, line := range lines {
		if line != "" {
			all = append(all, line)
		}
	}
	conn := h.dial("code")
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n\r\n", strings.Join(all, "\r\n"))
	var version string
	var status int
	fmt.Fscan(conn, &version, &status)
	return status
}

// The words of each refusal, and that it is a page only for who looks.
func TestWhoIsTurnedAwayIsToldWhy(t *testing.T) {
	h := open(t, inside{"api": echo(t), "vnc": echo(t)})
	own := "Origin: http://" + h.host("vnc")
	for _, row := range []struct {
		about, kind, line string
		headers           []string
		status            int
		body              string
	}{
		{"rebinding", "vnc", "GET /", []string{"Host: evil.example"}, 421, "this address is not one of berth's links\n"},
		{"rebinding, the API", "api", "GET /", []string{"Host: evil.example"}, 421, `{"detail":"this address is not one of berth's links"}`},
		{"a program without a key", "api", "GET /api/x", nil, 401, `{"detail":"who asks is not logged in; get a link with: berth open shop"}`},
		{"a page without a cookie", "vnc", "POST /", []string{own}, 401, "who asks is not logged in; get a link with: berth open shop\n"},
		{"a form of another page", "vnc", "POST /", []string{"Origin: http://evil.example"}, 403, "this request came from another page, or does not say from which\n"},
		{"an image on another page", "vnc", "GET /", []string{"Sec-Fetch-Site: cross-site"}, 403, "this request came from another page\n"},
		{"an echo", "vnc", "TRACE /", []string{own}, 405, "TRACE is not served\n"},
	} {
		answer, body := h.ask(row.kind, row.line, row.headers...)
		if answer.StatusCode != row.status || body != row.body {
			t.Errorf("%s: %d %q\nwant %d %q", row.about, answer.StatusCode, body, row.status, row.body)
		}
	}
}

func TestALinkOnAnotherPageLeadsToTheLoginPageWhichComesBack(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	cookie := h.cookie("code")
	for _, site := range []string{"cross-site", "same-site"} {
		answer, body := h.ask("code", "GET /?folder=/workspace", "Accept: text/html", "Sec-Fetch-Site: "+site, cookie)
		if answer.StatusCode != 403 || !strings.Contains(body, `data-again="yes"`) || !strings.Contains(body, loginJS) {
			t.Errorf("%s: %s\n%s", site, answer.Status, body)
		}
	}
	answer, body := h.ask("code", "GET /", "Accept: text/html", "Sec-Fetch-Site: none")
	if answer.StatusCode != 401 || strings.Contains(body, "data-again=") {
		t.Errorf("%s\n%s", answer.Status, body)
	}
}

// A page from inside could read a key that stands in the address: our page takes it away first, and comes back.
func TestAKeyIsNotShownToPagesFromInside(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	cookie := h.cookie("code")
	for about, row := range map[string]struct {
		site, dest string
		ours       bool
	}{
		"opened by the user": {"none", "document", true},
		"come back":          {"same-origin", "document", false},
		"a part of a page":   {"same-origin", "empty", false},
		"an old browser's":   {"none", "", false},
	} {
		headers := []string{cookie, "Accept: text/html", "Sec-Fetch-Site: " + row.site, "Sec-Fetch-Dest: " + row.dest}
		answer, body := h.ask("code", "GET /?folder=/workspace", headers...)
		if ours := strings.Contains(body, `data-again="yes"`); answer.StatusCode != 200 || ours != row.ours {
			t.Errorf("%s: %s, our page %v", about, answer.Status, ours)
		}
	}
}

func TestPagesOfOursAreFramedAndKeptByNobody(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	answer, body := h.ask("code", "GET /", "Accept: text/html")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin-allow-popups", "Content-Security-Policy": ownPolicy,
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(ownPolicy, "frame-ancestors 'none'") || !strings.Contains(ownPolicy, hashOf(between(body, "<script>", "</script>"))) {
		t.Errorf("policy %s", ownPolicy)
	}
}

func TestAddressesInPlaceOfTheName(t *testing.T) {
	for _, row := range []struct {
		kind, host string
		plain      bool
		want       int
	}{
		{"api", "127.0.0.1", false, 401}, {"api", "[::1]", false, 401}, {"code", "127.0.0.1", false, 421}, {"code", "[::1]", false, 421},
		{"code", "127.0.0.1", true, 401}, {"vnc", "[::1]", true, 401}, {"api", "localhost", false, 421}, {"code", "localhost", true, 421},
	} {
		h := open(t, inside{row.kind: echo(t)}, func(c *FrontConfig) { c.Plain = row.plain })
		_, port, _ := strings.Cut(h.host(row.kind), ":")
		if answer, _ := h.ask(row.kind, "GET /", "Host: "+row.host+":"+port); answer.StatusCode != row.want {
			t.Errorf("%+v: %s", row, answer.Status)
		}
	}
}

func TestAWorkerForTheWholeSiteIsRefused(t *testing.T) {
	h := open(t, inside{"code": echo(t)})
	cookie := h.cookie("code")
	for path, want := range map[string]int{"/sw.js": 403, "/a/sw.js": 403, "/static/webview/pre/service-worker.js": 200} {
		if answer, _ := h.ask("code", "GET "+path, cookie, "Service-Worker: script", "Sec-Fetch-Site: same-origin"); answer.StatusCode != want {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

func TestProgramsProveThemselvesByTheClientKey(t *testing.T) {
	h := open(t, inside{"api": echo(t), "code": echo(t)})
	key := h.ClientKey().Reveal()
	if key == serverKey || !isKey(key) {
		t.Fatalf("the client key is %s", key)
	}
	_, port, _ := strings.Cut(h.host("api"), ":")
	for _, row := range []struct {
		about, kind, line string
		headers           []string
		want              int
	}{
		{"GET", "api", "GET /api/x", []string{"X-Session-API-Key: " + key}, 200},
		{"POST, by address", "api", "POST /api/x", []string{"x-session-api-key: " + key, "Host: 127.0.0.1:" + port}, 200},
		{"the server's own key", "api", "GET /api/x", []string{"X-Session-API-Key: " + serverKey}, 401},
		{"with an Origin, even its own", "api", "POST /api/x", []string{"X-Session-API-Key: " + key, "Origin: http://" + h.host("api")}, 401},
		{"from another page", "api", "GET /api/x", []string{"X-Session-API-Key: " + key, "Sec-Fetch-Site: cross-site"}, 403},
		{"at VS Code's port", "code", "GET /", []string{"X-Session-API-Key: " + key}, 401},
		{"in the query of a plain request", "api", "GET /api/x?session_api_key=" + key, nil, 401},
	} {
		answer, body := h.ask(row.kind, row.line, row.headers...)
		if answer.StatusCode != row.want {
			t.Errorf("%s: %s", row.about, answer.Status)
		}
		if row.want == 200 && (!strings.Contains(body, "X-Session-Api-Key: "+serverKey) || strings.Contains(body, key)) {
			t.Errorf("%s: inside arrived\n%s", row.about, body)
		}
	}
	if again := open(t, inside{"api": ""}); again.ClientKey().Reveal() != key {
		t.Error("a gateway started again has another client key")
	}
}

func TestABrowserAtTheAPIHasTheServersKeyAdded(t *testing.T) {
	h := open(t, inside{"api": echo(t)})
	_, body := h.ask("api", "GET /api/x?session_api_key="+string(h.placeholder), h.cookie("api"), "X-Session-API-Key: mine")
	if strings.Count(body, serverKey) != 2 || strings.Contains(body, "mine") || strings.Contains(body, "berth_") {
		t.Errorf("inside arrived\n%s", body)
	}
}
