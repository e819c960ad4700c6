package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/e2e/internal/rig"
)

const (
	cacheImage = "localhost/sidecars/agent"
	cacheKey   = "sccache" // what compose.yaml calls its network
)

// stack is the example's compose project, in a folder of its own.
type stack struct {
	up
	compose []string
	redis   string // container
}

// startStack makes the example's images and brings its redis up by compose.
func startStack(t *testing.T) stack {
	t.Helper()
	h := rig.New(t)
	rig.Image(t, rig.Workbench)
	rig.Tool(t, "docker")
	s := stack{up: up{Project: h.Project("cache"), Image: cacheImage}, compose: composeCommand(t)}
	example, err := filepath.Abs("../examples/sidecars")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(example, "images")).CombinedOutput(); err != nil {
		t.Skipf("the images of the example cannot be made here: %v: %s", err, out)
	}
	copyExample(t, h, example, s.Name)
	t.Cleanup(func() { s.run(t, "down") })
	s.run(t, "up", "-d")
	s.redis = strings.TrimSpace(s.run(t, "ps", "-q", "redis"))
	return s
}

// composeCommand is compose as this machine has it: a plugin of the docker command, or the older program.
func composeCommand(t *testing.T) []string {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	return []string{rig.Tool(t, "docker-compose")}
}

