package egress

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWhatAPolicyLetsThrough(t *testing.T) {
	list := func(w *world) Policy {
		return Policy{Mode: List, Allow: rules(w.t, "a.example:80", "*.wide.example:8443", "@git-host", "mixed.example:80", "inner.example:80", "@packages", "own.example:80"),
			Private: targets(w.t, "git.lan:80", "10.0.0.9:5432", "meta.lan:80"), Packages: []Index{{rules(w.t, "b.example:80")[0], "pip: PIP_INDEX_URL"}}}
	}
	on := func(w *world) Policy { return Policy{Mode: On, Private: targets(w.t, "git.lan:80")} }
	const ok = "200 Connection established"
	const only = "; only egress_private in the user's own configuration leads there"
	rows := []struct {
		policy  func(*world) Policy
		to      string
		status  string
		want    Decision
		dialled string
	}{
		{list, "a.example:80", ok, Decision{Allowed: true, Rule: "egress: a.example:80"}, "203.0.113.1:80"},
		{list, "A.EXAMPLE.:80", ok, Decision{Host: "a.example", Allowed: true, Rule: "egress: a.example:80"}, "203.0.113.1:80"},
		{list, "b.example:80", ok, Decision{Allowed: true, Rule: "egress: @packages (pip: PIP_INDEX_URL)"}, "203.0.113.2:80"},
		{list, "x.wide.example:8443", "502 berth: x.wide.example:8443: there is no such host", Decision{Allowed: true, Rule: "egress: *.wide.example:8443"}, ""},
		{list, Members("git-host")[0].String(), "502 berth: " + Members("git-host")[0].String() + ": there is no such host", Decision{Allowed: true, Rule: "egress: @git-host"}, ""},
		{list, "a.example:81", "403 berth: a.example:81 is not on the egress list", Decision{Rule: "egress: list", Offer: "a.example:81"}, ""},
		{list, "c.example:80", "403 berth: c.example:80 is not on the egress list", Decision{Rule: "egress: list", Offer: "c.example:80"}, ""},
		{list, "wide.example:8443", "403 berth: wide.example:8443 is not on the egress list", Decision{Rule: "egress: list", Offer: "wide.example:8443"}, ""},
		{list, "c.example:22", "403 berth: c.example:22 is not on the egress list; " + NoSSH, Decision{Rule: "egress: list"}, ""},
		{list, "203.0.113.1:80", "403 berth: 203.0.113.1:80 is an IP address, and the egress list has names only", Decision{Rule: "egress: list"}, ""},
		{list, "mixed.example:80", ok, Decision{Allowed: true, Rule: "egress: mixed.example:80"}, "203.0.113.1:80"},
		{list, "inner.example:80", "403 berth: inner.example:80 has an address that is private (RFC 4193)" + only, Decision{Rule: "no private addresses"}, ""},
		{list, "own.example:80", "403 berth: own.example:80 has an address that is of this machine or its own network" + only, Decision{Rule: "no private addresses"}, ""},
		{list, "git.lan:80", ok, Decision{Allowed: true, Softened: true, Rule: "egress_private: git.lan:80"}, "10.0.0.9:80"},
		{list, "git.lan:81", "403 berth: git.lan:81 is not on the egress list", Decision{Rule: "egress: list", Offer: "git.lan:81"}, ""},
		{list, "10.0.0.9:5432", ok, Decision{Allowed: true, Softened: true, Rule: "egress_private: 10.0.0.9:5432"}, "10.0.0.9:5432"},
		{list, "[::ffff:10.0.0.9]:5432", ok, Decision{Host: "10.0.0.9", Allowed: true, Softened: true, Rule: "egress_private: 10.0.0.9:5432"}, "10.0.0.9:5432"},
		{list, "meta.lan:80", "403 berth: meta.lan:80 has an address that is link-local, where clouds keep their metadata; no rule leads there by name", Decision{Rule: "no private addresses"}, ""},

		{on, "b.example:8080", ok, Decision{Allowed: true, Rule: "egress: on"}, "203.0.113.2:8080"},
		{on, "203.0.113.2:8080", ok, Decision{Allowed: true, Rule: "egress: on"}, "203.0.113.2:8080"},
		{on, "git.lan:80", ok, Decision{Allowed: true, Softened: true, Rule: "egress_private: git.lan:80"}, "10.0.0.9:80"},
		{on, "meta.example:80", "403 berth: meta.example:80 has an address that is link-local, where clouds keep their metadata; no rule leads there by name", Decision{Rule: "no private addresses"}, ""},
		{on, "169.254.169.254:80", "403 berth: 169.254.169.254:80 is link-local, where clouds keep their metadata" + only, Decision{Rule: "no private addresses"}, ""},
		{on, "[fd00:ec2::254]:80", "403 berth: [fd00:ec2::254]:80 is private (RFC 4193)" + only, Decision{Rule: "no private addresses"}, ""},
		{on, "[64:ff9b::7f00:1]:80", "403 berth: [64:ff9b::7f00:1]:80 is loopback" + only, Decision{Rule: "no private addresses"}, ""},
		{on, "198.51.100.200:80", "403 berth: 198.51.100.200:80 is of this machine or its own network" + only, Decision{Rule: "no private addresses"}, ""},
		{on, "localhost:80", "403 berth: localhost:80 is a name without a dot, which no public host has", Decision{Rule: "only public hosts"}, ""},
		{on, "nowhere.example:80", "502 berth: nowhere.example:80: there is no such host", Decision{Allowed: true, Rule: "egress: on"}, ""},
		{on, "b.example:9", "502 berth: b.example:9 cannot be reached: the connection broke", Decision{Allowed: true, Rule: "egress: on"}, "203.0.113.2:9"},
	}
	for _, r := range rows {
		w := newWorld(t)
		for _, addr := range []string{"203.0.113.1:80", "203.0.113.2:80", "203.0.113.2:8080", "10.0.0.9:80", "10.0.0.9:5432"} {
			w.hosts[addr] = echo
		}
		p := w.proxy(r.policy(w))
		if got := w.client(p).connect(r.to); got != r.status {
			t.Errorf("%s: %s\nwant %s", r.to, got, r.status)
		}
		host, port, _ := net.SplitHostPort(r.to)
		if r.want.Host == "" {
			r.want.Host = host
		}
		r.want.Count = 1
		fmt.Sscan(port, &r.want.Port)
		if _, sentence, _ := strings.Cut(r.status, " berth: "); !strings.HasPrefix(r.status, "200") {
			r.want.Reason = sentence
		}
		told := w.told()
		if len(told) != 1 || told[0].Time.IsZero() {
			t.Fatalf("%s: %+v", r.to, told)
		}
		told[0].Time = time.Time{}
		if told[0] != r.want {
			t.Errorf("%s: %+v\nwant %+v", r.to, told[0], r.want)
		}
		if got := strings.Join(w.dialled, " "); got != r.dialled {
			t.Errorf("%s: dialled %q, want %q", r.to, got, r.dialled)
		}
		if offer, err := ParseRule(r.want.Offer); r.want.Offer != "" && (err != nil || !offer.covers(told[0].Host, told[0].Port)) {
			t.Errorf("%s: the offer %s would not let it through: %v", r.to, offer, err)
		}
	}
}

