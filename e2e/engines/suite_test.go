package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"berth/e2e/internal/rig"
	"berth/hardening"
	"berth/internal/engine"
	"berth/internal/sandbox"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// suite is a run on one engine.
type suite struct {
	docker *client.Client
	about  about
	seen   Result
}

// about is what berth doctor and the engine say it is.
type about struct {
	version, api string
	podman       bool
	rootless     bool
	remapped     bool
}

// openToTheLAN says why a neighbour reaches what is published on loopback, "" where nobody does.
func (a about) openToTheLAN() string {
	var major int
	_, _ = fmt.Sscan(strings.SplitN(a.version, ".", 2)[0], &major) // 0 is before
	switch {
	case a.rootless:
		return ""
	case a.podman:
		return "by a route to its address"
	case major < 28:
		return "before engine 28"
	}
	return ""
}

// TestEngine holds the engine at hand to what berth promises, and saves what was seen.
func TestEngine(t *testing.T) {
	name, folder := os.Getenv("BERTH_ENGINE"), os.Getenv("BERTH_RESULTS")
	if name == "" {
		rig.Need(t)
		name, folder = "here", t.TempDir() // make engines names each engine, and keeps what was seen
	}
	rig.Need(t)
	s := &suite{docker: rig.Docker(t), seen: Result{Engine: name, Cells: map[string]string{}}}
	if folder != "" {
		defer func() {
			if err := s.seen.save(folder); err != nil {
				t.Error(err)
			}
		}()
	}
	s.describe(t)
	s.tests(t, filepath.Join(folder, name+".log"))
	for _, check := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"plan", s.plan}, {"profiles", s.profiles}, {"links", s.links}, {"publish", s.publish}, {"joined", s.joined}, {"relay", s.relay},
	} {
		t.Run(check.name, check.run)
	}
}

// describe asks the engine what it is.
func (s *suite) describe(t *testing.T) {
	t.Helper()
	version, err := s.docker.ServerVersion(rig.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.docker.Info(rig.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(version.Version, "+")
	s.about = about{version: short, api: version.APIVersion}
	kind, runtime := "Docker", info.DefaultRuntime
	for _, c := range version.Components {
		if strings.Contains(c.Name, "Podman") {
			kind, s.about.podman = "Podman", true
		}
		if c.Name == "runc" || strings.HasPrefix(c.Name, "OCI Runtime") {
			v, _, _ := strings.Cut(strings.TrimPrefix(c.Version, "crun version "), "+")
			runtime, _, _ = strings.Cut(runtime+" "+v, "\n")
		}
	}
	s.about.rootless = slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.HasPrefix(o, "name=rootless") })
	s.about.remapped = slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.HasPrefix(o, "name=userns") })
	s.cell("engine", "%s %s", kind, short)
	s.cell("API", "%s", version.APIVersion)
	s.cell("runtime", "%s", runtime)
}

func (s *suite) cell(column, format string, args ...any) {
	s.seen.Cells[column] = fmt.Sprintf(format, args...)
}

// tests counts those of the other packages, whose log the run has kept.
func (s *suite) tests(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		return // this engine was not started by the run
	}
	count := func(word string) int { return len(regexp.MustCompile(`(?m)^ *--- `+word+`:`).FindAll(text, -1)) }
	s.cell("tests", "%d pass, %d skipped, %d fail", count("PASS"), count("SKIP"), count("FAIL"))
}

// plan keeps what a plan says about this engine, and what doctor adds.
func (s *suite) plan(t *testing.T) {
	p := folder(t, "plan")
	r := p.Berth("up", "--plan", "--image", rig.Starter, "-v", p.Dir+":/workspace:ro").Exits(0)
	for line := range strings.Lines(r.Out) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "warning "); ok {
			s.seen.Says = append(s.seen.Says, "plan: "+strings.TrimSpace(text))
		}
	}
	var doctor struct {
		Findings []struct{ Level, Topic, Text string }
	}
	p.Berth("doctor", "--json").JSON(&doctor)
	known := map[string]bool{}
	for _, g := range hardening.Gates(s.engine(t)) {
		known[g.ID] = g.Severity != hardening.Note
	}
	for _, f := range doctor.Findings {
		if known[f.Topic] {
			s.seen.Says = append(s.seen.Says, "doctor: "+f.Text)
			delete(known, f.Topic)
		}
	}
	for gate, loud := range known {
		if loud {
			t.Errorf("doctor says nothing of %s", gate)
		}
	}
}