func copyExample(t *testing.T, h *rig.Home, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err == nil && !strings.HasPrefix(below, "build") {
			h.Write(filepath.Join(to, below), read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs compose in the project's folder.
func (s stack) run(t *testing.T, args ...string) string {
	t.Helper()
	words := append(append([]string{}, s.compose...), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = s.Dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// docker runs a docker command and gives what it printed; of one that fails, with the error.
func docker(args ...string) string {
	out, err := exec.Command("docker", args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		text += " (" + err.Error() + ")"
	}
	return text
}

// asked counts what sccache of this sandbox found in the cache and what it did not.
func (s stack) asked(t *testing.T) (hits, misses string) {
	t.Helper()
	var stats struct {
		Stats struct {
			Hits   struct{ Counts map[string]int } `json:"cache_hits"`
			Misses struct{ Counts map[string]int } `json:"cache_misses"`
		} `json:"stats"`
		Location string `json:"cache_location"`
	}
	if err := json.Unmarshal([]byte(s.inside(t, "sccache --show-stats --stats-format json")), &stats); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stats.Location, "redis") {
		t.Errorf("the cache is %s", stats.Location)
	}
	return fmt.Sprint(stats.Stats.Hits.Counts["C/C++"]), fmt.Sprint(stats.Stats.Misses.Counts["C/C++"])
}

// dials tells what a sandbox gets at a port: "open", or "closed" however it was refused.
func (s stack) dials(t *testing.T, host, port string) string {
	t.Helper()
	return s.inside(t, fmt.Sprintf("timeout 3 bash -c 'exec 3<>/dev/tcp/%s/%s' 2>/dev/null && echo open || echo closed", host, port))
}

// TestSidecars: a cache in a compose network serves a sandbox that joined it, and one that has a single port of it by
// relay. What the second must not reach, the first one does: so that the test can fail.
func TestSidecars(t *testing.T) {
	rig.Need(t)
	s := startStack(t)
	docker("exec", "-d", s.redis, "redis-server", "--port", "6380", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "")
	full := networkOf(t, s.redis)
	service, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	_, servicePort, _ := net.SplitHostPort(service.Addr().String())
	peer := docker("inspect", "-f", "{{(index .NetworkSettings.Networks \""+full+"\").IPAddress}}", s.redis)
	gateway := docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", full)
	rig.Wait(t, 10*time.Second, "second port of redis", func() bool { return docker("exec", s.redis, "redis-cli", "-p", "6380", "ping") == "PONG" })
	beyond := []struct{ about, host, port string }{
		{"another port of the sidecar's host", "redis", "6380"}, {"the sidecar by its address", peer, "6379"},
		{"a service of this machine", gateway, servicePort},
	}

	t.Run("joined", func(t *testing.T) {
		joining := "SANDBOX_ADDITIONAL_NETWORKS=" + cacheKey
		plan := s.Command("up", "--plan", "--image", s.Image).With(joining).Run().Exits(0)
		if want := "  joins   " + full + " of compose project "; !strings.Contains(plan.Out, want) || !strings.Contains(plan.Out, "redis :6379") {
			t.Errorf("the plan does not say %q:\n%s", want, plan.Out)
		}
		s.Command("up", "--plain", "-y", "--image", s.Image).With(joining).Run().Exits(0)
		s.inside(t, "cd /workspace && make")
		if hits, misses := s.asked(t); hits != "0" || misses != "3" {
			t.Errorf("the first compilation: %s hits, %s misses", hits, misses)
		}
		s.inside(t, "cd /workspace && make clean all && printf 'a b a' | build/words")
		if hits, misses := s.asked(t); hits != "3" || misses != "3" {
			t.Errorf("the second compilation: %s hits, %s misses", hits, misses)
		}
		if keys := docker("exec", s.redis, "redis-cli", "dbsize"); keys == "0" || !regexp.MustCompile(`^\d+$`).MatchString(keys) {
			t.Errorf("redis has %s keys", keys)
		}
		for _, b := range beyond {
			if got := s.dials(t, b.host, b.port); got != "open" {
				t.Errorf("%s is %s, so it proves nothing that a relay does not reach it", b.about, got)
			}
		}
		s.Berth("audit", s.Name).Exits(0)
		if again := s.Command("up", "--plain", "-y", "--image", s.Image).With(joining).Run(); again.Code != 0 {
			t.Errorf("the same again is another plan: exit %d, %s", again.Code, again.Err)
		}
		if other := s.Berth("up", "--plain", "-y", "--image", s.Image); other.Code != 7 || !strings.Contains(other.Err, "networks: ["+full+"] is now []") {
			t.Errorf("without its network: exit %d, %s", other.Code, other.Err)
		}
		s.Berth("rm", "-f", s.Name).Exits(0)
	})

	for _, profile := range []string{"standard", "strict"} {
		t.Run("by relay, "+profile, func(t *testing.T) {
			s.relays(profile).Run().Exits(0)
			s.inside(t, "cd /workspace && make clean all && printf 'a b a' | build/words")
			if hits, misses := s.asked(t); hits != "3" || misses != "0" {
				t.Errorf("what the first sandbox compiled: %s hits, %s misses", hits, misses)
			}
			if got := s.dials(t, "redis", "6379"); got != "open" {
				t.Errorf("the port that was named is %s", got)
			}
			for _, b := range beyond {
				if got := s.dials(t, b.host, b.port); got != "closed" {
					t.Errorf("%s is %s", b.about, got)
				}
			}
			back := docker("inspect", "-f", "{{(index .NetworkSettings.Networks \""+full+"\").IPAddress}}", "berth-"+s.Name+".relay1")
			if got := docker("exec", s.redis, "redis-cli", "-h", back, "ping"); !strings.Contains(got, "Connection refused") {
				t.Errorf("a way back through the relay: %s", got)
			}
			if audit := s.Berth("audit", s.Name).Exits(0); !strings.Contains(audit.Out, "✓ relays") {
				t.Errorf("the audit does not look at relays:\n%s", audit.Out)
			}
			if profile == "strict" {
				s.refusesNetworks(t, full)
			}
			s.Berth("rm", "-f", s.Name).Exits(0)
			s.Gone()
		})
	}

	t.Run("made anew", func(t *testing.T) {
		s.relays("standard").Run().Exits(0)
		s.madeAnew(t)
		s.Berth("rm", "-f", s.Name).Exits(0) // compose cannot remove a network on which a relay stands
	})
}

// relays brings the sandbox up with one port of redis.
func (s stack) relays(profile string) *rig.Command {
	return s.Command("up", "--plain", "-y", "--image", s.Image, "--profile", profile, "--sidecar", cacheKey+"/redis:6379")
}

// refusesNetworks: under strict a whole network is refused, with what could be had of it.
func (s stack) refusesNetworks(t *testing.T, full string) {
	t.Helper()
	r := s.Berth("up", rig.Unique("other"), "--image", s.Image, "--profile", "strict", "--network", cacheKey)
	if r.Code != 2 || !strings.Contains(r.Err, "redis :6379") || !strings.Contains(r.Err, "--sidecar "+full+"/redis:6379") {
		t.Errorf("a whole network under strict: exit %d, %s", r.Code, r.Err)
	}
}

// madeAnew removes the network and makes it again while the sandbox is down: its relay joins it again by its name.
func (s stack) madeAnew(t *testing.T) {
	t.Helper()
	s.Berth("stop", s.Name).Exits(0)
	if state := docker("inspect", "-f", "{{.State.Running}}", "berth-"+s.Name+".relay1"); state != "false" {
		t.Errorf("the relay runs after its sandbox: %s", state)
	}
	s.run(t, "down")
	if r := s.Berth("start", s.Name); r.Code != 6 || !strings.Contains(r.Err, "it was removed since the sandbox was made") {
		t.Errorf("without its network: exit %d, %s", r.Code, r.Err)
	}
	s.run(t, "up", "-d")
	s.Berth("start", s.Name).Exits(0)
	if got := s.dials(t, "redis", "6379"); got != "open" {
		t.Errorf("on the network that was made anew, redis is %s", got)
	}
}

// networkOf is the full name of the network that a container is on.
func networkOf(t *testing.T, container string) string {
	t.Helper()
	name := docker("inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", container)
	if !strings.HasSuffix(name, "_"+cacheKey) {
		t.Fatalf("redis is on %s", name)
	}
	return name
}

// TestALaunchWithARelayThatIsCutOffLeavesNothing: Ctrl-C takes relays back too, and after kill -9 prune finds them. The
// network that they reached over stays: it is somebody else's.
func TestALaunchWithARelayThatIsCutOffLeavesNothing(t *testing.T) {
	rig.Need(t)
	rig.Tool(t, "docker")
	image := rig.Standin(t, slowly...)
	shared := rig.Unique("shared")
	docker("network", "create", shared)
	t.Cleanup(func() { docker("network", "rm", shared) })
	for _, sig := range []os.Signal{os.Interrupt, os.Kill} {
		for _, step := range []string{"network", "relays", "create", "start", "ready"} {
			t.Run(fmt.Sprint(sig, " in ", step), func(t *testing.T) {
				h := rig.New(t)
				p := h.Project("relayed")
				up := p.Command("up", "--json", "--image", image, "--sidecar", shared+"/redis:6379").Start()
				up.Begins(step)
				up.Signal(sig)
				r := up.Wait()
				if sig == os.Interrupt {
					interrupted(t, h, p, r, 130)
				} else {
					p.Berth("prune").Exits(0)
					onlyFinished(t, h, p)
				}
				if got := docker("network", "inspect", "-f", "{{.Name}} {{len .Containers}}", shared); got != shared+" 0" {
					t.Errorf("the other network: %s", got)
				}
			})
		}
	}
}
