// Package attacks tries to get at a sandbox, its links and its user from every side. Each attack must be refused, and
// must succeed against a twin that nobody hardened: so that no test here can pass by being wrong.
package attacks

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/e2e/internal/rig"
)

func TestMain(m *testing.M) {
	code := rig.Main(m)
	if tools.dir != "" {
		_ = os.RemoveAll(tools.dir) // best effort: it is in the machine's temporary folder
	}
	os.Exit(code)
}

// tools is the folder with the attacker's program, which every user and container may enter.
var tools struct {
	once sync.Once
	dir  string
	err  error
}

// weapons gives the folder with the program "attacker".
func weapons(t *testing.T) string {
	t.Helper()
	tools.once.Do(func() {
		if tools.dir, tools.err = os.MkdirTemp("", "berth-attacker-"); tools.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(tools.dir, "attacker"), "berth/e2e/internal/attacker")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			tools.err = fmt.Errorf("%w: %s", err, out)
			return
		}
		tools.err = os.Chmod(tools.dir, 0o755)
	})
	if tools.err != nil {
		t.Fatal(tools.err)
	}
	return tools.dir
}

// place is where an attacker stands. It runs the attacker's program there and gives what that printed.
type place func(t *testing.T, args ...string) string

// from is a place on this machine to which words lead; root goes there.
func from(words ...string) place {
	return func(t *testing.T, args ...string) string {
		t.Helper()
		all := append(append(append([]string{}, words...), filepath.Join(weapons(t), "attacker")), args...)
		return output(t, rig.AsRoot(t, all[0], all[1:]...))
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, complaint.String())
	}
	return strings.TrimSpace(string(out))
}

// inside is a place in a sandbox, whose /tools are the weapons, as its user or another.
func inside(s rig.Project, flags ...string) place {
	return func(t *testing.T, args ...string) string {
		t.Helper()
		words := append(append(append([]string{"exec"}, flags...), s.Name, "--", "/tools/attacker"), args...)
		return strings.TrimSpace(s.Berth(words...).Exits(0).Out)
	}
}

// tries reads the lines "TARGET RESULT" that the attacker printed.
func (p place) tries(t *testing.T, what string, targets ...string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(p(t, append([]string{what}, targets...)...)) {
		if target, result, found := strings.Cut(strings.TrimSpace(line), " "); found {
			got[target] = result
		}
	}
	return got
}

// attempt is one attack: what is tried at the sandbox, and the same at what nobody hardened.
type attempt struct{ name, target, twin string }

// refuses makes all attempts at once: each must find the sandbox closed and its twin open.
func refuses(t *testing.T, p place, what string, attempts []attempt) {
	t.Helper()
	var targets []string
	for _, a := range attempts {
		targets = append(targets, a.target, a.twin)
	}
	got := p.tries(t, what, targets...)
	for _, a := range attempts {
		if got[a.target] != "closed" {
			t.Errorf("%s: %s is %s", a.name, a.target, got[a.target])
		}
		if got[a.twin] != "open" {
			t.Errorf("%s cannot fail: the twin %s is %s", a.name, a.twin, got[a.twin])
		}
	}
}

// follow starts a command that works until the test ends, and waits for the line "ready". It gives all it printed.
func follow(t *testing.T, cmd *exec.Cmd) func() string {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var text notes
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // it ends by itself then
		_ = cmd.Wait()    // killed or not, it has ended
	})
	rig.Wait(t, 10*time.Second, "word from "+strings.Join(cmd.Args, " "), func() bool { return strings.Contains(text.String(), "ready\n") })
	return text.String
}

// notes is a buffer that may be read while it is written.
type notes struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.text.Write(b)
}

func (n *notes) String() string {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.text.String()
}

// link is a sandbox's API link, as a program has it.
type link struct{ At, URL, Key string }

func apiLink(t *testing.T, s rig.Project) link {
	t.Helper()
	var l link
	s.Berth("url", s.Name, "api", "--show-secrets", "--json").Exits(0).JSON(&l)
	if l.At == "" || l.Key == "" {
		t.Fatalf("the link is %+v", l)
	}
	return l
}

// port is the link's port.
func (l link) port() string {
	_, port, _ := strings.Cut(l.At, ":")
	return port
}
