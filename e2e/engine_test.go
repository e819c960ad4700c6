package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/e2e/internal/rig"
)

// TestTheEngineGoesAndComesBack: while it is away berth says so; with live-restore the sandbox has gone on, and its links
// come back by themselves; without it is stopped, and start brings it back with its links and all that was in its home.
func TestTheEngineGoesAndComesBack(t *testing.T) {
	rig.Need(t)
	for _, row := range []struct {
		name, signal string
		flags        []string
		after        string
	}{
		{"it crashes", "KILL", nil, "stopped"},
		{"it is stopped", "TERM", nil, "stopped"},
		{"it crashes, live-restore", "KILL", []string{"--live-restore"}, "up"},
		{"it is stopped, live-restore", "TERM", []string{"--live-restore"}, "up"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := rig.NewEngine(t, row.flags...)
			h := rig.NewFor(t, rig.Ordinary(t).Through(e.Enter()...))
			h.On(e.Host)
			s := up{Project: h.Project("restart"), Image: rig.Starter}
			s.Up(rig.Starter)
			s.inside(t, "echo kept > /home/agent/note; echo mine > /workspace/file")
			var link struct{ At, Key string }
			s.Berth("url", s.Name, "api", "--show-secrets", "--json").Exits(0).JSON(&link)
			served := func() bool { // from where the engine is: the gateway runs there, too
				out, err := s.Run("curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "-H", "X-Session-API-Key: "+link.Key, "http://"+link.At+"/ready").Output()
				return err == nil && string(out) == "200"
			}
			if !served() {
				t.Fatal("the link does not work")
			}
			before := s.gateway()
			e.Kill(row.signal)
			for _, args := range [][]string{{"ls"}, {"stop", s.Name}, {"up", "--plain", "--image", rig.Starter}} {
				says(t, s.Berth(args...).Exits(3), "DOCKER_HOST="+e.Host+": .*", ".+")
			}
			e.Start()
			if row.after == "up" {
				rig.Wait(t, 20*time.Second, "link after the engine came back", served)
				if after := s.gateway(); !slices.Equal(before, after) {
					t.Errorf("the gateway was %v and is %v", before, after)
				}
			}
			if got := s.state(t); got != row.after {
				t.Errorf("it is %s, want %s", got, row.after)
			}
			if row.after == "stopped" {
				rig.Wait(t, 20*time.Second, "end of the gateway", func() bool { return len(s.gateway()) == 0 })
				if r := s.Berth("exec", s.Name, "--", "true"); r.Code == 0 || !strings.Contains(r.Err, "berth start "+s.Name) {
					t.Errorf("exec: %d %s", r.Code, r.Err)
				}
				s.Berth("start", s.Name).Exits(0)
				rig.Wait(t, 20*time.Second, "link after the start", func() bool {
					s.Berth("url", s.Name, "api", "--show-secrets", "--json").Exits(0).JSON(&link)
					return served()
				})
			}
			if got := s.inside(t, "cat /home/agent/note /workspace/file"); got != "kept\nmine" {
				t.Errorf("inside is %q", got)
			}
			s.Berth("audit", s.Name).Exits(0)
			s.Berth("rm", "-f", s.Name).Exits(0)
			h.Gone()
		})
	}
}
