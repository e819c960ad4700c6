package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
	"berth/internal/sandbox"
)

// visitor is a browser that draws nothing: it has logged in by a link and holds its cookie.
type visitor struct {
	t      *testing.T
	client *http.Client
	origin string
	cookie string
}

// visit logs in by a link of a kind, as the login page does.
func (s up) visit(t *testing.T, kind string) visitor {
	t.Helper()
	v := visitor{t: t, client: s.User.Client()}
	if status := v.logIn(s.link(t, kind)); status != http.StatusSeeOther {
		t.Fatalf("the login gave %d", status)
	}
	return v
}

// logIn shows a link's key and keeps the cookie that comes back, if one does.
func (v *visitor) logIn(link string) int {
	v.t.Helper()
	at, err := url.Parse(link)
	if err != nil {
		v.t.Fatal(err)
	}
	v.origin = "http://" + at.Host
	form := url.Values{"k": {strings.TrimPrefix(at.Fragment, "k=")}, "to": {"/"}}
	request, err := http.NewRequestWithContext(rig.Context(v.t), "POST", v.origin+"/.berth/login", strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Origin", v.origin)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing is read from it
	for _, c := range answer.Cookies() {
		if strings.HasPrefix(c.Name, "berth_") {
			v.cookie = c.Name + "=" + c.Value
		}
	}
	return answer.StatusCode
}

// get asks for a path; 0 when nobody answers.
func (v visitor) get(path string) int {
	v.t.Helper()
	request, err := http.NewRequestWithContext(rig.Context(v.t), "GET", v.origin+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Cookie", v.cookie)
	answer, err := v.client.Do(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close() //nolint:errcheck // only its end matters
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0
	}
	return answer.StatusCode
}

// TestNothingListensButTheGateway: the sandbox has no network and publishes nothing; each link's port listens on both
// loopback addresses and on no other, and it is the gateway, the user's own process, that does.
func TestNothingListensButTheGateway(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	s := up{Project: h.Project("sealed"), Image: rig.Starter}
	s.Up(rig.Starter)
	seen, err := rig.Docker(t).ContainerInspect(rig.Context(t), sandbox.ContainerName(s.Name))
	if err != nil {
		t.Fatal(err)
	}
	if seen.HostConfig.NetworkMode != "none" || len(seen.HostConfig.PortBindings) > 0 || len(seen.NetworkSettings.Ports) > 0 || seen.HostConfig.PublishAllPorts {
		t.Errorf("the container is on %s with ports %v %v", seen.HostConfig.NetworkMode, seen.HostConfig.PortBindings, seen.NetworkSettings.Ports)
	}
	if got := s.inside(t, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"); got != "lo" {
		t.Errorf("it has the interfaces %q", got)
	}
	var links listed
	s.Berth("ls", "--json").Exits(0).JSON(&links)
	var want []string
	for _, l := range links.Sandboxes[0].Links {
		at := netip.MustParseAddrPort(l.At)
		want = append(want, at.String(), netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String())
	}
	gateway := h.PIDs(" gateway " + s.Name)
	if len(gateway) != 1 || len(want) == 0 {
		t.Fatalf("%d gateways serve %v", len(gateway), want)
	}
	var held, others []string
	own := sockets(t, gateway[0])
	for _, l := range listeners(t) {
		switch {
		case own[l.inode]:
			held = append(held, l.at.String())
		case slices.ContainsFunc(want, func(at string) bool { return netip.MustParseAddrPort(at).Port() == l.at.Port() }):
			others = append(others, l.at.String())
		}
	}
	slices.Sort(want)
	slices.Sort(held)
	if !slices.Equal(held, want) || len(others) > 0 {
		t.Errorf("the gateway listens at %v, want %v; somebody else at %v", held, want, others)
	}
	for _, pid := range h.PIDs("") {
		if pid != gateway[0] {
			t.Errorf("process %d of the user's stays besides the gateway", pid)
		}
	}
}

type listener struct {
	at    netip.AddrPort
	inode string
}

// listeners reads what ss -ltn would say.
func listeners(t *testing.T) []listener {
	t.Helper()
	var all []listener
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if os.IsNotExist(err) {
			continue // a machine without IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// "0: 0100007F:1F4A 00000000:0000 0A ... inode": the address in words of the machine's byte order.
			words := strings.Fields(lines.Text())
			if len(words) > 9 && words[3] == "0A" {
				all = append(all, listener{address(t, words[1]), words[9]})
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		_ = f.Close() // read to its end
	}
	return all
}

// address reads "0100007F:1F4A", little-endian words and a port.
func address(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	words, port, _ := strings.Cut(text, ":")
	var bytes []byte
	for i := 0; i+8 <= len(words); i += 8 {
		word, err := strconv.ParseUint(words[i:i+8], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		bytes = append(bytes, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
	}
	addr, ok := netip.AddrFromSlice(bytes)
	number, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		t.Fatalf("%s is no address", text)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number))
}

// sockets gives the inodes of a process's sockets.
func sockets(t *testing.T, pid int) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		to, _ := os.Readlink(file) // closed in between
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			out[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return out
}

// TestALogoutOutlivesItsGateway: a link that came back from a browser that does not know it logs out for good.
func TestALogoutOutlivesItsGateway(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	s := up{Project: h.Project("logout"), Image: rig.Starter}
	s.Up(rig.Starter)
	link := s.link(t, "api")
	first, second, other := visitor{t: t, client: s.User.Client()}, visitor{t: t, client: s.User.Client()}, s.visit(t, "api")
	if got := first.logIn(link); got != 303 || first.get("/ready") != 200 {
		t.Fatalf("the first login gave %d", got)
	}
	if got := second.logIn(link); got != 403 || second.get("/ready") != 401 {
		t.Errorf("the second login gave %d", got)
	}
	for range 2 {
		if got := first.get("/ready"); got != 401 {
			t.Errorf("the first browser is still let in: %d", got)
		}
		if got := other.get("/ready"); got != 200 {
			t.Errorf("who logged in by another link is out: %d", got)
		}
		kill(t, s.gateway()...)
		s.Berth("ls").Exits(0)
	}
	s.Berth("restart", s.Name).Exits(0)
	if got := other.get("/ready"); got != 401 {
		t.Errorf("a cookie of the run before gives %d", got)
	}
}

// TestALaunchWhosePortsAreTakenInBetween chooses others; of ports that the user named it says that they are taken.
func TestALaunchWhosePortsAreTakenInBetween(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	s := up{Project: h.Project("between"), Image: rig.Starter}
	launch, _ := launching(s.Project, rig.Starter, "create")
	var record struct{ Ports []uint16 }
	if err := json.Unmarshal([]byte(read(t, h.Path(".local/state/berth/"+s.Name+".json"))), &record); err != nil || len(record.Ports) == 0 {
		t.Fatalf("the record has no ports: %v", err)
	}
	thief, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", record.Ports[0]))
	if err != nil {
		t.Skip("the gateway was quicker: ", err)
	}
	defer thief.Close() //nolint:errcheck // the test ends
	r := launch.Wait().Exits(0)
	if !strings.Contains(r.Err, "choosing other ports") || strings.Contains(s.links(t), fmt.Sprint(record.Ports[0])) {
		t.Errorf("the links are %s: %s", s.links(t), r.Err)
	}
	v := s.visit(t, "api")
	if got := v.get("/ready"); got != 200 {
		t.Errorf("the link gives %d", got)
	}
}