// engine is this engine as berth sees it.
func (s *suite) engine(t *testing.T) sandbox.Engine {
	t.Helper()
	e, err := engine.Open(rig.Context(t), engine.Options{Env: os.LookupEnv, UID: os.Getuid()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // it was only asked
	about, err := e.Describe(rig.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return about
}

// audited is what berth audit --json says.
type audited struct {
	Holds    bool
	Findings []struct{ Rule, State, Because, Observed string }
}

// count gives how many rules are in a state.
func (a audited) count(state string) (n int) {
	for _, f := range a.Findings {
		if f.State == state {
			n++
		}
	}
	return n
}

// profiles launches under each profile.
func (s *suite) profiles(t *testing.T) {
	for _, profile := range []string{"compat", "standard", "strict", "paranoid"} {
		t.Run(profile, func(t *testing.T) {
			p := folder(t, profile)
			writable := p.up(profile, "-v", p.Dir+":/workspace")
			r, mode := writable, ""
			if r.Code != 0 {
				r, mode = p.up(profile, "-v", p.Dir+":/workspace:ro"), "a read-only folder: "
			}
			if r.Code != 0 {
				s.cell(profile, "refused: %s", reason(r))
				s.mayRefuse(t, profile, r)
				return
			}
			if mode != "" {
				s.mayRefuse(t, profile, writable)
			}
			var a audited
			p.Berth("audit", p.Name, "--probe", "--json").Exits(0).JSON(&a)
			if a.count("failed")+a.count("unknown") > 0 || !a.Holds {
				t.Errorf("the audit: %+v", a)
			}
			s.cell(profile, "%s%s; %d hold, %d unsupported", mode, carrier(r), a.count("held"), a.count("unsupported"))
			p.Berth("rm", "-f", p.Name).Exits(0)
		})
	}
}

// project is a folder with a sandbox.
type project struct{ rig.Project }

func folder(t *testing.T, word string) project { return project{rig.New(t).Project(word)} }

func (p project) up(profile string, flags ...string) rig.Result {
	return p.Berth(append([]string{"up", "--json", "-y", "--image", rig.Starter, "--profile", profile}, flags...)...)
}

// mayRefuse demands that a launch was refused for something the engine cannot do.
func (s *suite) mayRefuse(t *testing.T, profile string, r rig.Result) {
	t.Helper()
	compatRoot := profile == "compat" && !s.about.rootless
	limits := (profile == "strict" || profile == "paranoid") && s.about.rootless
	if !compatRoot && !limits && !s.about.remapped {
		t.Errorf("exit %d: %s%s", r.Code, r.Out, r.Err)
	}
}

// reason gives a refusal's own words.
func reason(r rig.Result) string {
	for _, e := range r.Events {
		if e.Message != "" {
			return e.Message
		}
	}
	return strings.TrimSpace(r.Err)
}

// carrier tells how a launch's gateway was joined.
func carrier(r rig.Result) string {
	for _, e := range r.Events {
		if _, how, ok := strings.Cut(e.Text, "the tunnel goes by "); ok {
			return how
		}
	}
	return "no tunnel"
}

// links uses a standard sandbox from both sides of its gateway.
func (s *suite) links(t *testing.T) {
	p := folder(t, "links")
	mode := ""
	if s.about.remapped {
		mode = ":ro"
	}
	s.tool(t, p)
	p.up("standard", "-v", p.Dir+":/workspace"+mode).Exits(0)
	seen, err := s.docker.ContainerInspect(rig.Context(t), sandbox.ContainerName(p.Name))
	if err != nil {
		t.Fatal(err)
	}
	if seen.HostConfig.NetworkMode != "none" || len(seen.NetworkSettings.Ports) > 0 || len(seen.HostConfig.PortBindings) > 0 {
		t.Errorf("it is on %s, with ports %v", seen.HostConfig.NetworkMode, seen.NetworkSettings.Ports)
	}
	s.cell("network", "%s, nothing published", seen.HostConfig.NetworkMode)
	s.api(t, p)
	s.private(t, p)
	s.resolver(t, p)
	p.Berth("stop", p.Name).Exits(0)
	p.Berth("start", p.Name).Exits(0)
	if status := p.get(t, true); status != http.StatusOK {
		t.Errorf("after stop and start: %d", status)
	}
	s.cell("stop and start", "the links answer again")
	p.Berth("rm", "-f", p.Name).Exits(0)
	p.Gone()
	s.cell("left after rm", "%s", orNothing(p.Left()))
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// api asks for something behind the server's key, with the gateway's key for programs and without any.
func (s *suite) api(t *testing.T, p project) {
	t.Helper()
	with, without := p.get(t, true), p.get(t, false)
	if with != http.StatusOK || without == http.StatusOK {
		t.Errorf("the API answers %d with its key and %d without", with, without)
	}
	s.cell("API with its key", "%d", with)
	s.cell("without", "%d", without)
}

// get asks the API for a file and gives the status.
func (p project) get(t *testing.T, withKey bool) int {
	t.Helper()
	var link struct{ At, Key string }
	p.Berth("url", p.Name, "api", "--show-secrets", "--json").Exits(0).JSON(&link)
	request, err := http.NewRequestWithContext(rig.Context(t), http.MethodGet, "http://"+link.At+"/api/file/download?path=/etc/passwd", nil)
	if err != nil {
		t.Fatal(err)
	}
	if withKey {
		request.Header.Set("X-Session-API-Key", link.Key)
	}
	answer, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only its head is of interest
	return answer.StatusCode
}

// tool puts a program that dials into the sandbox's folder.
func (s *suite) tool(t *testing.T, p project) {
	t.Helper()
	path := filepath.Join(p.Dir, "standin")
	if err := os.WriteFile(path, rig.StandinProgram(t), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

// fetch asks a program inside for a page, by the proxy it is told of or not, and gives what it got.
func (p project) fetch(url string) string {
	r := p.Berth("exec", p.Name, "--", "/workspace/standin", "-get", url)
	return strings.TrimSpace(r.Out + r.Err)
}

// private asks the egress proxy for a service of this machine at an address that is not public.
func (s *suite) private(t *testing.T, p project) {
	t.Helper()
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "reached") })) //nolint:errcheck // ends with its listener
	defer server.Close()                                                                                                   //nolint:errcheck // only listened
	_, port, _ := net.SplitHostPort(server.Addr().String())
	got := p.fetch("http://127.0.0.1.nip.example:" + port + "/")
	metadata := p.fetch("http://169.254.169.254/latest/meta-data/")
	if !strings.HasPrefix(metadata, "403") || strings.Contains(got, "reached") {
		t.Errorf("metadata: %s; this machine: %s", metadata, got)
	}
	s.cell("private address", "%.3s", metadata)
}

// resolver looks at whom the sandbox asks for names: nobody outside, whatever the host's resolver is.
func (s *suite) resolver(t *testing.T, p project) {
	t.Helper()
	var servers []string
	r := p.Berth("exec", p.Name, "--", "cat", "/etc/resolv.conf")
	if s.about.podman && r.Code != 0 { // it writes none where there is no network
		s.cell("resolver", "none")
		return
	}
	for line := range strings.Lines(r.Exits(0).Out) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
			servers = append(servers, words[1])
		}
	}
	if !slices.Equal(servers, []string{"127.0.0.1"}) {
		t.Errorf("names are asked of %v", servers)
	}
	s.cell("resolver", "%s", strings.Join(servers, ", "))
}

