package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/e2e/internal/rig"
)

var kills = flag.Int("kills", 0, "how often tests kill at random; 0: some times, or 100 with BERTH_E2E_LONG=1")

// steps are those of a launch whose image is here, in their order.
var steps = []string{"network", "volume", "create", "home", "start", "tunnel", "mounts", "audit", "ready", "links"}

// slowly is a server that takes a while, so that a launch can be caught waiting for it.
var slowly = []string{"-delay", "1500ms"}

// launching starts a launch and waits for a step's begin; false when it came to its end before.
func launching(p rig.Project, image, step string) (*rig.Process, bool) {
	up := p.Command("up", "--json", "--image", image).Start()
	return up, up.Begins(step)
}

// TestCtrlCInEachStep: the first Ctrl-C takes back what was made, whichever step it meets.
func TestCtrlCInEachStep(t *testing.T) {
	rig.Need(t)
	image := rig.Standin(t, slowly...)
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			h := rig.New(t)
			p := h.Project("ctrlc")
			up, _ := launching(p, image, step)
			up.Signal(os.Interrupt)
			interrupted(t, h, p, up.Wait(), 130)
		})
	}
}

// interrupted: a launch that a signal met has left nothing; one that was done before the signal is whole.
func interrupted(t *testing.T, h *rig.Home, p rig.Project, r rig.Result, code int) {
	t.Helper()
	if r.Code == 0 && strings.Contains(r.Out, `"state":"up"`) {
		t.Log("the launch was done before the signal came")
		p.Berth("rm", "-f", p.Name).Exits(0)
		return
	}
	r.Exits(code)
	h.Gone()
}

// TestSignalsInALaunch: SIGTERM is Ctrl-C with another exit code; a terminal that goes away is no reason to leave half a
// sandbox either.
func TestSignalsInALaunch(t *testing.T) {
	rig.Need(t)
	image := rig.Standin(t, slowly...)
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		for _, step := range []string{"create", "ready"} {
			t.Run(fmt.Sprint(sig, " in ", step), func(t *testing.T) {
				h := rig.New(t)
				p := h.Project("signal")
				up, _ := launching(p, image, step)
				up.Signal(sig)
				interrupted(t, h, p, up.Wait(), code)
			})
		}
	}
}

// TestASecondCtrlC ends berth soon, and nothing is left all the same.
func TestASecondCtrlC(t *testing.T) {
	rig.Need(t)
	image := rig.Standin(t, slowly...)
	for _, step := range []string{"network", "create", "ready"} {
		t.Run(step, func(t *testing.T) {
			h := rig.New(t)
			p := h.Project("twice")
			up, _ := launching(p, image, step)
			up.Signal(os.Interrupt)
			up.Until(func(e rig.Event) bool { return e.Stage == "failed" || e.Stage == "undone" })
			up.Signal(os.Interrupt)
			interrupted(t, h, p, up.Wait(), 130)
		})
	}
}

// TestKilledInEachStep: after kill -9 the next prune finds all that is left, and so does the next launch.
func TestKilledInEachStep(t *testing.T) {
	rig.Need(t)
	image := rig.Standin(t, slowly...)
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			h := rig.New(t)
			p := h.Project("killed")
			up, _ := launching(p, image, step)
			up.Signal(os.Kill)
			up.Wait()
			p.Berth("prune").Exits(0)
			onlyFinished(t, h, p)
		})
	}
}

// onlyFinished: nothing is there but a sandbox whose launch had finished, and rm -f removes that without a trace.
func onlyFinished(t *testing.T, h *rig.Home, p rig.Project) {
	t.Helper()
	if len(h.Left()) == 0 {
		return
	}
	var all listed
	p.Berth("ls", "-a", "--json").Exits(0).JSON(&all)
	if len(all.Sandboxes) != 1 || all.Sandboxes[0].State != "up" {
		t.Errorf("after prune there is %v and\n  %s", all.Sandboxes, strings.Join(h.Left(), "\n  "))
	}
	p.Berth("audit", p.Name).Exits(0)
	p.Berth("rm", "-f", p.Name).Exits(0)
	h.Gone()
}

// TestTheNextLaunchClearsAKilledOne: no prune is needed, and the name can be used at once.
func TestTheNextLaunchClearsAKilledOne(t *testing.T) {
	rig.Need(t)
	image := rig.Standin(t, slowly...)
	h := rig.New(t)
	killed, other := h.Project("killed"), h.Project("other")
	for _, step := range []string{"create", "ready"} {
		up, _ := launching(killed, image, step)
		up.Signal(os.Kill)
		up.Wait()
	}
	other.Up(rig.Starter)
	for _, left := range h.InEngine() {
		if strings.Contains(left, killed.Name) {
			t.Errorf("still there: %s", left)
		}
	}
	up, _ := launching(killed, image, "ready")
	up.Signal(os.Kill)
	up.Wait()
	killed.Up(image)
}

// TestKillLoop kills launches at random moments.
func TestKillLoop(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	p := h.Project("loop")
	began := time.Now()
	p.Up(rig.Starter)
	whole := time.Since(began)
	p.Berth("rm", "-f", p.Name).Exits(0)
	n, finished := rounds(30), 0
	for range n {
		moment := rand.N(whole)
		up := p.Command("up", "--json", "--image", rig.Starter).Start()
		select {
		case <-time.After(moment):
			up.Signal(os.Kill)
		case <-up.Done():
		}
		r := up.Wait()
		if r.Code == 0 {
			finished++
		}
		p.Berth("prune").Exits(0)
		onlyFinished(t, h, p)
		if t.Failed() {
			t.Fatalf("killed after %s of %s:\n%s", moment, whole, r.Err)
		}
	}
	t.Logf("%d launches of about %s: %d had finished, %d were killed", n, whole.Round(time.Millisecond), finished, n-finished)
}