// A look-up alone would tell the name's owner whatever the sandbox put into the name.
func TestANameThatNoRuleLetsThroughIsNotLookedUp(t *testing.T) {
	w := newWorld(t)
	w.client(w.proxy(Policy{Mode: List, Allow: rules(t, "a.example:80")})).connect("secret.b.example:443")
	if len(w.asked) != 0 {
		t.Errorf("asked for %q", w.asked)
	}
}

// A neighbour's public address could not be told from a stranger's.
func TestNothingIsDialledWhileTheOwnNetworksAreNotTold(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"], w.own = echo, nil
	got := w.client(w.proxy(Policy{Mode: On})).connect("a.example:80")
	want := "502 berth: a.example:80: this machine does not tell its own networks just now, and nothing is let out without"
	if got != want || len(w.dialled) > 0 {
		t.Errorf("%s, dialled %q", got, w.dialled)
	}
}

// A name that leads elsewhere the second time would pass a check that looks it up again to dial it.
func TestTheAddressThatWasJudgedIsDialled(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"] = echo
	options := w.options()
	options.Resolver = &rebinding{first: "203.0.113.1", then: "127.0.0.1"}
	p := NewProxy(Policy{Mode: On}, options)
	if got := w.client(p).connect("a.example:80"); got != "200 Connection established" || fmt.Sprint(w.dialled) != "[203.0.113.1:80]" {
		t.Errorf("first: %s, %v", got, w.dialled)
	}
	if got := w.client(p).connect("a.example:80"); !strings.HasPrefix(got, "403 berth: a.example:80 has an address that is loopback") || len(w.dialled) != 1 {
		t.Errorf("then: %s, %v", got, w.dialled)
	}
}

