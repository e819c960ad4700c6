package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
)

type listed struct {
	Sandboxes []struct {
		Name, State string
		Links       []struct{ Kind, At string }
	}
}

func (s up) state(t *testing.T) string {
	t.Helper()
	var all listed
	s.Berth("ls", "-a", "--json").Exits(0).JSON(&all)
	for _, one := range all.Sandboxes {
		if one.Name == s.Name {
			return one.State
		}
	}
	return "gone"
}

// checkStopStart: what is in the home outlives a stop, the links come back on their ports, and a paused sandbox goes on.
func checkStopStart(t *testing.T, s up) {
	s.inside(t, "echo kept > /home/agent/note")
	before := s.links(t)
	if len(before) == 0 {
		t.Error("it has no links")
	}
	s.Berth("stop", s.Name).Exits(0)
	if got := s.state(t); got != "stopped" {
		t.Errorf("after stop it is %s", got)
	}
	if left := s.PIDs(" gateway " + s.Name); len(left) > 0 {
		t.Errorf("after stop its gateway is there: %v", left)
	}
	if r := s.Berth("exec", s.Name, "--", "true"); r.Code == 0 {
		t.Error("exec works in a stopped sandbox")
	}
	s.Berth("start", s.Name).Exits(0)
	if got := s.inside(t, "cat /home/agent/note"); got != "kept" {
		t.Errorf("the home holds %q after a stop", got)
	}
	if after := s.links(t); after != before {
		t.Errorf("the links were at %s and are at %s", before, after)
	}
	checkPause(t, s)
}

// links says where the links are, as berth ls has it.
func (s up) links(t *testing.T) string {
	t.Helper()
	var all listed
	s.Berth("ls", "-a", "--json").Exits(0).JSON(&all)
	for _, one := range all.Sandboxes {
		if one.Name == s.Name {
			return strings.Trim(fmt.Sprint(one.Links), "[]")
		}
	}
	return ""
}

// checkPause: the links of a paused sandbox stay and say what it is; when it goes on, so do they.
func checkPause(t *testing.T, s up) {
	a := s.api(t)
	s.Berth("pause", s.Name).Exits(0)
	if got := s.state(t); got != "paused" {
		t.Errorf("after pause it is %s", got)
	}
	if status, text := a.ask(a.key, "GET", "/ready", "", nil); status != 503 || text != `{"detail":"the sandbox is paused: berth resume `+s.Name+`"}` {
		t.Errorf("a paused sandbox answers %d %s", status, text)
	}
	s.Berth("resume", s.Name).Exits(0)
	if status, text := a.ask(a.key, "GET", "/ready", "", nil); status != 200 {
		t.Errorf("one that goes on answers %d %s", status, text)
	}
	if got := s.inside(t, "echo alive"); got != "alive" {
		t.Errorf("after resume: %q", got)
	}
}

// checkRemoval: rm says what goes and what stays, and leaves the user's folders alone.
func checkRemoval(t *testing.T, s up) {
	s.Berth("rm", s.Name).Exits(7)
	r := s.Berth("rm", "-f", s.Name).Exits(0)
	for _, words := range []string{"removed container berth-" + s.Name, "removed volume berth-" + s.Name + "-home", "kept ~/" + s.Name} {
		if !strings.Contains(r.Out, words) {
			t.Errorf("rm does not say %q: %s", words, r.Out)
		}
	}
	s.Gone()
	if _, err := os.Stat(filepath.Join(s.Dir, "README.md")); err != nil {
		t.Error(err)
	}
	s.Berth("rm", "-f", s.Name).Exits(6)
}

func TestAnEndedSandboxIsRemovedWithoutATrace(t *testing.T) {
	h := rig.New(t)
	p := h.Project("ended")
	p.Up(rig.Starter)
	p.Berth("stop", p.Name).Exits(0)
	p.Berth("rm", p.Name).Exits(0)
	h.Gone()
}