// publish asks for published links: refused before engine 28, on loopback alone from then on.
func (s *suite) publish(t *testing.T) {
	p := folder(t, "publish")
	r := p.up("standard", "--publish", "-v", p.Dir+":/workspace:ro")
	if word := s.about.openToTheLAN(); word != "" {
		if r.Code != 2 || !strings.Contains(reason(r), word) {
			t.Errorf("exit %d: %s", r.Code, r.Err)
		}
		s.cell("published", "refused: %s", word)
		rules := p.Berth("firewall", "print").Exits(0)
		if !s.about.podman && !strings.Contains(rules.Out, "-d 127.0.0.0/8 ! -i lo") {
			t.Errorf("the rules: %s", rules.Out)
		}
		return
	}
	r.Exits(0)
	seen, err := s.docker.ContainerInspect(rig.Context(t), sandbox.ContainerName(p.Name))
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, bound := range seen.NetworkSettings.Ports {
		for _, b := range bound {
			if !slices.Contains(hosts, b.HostIP) {
				hosts = append(hosts, b.HostIP)
			}
		}
	}
	if !slices.Equal(hosts, []string{"127.0.0.1"}) {
		t.Errorf("published at %v", hosts)
	}
	s.cell("published", "at %s", strings.Join(hosts, ", "))
	p.Berth("rm", "-f", p.Name).Exits(0)
}

