package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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
