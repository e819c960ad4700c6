package attacks

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
)

// stolen is what a server that trusts everybody gives away.
const stolen = "the-secret-of-the-server"

// tricks are what a hostile page does with T, the base of the victim's address. Each returns what it got.
var tricks = []struct{ name, script, wins string }{
	{"fetch", `return await (await fetch(T + "/weak/change", {credentials: "include"})).text()`, stolen},
	{"fetch without cookies", `return await (await fetch(T + "/weak/change", {credentials: "omit"})).text()`, stolen},
	{"fetch with a key of its own", `return await (await fetch(T + "/weak/headers", {headers: {"X-Session-API-Key": "mine"}})).text()`, "mine"},
	{"image", `return await new Promise(done => { const i = new Image(); i.onload = () => done("picture " + i.width); i.onerror = () => done("no"); i.src = T + "/weak/image.gif" })`, "picture 1"},
	{"script", `return await new Promise(done => { const s = document.createElement("script"); s.onload = () => done("" + window.stolen); s.onerror = () => done("no"); s.src = T + "/weak/script.js"; document.body.append(s) })`, stolen},
	{"frame", `return await new Promise(done => { const f = document.createElement("iframe"); onmessage = e => done(e.data); f.src = T + "/weak/page"; document.body.append(f); setTimeout(() => done("no"), 1500) })`, stolen},
	{"socket", `return await new Promise(done => { const s = new WebSocket(T.replace("http", "ws") + "/weak/socket"); s.onmessage = e => done(e.data); s.onerror = () => done("no") })`, stolen},
	{"window that knows its opener", `return await new Promise(done => { onmessage = e => done(e.data); const w = open(T + "/weak/page"); setTimeout(() => { const got = w.closed ? "cut off" : "kept"; w.close(); done(got) }, 1500) })`, stolen},
}

// changes are what a hostile page does to change something; what it returns says nothing.
var changes = []struct{ name, script string }{
	{"blind post", `await fetch(T + "/weak/change", {method: "POST", mode: "no-cors", credentials: "include"})`},
	{"beacon", `navigator.sendBeacon(T + "/weak/change", "x"); await new Promise(done => setTimeout(done, 300))`},
	{"form", `const f = document.createElement("form"), i = document.createElement("iframe"); i.name = f.target = "i"; f.method = "post"; f.action = T + "/weak/change"; document.body.append(i, f); await new Promise(done => { i.onload = done; setTimeout(done, 700); f.submit() })`},
	{"form in a window", `const f = document.createElement("form"); f.target = "w"; f.method = "post"; f.action = T + "/weak/change"; document.body.append(f); const w = open("about:blank", "w"); f.submit(); await new Promise(done => setTimeout(done, 700)); w.close()`},
}

// changed asks a server how often it was changed, as a program of the user's.
func (b box) changed(t *testing.T, base, key string) string {
	t.Helper()
	_, text := b.get(t, b.User, base+"/weak/change", http.Header{"X-Session-Api-Key": {key}})
	count, _, _ := strings.Cut(text, " ")
	return count
}