type rebinding struct{ first, then string }

func (r *rebinding) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	addr := netip.MustParseAddr(r.first)
	r.first = r.then
	return []netip.Addr{addr}, nil
}

func TestAllowOnceLastsForTheRun(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"] = echo
	p := w.proxy(Policy{Mode: List})
	if got := w.client(p).connect("a.example:80"); got != "403 berth: a.example:80 is not on the egress list" {
		t.Error(got)
	}
	for range 2 {
		p.Allow(rules(t, w.told()[0].Offer)[0])
	}
	for range 2 {
		if got := w.client(p).connect("a.example:80"); got != "200 Connection established" {
			t.Error(got)
		}
	}
	if len(p.rules()) != 1 {
		t.Errorf("%v", p.rules())
	}
}

func TestNothingIsAcceptedWhereTheProxyHasNothingToSay(t *testing.T) {
	for _, mode := range []Mode{Off, Direct, ""} {
		w := newWorld(t)
		p := w.proxy(Policy{Mode: mode, Allow: rules(t, "a.example:80"), Private: targets(t, "git.lan:80")})
		p.Allow(rules(t, "a.example:80")[0])
		data, _ := io.ReadAll(w.client(p).send("CONNECT a.example:80 HTTP/1.1\r\n\r\n"))
		if len(data) > 0 || len(w.asked)+len(w.dialled)+len(w.told()) > 0 {
			t.Errorf("%s: %q, asked %v, dialled %v", mode, data, w.asked, w.dialled)
		}
	}
}

func TestMoreConnectionsThanTheCapGetASentence(t *testing.T) {
	w := newWorld(t)
	p := w.proxy(Policy{Mode: On})
	for range maxConns {
		p.slots <- struct{}{}
	}
	if got, _ := w.client(p).answer("GET"); got != "503 berth: too many connections are open" {
		t.Error(got)
	}
	<-p.slots
	w.hosts["203.0.113.1:80"] = echo
	if got := w.client(p).connect("a.example:80"); got != "200 Connection established" {
		t.Errorf("with a free place: %s", got)
	}
}

func TestATunnelEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"] = echo
	p := w.proxy(Policy{Mode: On})
	ctx, cancel := context.WithCancel(t.Context())
	near, far := w.pair()
	served := make(chan struct{})
	go func() { p.Serve(ctx, far); close(served) }()
	fmt.Fprint(near, "CONNECT a.example:80 HTTP/1.1\r\n\r\n")
	_, _ = near.Read(make([]byte, 100))
	cancel()
	<-served
	if _, err := io.ReadAll(near); err != nil {
		t.Logf("reset: %v", err) // either end is an end
	}
	if len(p.slots) != 0 {
		t.Errorf("%d connections are still counted", len(p.slots))
	}
}

// A client that has said all it has to say still gets the answer, in either direction.
func TestHalfCloseGoesThrough(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"] = func(conn net.Conn) {
		defer conn.Close()
		all, _ := io.ReadAll(conn)
		fmt.Fprintf(conn, "%d bytes", len(all))
	}
	late := make(chan string, 1)
	w.hosts["203.0.113.2:80"] = func(conn net.Conn) {
		defer conn.Close()
		fmt.Fprint(conn, "greeting")
		_ = conn.(*net.TCPConn).CloseWrite()
		all, _ := io.ReadAll(conn)
		late <- string(all)
	}
	p := w.proxy(Policy{Mode: On})
	c := w.client(p)
	c.connect("a.example:80")
	c.send(strings.Repeat("x", 1<<20))
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "1048576 bytes" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c = w.client(p)
	c.connect("b.example:80")
	if got, err := io.ReadAll(c); string(got) != "greeting" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.send("late").Close()
	if got := <-late; got != "late" {
		t.Errorf("the host got %q", got)
	}
}