// neighbour is a server with two ports on a network of somebody else.
type neighbour struct{ network, name string }

func (s *suite) neighbour(t *testing.T) neighbour {
	t.Helper()
	ctx := rig.Context(t)
	image := rig.StandinFor(t, s.docker, "linux/"+runtime.GOARCH, "-host", "0.0.0.0", "-also", "8001")
	n := neighbour{rig.Unique("lane"), rig.Unique("cache")}
	made, err := s.docker.NetworkCreate(ctx, n.network, network.CreateOptions{Driver: "bridge"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.docker.NetworkRemove(context.Background(), made.ID) }) // who is left on it has failed the test
	box, err := s.docker.ContainerCreate(ctx, &container.Config{Image: image}, &container.HostConfig{NetworkMode: container.NetworkMode(n.network)},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{n.network: {}}}, nil, n.name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.docker.ContainerRemove(context.Background(), box.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	if err := s.docker.ContainerStart(ctx, box.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return n
}

// joined puts a sandbox on the neighbour's network.
func (s *suite) joined(t *testing.T) {
	n, p := s.neighbour(t), folder(t, "joined")
	s.tool(t, p)
	p.up("standard", "--network", n.network, "-v", p.Dir+":/workspace:ro").Exits(0)
	if got := p.fetch("http://" + n.name + ":8000/ready"); got != `200 {"status":"ready"}` {
		t.Errorf("the neighbour answers %s", got)
	}
	if got := p.fetch("http://" + n.name + ":8001/ready"); !strings.HasPrefix(got, "200") {
		t.Errorf("the other port, which a relay must not open, answers %s", got)
	}
	s.cell("joined", "%.3s", p.fetch("http://"+n.name+":8000/ready"))
	p.Berth("audit", p.Name, "--probe").Exits(0)
	p.Berth("rm", "-f", p.Name).Exits(0)
}

// relay reaches one port of the neighbour, and no other: under strict, or where an engine cannot do what that asks,
// under standard.
func (s *suite) relay(t *testing.T) {
	n, p := s.neighbour(t), folder(t, "relay")
	s.tool(t, p)
	profile := "strict"
	if s.about.rootless {
		profile = "standard"
	}
	r := p.up(profile, "--sidecar", n.network+"/"+n.name+":8000", "-v", p.Dir+":/workspace:ro")
	if s.about.podman {
		if r.Code != 2 || !strings.Contains(r.Err, "a relay needs a sealed network") {
			t.Errorf("exit %d: %s", r.Code, r.Err)
		}
		s.cell("relay", "refused: %s", reason(r))
		return
	}
	r.Exits(0)
	near, far := p.fetch("http://"+n.name+":8000/ready"), p.fetch("http://"+n.name+":8001/ready")
	if near != `200 {"status":"ready"}` || strings.HasPrefix(far, "200") {
		t.Errorf("the named port: %s; another: %s", near, far)
	}
	s.cell("relay", "%.3s, %s", near, profile)
	s.cell("its other port", "closed")
	own, err := s.docker.NetworkInspect(rig.Context(t), sandbox.OwnNetwork(p.Name), network.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	how := []string{"internal"}
	for _, option := range []string{"inhibit_ipv4", "gateway_mode_ipv4"} {
		if value := own.Options["com.docker.network.bridge."+option]; value != "" {
			how = append(how, option+"="+value)
		}
	}
	if !own.Internal || len(how) < 2 {
		t.Errorf("its network is %+v", own)
	}
	s.cell("its network", "%s", strings.Join(how, ", "))
	p.Berth("audit", p.Name, "--probe").Exits(0)
	p.Berth("rm", "-f", p.Name).Exits(0)
}