// get asks for a page as a user, and gives status and body; 0 when nothing is answered.
func (b box) get(t *testing.T, u rig.User, url string, header http.Header) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(rig.Context(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := u.Client().Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// base is how the link's address begins, and twin how the twin's would.
func (b box) base() string { return "http://" + b.Name + ".localhost:" + b.Link.port() }
func (b box) twin() string { return "http://twin.localhost:" + b.Twin }

// login opens the link in a browser, which is then logged in.
func (b box) login(t *testing.T, in browser) {
	t.Helper()
	in.open(b.fresh(t)).shows("404") // the server has no page at /
	in.open(b.base() + "/weak/page").shows(stolen)
}

// fresh mints a link.
func (b box) fresh(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(b.Berth("url", b.Name, "api").Exits(0).Out)
}

// TestHostilePage: a page of another site, of another sandbox's name or of another port of the same name gets nothing
// from a link and changes nothing, in a browser that is logged in. Where ports are published, all of it works.
func TestHostilePage(t *testing.T) {
	b := newBox(t)
	in := newBrowser(t, b.User)
	b.login(t, in)
	evil := newSite(t, "127.0.0.1:0")
	for _, name := range []string{"evil.test", "other.localhost", b.Name + ".localhost"} {
		t.Run(strings.Replace(name, b.Name, "same name", 1), func(t *testing.T) {
			page := in.open(evil.at(name))
			page.t = t
			for _, trick := range tricks {
				if got := page.run(fmt.Sprintf("const T = %q; %s", b.base(), trick.script)); strings.Contains(got, trick.wins) || got == "kept" {
					t.Errorf("%s: got %q", trick.name, got)
				}
				if got := page.run(fmt.Sprintf("const T = %q; %s", b.twin(), trick.script)); !strings.Contains(got, trick.wins) {
					t.Errorf("%s cannot fail: from the twin it got %q", trick.name, got)
				}
			}
			for _, change := range changes {
				before := b.changed(t, b.twin(), "")
				page.run(fmt.Sprintf("const T = %q; %s", b.twin(), change.script))
				if after := b.changed(t, b.twin(), ""); after == before {
					t.Errorf("%s cannot fail: it did nothing to the twin", change.name)
				}
				page.run(fmt.Sprintf("const T = %q; %s", b.base(), change.script))
				if got := b.changed(t, b.base(), b.Link.Key); got != "0" {
					t.Errorf("%s: the server was changed %s times", change.name, got)
				}
			}
		})
	}
}

// TestRebinding: a name of the attacker's that comes to mean 127.0.0.1 makes his page the server's own, but not the
// gateway's.
func TestRebinding(t *testing.T) {
	b := newBox(t)
	in := newBrowser(t, b.User)
	b.login(t, in)
	const script = `return await (await fetch("/weak/change")).text()`
	if got := in.open("http://rebound.test:" + b.Twin + "/weak/page").run(script); !strings.Contains(got, stolen) {
		t.Errorf("this cannot fail: the twin gives %q", got)
	}
	if got := in.open("http://rebound.test:" + b.Link.port() + "/weak/page").run(script); strings.Contains(got, stolen) {
		t.Errorf("a name that was bound anew gets %q", got)
	}
	for _, host := range []string{"rebound.test:" + b.Link.port(), "localhost:" + b.Link.port(), "other.localhost:" + b.Link.port(), b.Name + ".localhost", b.Name + ".localhost.:" + b.Link.port()} {
		if status, text := b.getAs(t, host); status != http.StatusMisdirectedRequest {
			t.Errorf("Host: %s: %d %s", host, status, text)
		}
	}
}

// getAs asks the link for a page by another name, with the client key.
func (b box) getAs(t *testing.T, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(rig.Context(t), http.MethodGet, b.base()+"/weak/change", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.Header.Set("X-Session-API-Key", b.Link.Key)
	answer, err := b.User.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// TestLinkOnAnotherSite: who clicks a link to his sandbox on a strange page comes to it as himself, by way of the login
// page; who is not logged in stays there.
func TestLinkOnAnotherSite(t *testing.T) {
	b := newBox(t)
	in := newBrowser(t, b.User)
	b.login(t, in)
	evil := newSite(t, "127.0.0.1:0")
	click := fmt.Sprintf(`const a = document.createElement("a"); a.href = %q; document.body.append(a); a.click(); return ""`, b.base()+"/weak/page")
	known := in.open(evil.at("evil.test"))
	known.run(click)
	known.shows(stolen)
	unknown := in.stranger(evil.at("evil.test"))
	unknown.run(click)
	unknown.shows("berth open " + b.Name)
}

// TestUsedLink: a link opens once. Who opens it again elsewhere gets nothing, and ends what it had opened.
func TestUsedLink(t *testing.T) {
	b := newBox(t)
	in := newBrowser(t, b.User)
	used := b.fresh(t)
	in.open(used).shows("404")
	in.open(b.base() + "/weak/page").shows(stolen)
	in.open(used).shows("404") // who is logged in just comes back
	in.stranger(used).shows("this link was used before")
	in.open(b.base() + "/weak/page").shows("berth open " + b.Name)
	for range 2 {
		in.stranger(b.twin() + "/weak/page").shows(stolen) // a published port opens for ever, to everybody
	}
	b.login(t, in) // a new link is as good as the first
}

// TestStolenCookie: a server of the attacker's on another port of the name is sent the cookie of a browser that comes
// by. It is worth nothing to another user, at another sandbox, or at another run of the same one.
func TestStolenCookie(t *testing.T) {
	b := newBox(t)
	other := b.Project.Home.Project("other")
	other.Up(b.Image)
	otherLink := apiLink(t, other)
	in := newBrowser(t, b.User)
	b.login(t, in)
	evil := newSite(t, "127.0.0.1:0")
	in.open(evil.at(b.Name + ".localhost")).run(`return await (await fetch("/again")).text()`)
	value := evil.cookie("berth_" + b.Link.port())
	with := func(port string) http.Header { return http.Header{"Cookie": {"berth_" + port + "=" + value}} }
	page := b.base() + "/weak/page"
	if _, text := b.get(t, b.User, page, with(b.Link.port())); !strings.Contains(text, stolen) {
		t.Fatalf("this cannot fail: for the user himself the cookie %q gives %s", value, text)
	}
	if status, text := b.get(t, rig.As(t, stranger, stranger), page, with(b.Link.port())); status != 0 {
		t.Errorf("another user gets %d %s", status, text)
	}
	if _, text := b.get(t, b.User, "http://"+other.Name+".localhost:"+otherLink.port()+"/weak/page", with(otherLink.port())); strings.Contains(text, stolen) {
		t.Error("the cookie opens another sandbox")
	}
	if got := inside(b.Project)(t, "processes"); strings.Contains(got, value) {
		t.Error("the cookie is known inside")
	}
	if _, text := b.get(t, b.User, b.base()+"/weak/headers", with(b.Link.port())); strings.Contains(text, value) || !strings.Contains(text, "Accept-Encoding") {
		t.Errorf("the server inside was sent the cookie: %s", text)
	}
	b.Berth("restart", b.Name).Exits(0)
	if got := apiLink(t, b.Project); got.port() != b.Link.port() {
		t.Fatalf("after a restart the link is at %s", got.At)
	}
	if _, text := b.get(t, b.User, page, with(b.Link.port())); strings.Contains(text, stolen) {
		t.Error("the cookie opens the next run")
	}
}

// TestForeignListener: where somebody listens on [::1] at a link's port, browsers would go there first, so berth takes
// another port or none; an engine that publishes on 127.0.0.1 does not notice.
func TestForeignListener(t *testing.T) {
	if !ipv6() {
		t.Skip("this machine has no IPv6")
	}
	b := newBox(t)
	in := newBrowser(t, b.User)
	twin := newSite(t, "[::1]:0")
	id := output(t, exec.Command("docker", "run", "--detach", "--publish", "127.0.0.1:"+twin.port+":8000", b.Image, "-host", "0.0.0.0"))
	t.Cleanup(func() { output(t, exec.Command("docker", "rm", "-f", "-v", id)) })
	in.open("http://twin.localhost:" + twin.port + "/weak/page").shows("a page of the attacker's")

	b.Berth("stop", b.Name).Exits(0)
	foreign := newSite(t, "[::1]:"+b.Link.port())
	if r := b.Berth("start", b.Name); r.Code == 0 || !strings.Contains(r.Err, "port "+foreign.port) {
		t.Errorf("a sandbox whose port is somebody else's in IPv6 starts: %d %s", r.Code, r.Err)
	}
	if r := b.Command("up", "--plain", "-y", "--image", b.Image).With("BERTH_LINKS_PORT=" + foreign.port).Run(); r.Code == 0 {
		t.Errorf("a port that is named and somebody else's in IPv6 is taken:\n%s", r.Out)
	}

	next := b.Project.Home.Project("next")
	next.Up(b.Image)
	first := apiLink(t, next)
	next.Berth("rm", "-f", next.Name).Exits(0)
	if l, err := net.Listen("tcp", "[::1]:"+first.port()); err == nil { // else somebody did so already
		defer l.Close() //nolint:errcheck // nobody came
	}
	next.Up(b.Image)
	got := apiLink(t, next)
	if got.port() == first.port() {
		t.Errorf("a new sandbox's link is at a port that is somebody else's in IPv6: %s", got.At)
	}
	in.open(got.URL).shows("404")
}
