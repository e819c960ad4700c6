package launch

import (
	"context"
	"slices"
	"sync"
	"testing"

	"berth/internal/sandbox"
	"berth/internal/state"
)

// lostReach is one whose gateways have died; it notes which were opened again and which were closed.
type lostReach struct {
	fakeReach
	mu             sync.Mutex
	opened, closed []string
}

func (r *lostReach) Serves(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.opened, name)
}

func (r *lostReach) Open(_ context.Context, o sandbox.Observed) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened = append(r.opened, o.Spec.Name)
	return "", nil
}

func (r *lostReach) Close(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = append(r.closed, name)
	r.opened = slices.DeleteFunc(r.opened, func(one string) bool { return one == name })
	return nil
}

// bereft brings a sandbox up and takes its gateway away.
func bereft(t *testing.T) (*fixture, *lostReach) {
	t.Helper()
	f := newFixture(t)
	f.up(t)
	lost := &lostReach{fakeReach: f.Reach.(fakeReach)}
	f.Reach = lost
	return f, lost
}

func TestAGatewayThatDiedIsStartedAgainByPruneAndByTheNextLaunch(t *testing.T) {
	for about, do := range map[string]func(*fixture) error{
		"prune": func(f *fixture) error { _, err := f.Prune(t.Context()); return err },
		"resume": func(f *fixture) error {
			f.engine.setState("id-of-shop", sandbox.Paused)
			return f.Resume(t.Context(), "shop")
		},
		"links": func(f *fixture) error { _, err := f.Links(t.Context(), "shop"); return err },
		"another's launch": func(f *fixture) error {
			_, err := f.Up(t.Context(), Request{Name: "other", Project: f.request.Project, Settings: f.request.Settings}, UpOptions{})
			return err
		},
	} {
		t.Run(about, func(t *testing.T) {
			f, lost := bereft(t)
			_ = do(f) // the server of this fixture has the key of one sandbox only
			if !slices.Contains(lost.opened, "shop") {
				t.Errorf("opened %v", lost.opened)
			}
		})
	}
}

func TestOnlyARunningWholeSandboxThatNobodyWorksOnGetsItsGatewayBack(t *testing.T) {
	for about, spoil := range map[string]func(*fixture){
		"paused":          func(f *fixture) { f.engine.setState("id-of-shop", sandbox.Paused) },
		"stopped":         func(f *fixture) { f.engine.setState("id-of-shop", sandbox.Stopped) },
		"somebody else's": func(f *fixture) { f.engine.containers["id-of-shop"].Spec.Labels[sandbox.LabelOwner] = "another" },
		"never finished":  func(f *fixture) { f.forgetFinish(t) },
		"published links": func(f *fixture) {
			f.engine.containers["id-of-shop"].Spec.Network.Ports = []sandbox.Port{{Container: 8000}}
		},
		"under way":        func(f *fixture) { f.hold(t) },
		"nothing is wrong": func(f *fixture) { f.Reach.(*lostReach).opened = []string{"shop"} },
	} {
		t.Run(about, func(t *testing.T) {
			f, lost := bereft(t)
			spoil(f)
			before := len(lost.opened)
			all, err := f.Runtime.Sandboxes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if f.Revive(t.Context(), all) || len(lost.opened) > before {
				t.Errorf("opened %v", lost.opened)
			}
		})
	}
}

// hold works on the sandbox as another berth would.
func (f *fixture) hold(t *testing.T) {
	t.Helper()
	held, err := f.Store.TryLock(state.Work, "shop", "rm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Unlock() })
}

func TestTheGatewayOfALaunchThatWasKilledEndsBeforeItsSandboxGoes(t *testing.T) {
	f, lost := bereft(t)
	f.forgetFinish(t)
	if _, err := f.Prune(t.Context()); err != nil || !slices.Contains(lost.closed, "shop") {
		t.Errorf("closed %v, %v", lost.closed, err)
	}
	f.leavesNothing(t, 0)
}
