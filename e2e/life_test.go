package e2e

import (
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

// checkStopStart: what is in the home outlives a stop, the links come back, and a paused sandbox goes on.
func checkStopStart(t *testing.T, s up) {
	s.inside(t, "echo kept > /home/agent/note")
	before := s.Berth("url", s.Name, "api").Exits(0).Out
	s.Berth("stop", s.Name).Exits(0)
	if got := s.state(t); got != "stopped" {
		t.Errorf("after stop it is %s", got)
	}
	if r := s.Berth("exec", s.Name, "--", "true"); r.Code == 0 {
		t.Error("exec works in a stopped sandbox")
	}
	s.Berth("start", s.Name).Exits(0)
	if got := s.inside(t, "cat /home/agent/note"); got != "kept" {
		t.Errorf("the home holds %q after a stop", got)
	}
	if after := s.Berth("url", s.Name, "api").Exits(0).Out; after != before {
		t.Errorf("the link was %s and is %s", before, after)
	}
	s.Berth("pause", s.Name).Exits(0)
	if got := s.state(t); got != "paused" {
		t.Errorf("after pause it is %s", got)
	}
	s.Berth("resume", s.Name).Exits(0)
	if got := s.inside(t, "echo alive"); got != "alive" {
		t.Errorf("after resume: %q", got)
	}
}

// checkRemoval: rm says what goes and what stays, and leaves the user's folders alone.
func checkRemoval(t *testing.T, s up) {
	s.Berth("rm", s.Name).Exits(7)
	r := s.Berth("rm", "-f", s.Name).Exits(0)
	for _, words := range []string{"removed container berth-" + s.Name, "removed network 0berth-" + s.Name, "removed volume berth-" + s.Name + "-home", "kept ~/" + s.Name} {
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