func TestPlainRequestsAreJudgedOneByOne(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"], w.hosts["203.0.113.2:8080"] = page, page
	c := w.client(w.proxy(Policy{Mode: List, Allow: rules(t, "a.example:80", "b.example:8080")}))
	c.send("POST http://A.example/x?y=1 HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\n" +
		"X-Hop: 1\r\nConnection: X-Hop\r\nX-Forwarded-For: 10.0.0.1\r\nContent-Length: 4\r\n\r\nbody")
	want := "POST a.example /x?y=1\nConnection: close\nContent-Length: 4\nbody"
	if status, body := c.answer("POST"); status != "200 OK" || body != want {
		t.Errorf("%s\n%s\nwant\n%s", status, body, want)
	}
	c.send("GET http://c.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
	if status, body := c.answer("GET"); status != "403 Forbidden" || body != "berth: c.example:80 is not on the egress list\nrule: egress: list\n" {
		t.Errorf("%s %s", status, body)
	}
	c.send("GET http://b.example:8080/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
	if status, body := c.answer("GET"); status != "200 OK" || body != "GET b.example:8080 /\nConnection: close\n" {
		t.Errorf("%s %s", status, body)
	}
	w.mu.Lock()
	delete(w.hosts, "203.0.113.2:8080")
	w.mu.Unlock()
	c.send("GET http://b.example:8080/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
	if status, body := c.answer("GET"); status != "502 Bad Gateway" || body != "berth: b.example:8080: the connection broke\nrule: egress: b.example:8080\n" {
		t.Errorf("%s %s", status, body)
	}
	if got := fmt.Sprint(w.dialled); got != "[203.0.113.1:80 203.0.113.2:8080 203.0.113.2:8080]" {
		t.Error(got)
	}
}

func TestAnUpgradeOfAPlainRequestIsCarried(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:80"] = func(conn net.Conn) {
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4096))
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, conn)
	}
	c := w.client(w.proxy(Policy{Mode: On}))
	c.send("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if status, _ := c.answer("GET"); status != "101 Switching Protocols" {
		t.Fatal(status)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(c.send("ping"), got); err != nil || string(got) != "ping" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheVariablesOfClientsInside(t *testing.T) {
	const at, around = "http://127.0.0.1:3128", "localhost,127.0.0.1,::1,sandbox,redis"
	want := map[string]string{
		"HTTP_PROXY": at, "HTTPS_PROXY": at, "ALL_PROXY": at, "NO_PROXY": around,
		"http_proxy": at, "https_proxy": at, "all_proxy": at, "no_proxy": around, "NODE_USE_ENV_PROXY": "1",
	}
	if got := Variables("redis"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// git puts user@host and a command behind it and gives the whole to a shell.
func TestGitSaysWhySSHHasNoWay(t *testing.T) {
	vars := SSHVariables()
	out, err := exec.Command("sh", "-c", vars["GIT_SSH_COMMAND"]+` -p 22 git@git.example "git-upload-pack 'o/r.git'"`).CombinedOutput()
	if string(out) != "berth: "+NoSSH+"\n" || err == nil || vars["GIT_SSH_VARIANT"] != "ssh" {
		t.Errorf("%s, %v", out, err)
	}
}

func TestADecisionIsOneLineOfALog(t *testing.T) {
	rows := map[string]Decision{
		"allowed a.example:443":                           {Allowed: true, Host: "a.example", Port: 443, Count: 1},
		"denied [fd00::1]:80 (and 2 more): it is private": {Host: "fd00::1", Port: 80, Count: 3, Reason: "it is private"},
		"denied other hosts: too many":                    {Host: others, Count: 1, Reason: "too many"},
	}
	for want, d := range rows {
		if d.String() != want {
			t.Errorf("%s\nwant %s", d, want)
		}
	}
}
