package launch

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/secret"
)

func (f *fixture) up(t *testing.T) *Result {
	t.Helper()
	result, err := f.Up(t.Context(), f.request, UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestALaunchEndsWithProvenLinksAndAPosture(t *testing.T) {
	f := newFixture(t)
	result := f.up(t)
	if result.Status.Name != "shop" || result.Status.State != sandbox.Up || result.Posture == "" {
		t.Errorf("got %+v", result)
	}
	if link := result.Links[0]; link.Kind != API || link.URL.Reveal() != "http://shop.localhost:8010/#k=one-time" {
		t.Errorf("got %v %s", link, link.URL.Reveal())
	}
	for _, link := range result.Links[1:] {
		if link.Missing == "" || link.At.IsValid() {
			t.Errorf("the starter has no %s, but the link is %+v", link.Kind, link)
		}
	}
}

func TestALaunchThatFailsAtAnyCallLeavesNothing(t *testing.T) {
	steps := callsOfALaunch(t)
	for n := 1; n <= steps; n++ {
		f := newFixture(t)
		f.engine.failAt = n
		_, err := f.Up(t.Context(), f.request, UpOptions{})
		if err == nil {
			t.Errorf("call %d: the launch does not notice that it failed", n)
		}
		f.leavesNothing(t, n)
	}
}

func TestALaunchThatIsCancelledInAnyCallLeavesNothing(t *testing.T) {
	steps := callsOfALaunch(t)
	for n := 1; n <= steps; n++ {
		f := newFixture(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		f.engine.failAt = n
		f.engine.hang = func() { cancel(fault.New(fault.Interrupted, "", "interrupted")) }
		_, err := f.Up(ctx, f.request, UpOptions{})
		if fault.KindOf(err) != fault.Interrupted {
			t.Errorf("call %d: %v", n, err)
		}
		f.leavesNothing(t, n)
	}
}

func TestAPortThatIsTakenBeforeTheStartIsReplacedUnlessItWasAskedFor(t *testing.T) {
	calls := newFixture(t)
	calls.up(t)
	for _, asked := range []uint16{0, 8010} {
		f := newFixture(t)
		f.request.Settings.Links.Port = asked
		f.engine.failAt = slices.Index(calls.engine.calls, "start") + 1
		f.engine.failWith = &fault.Fault{Kind: fault.Conflict, Message: "taken", Cause: sandbox.ErrPortTaken}
		result, err := f.Up(t.Context(), f.request, UpOptions{})
		switch {
		case asked == 0 && (err != nil || result.Status.State != sandbox.Up):
			t.Errorf("chosen by berth: %v", err)
		case asked != 0 && fault.KindOf(err) != fault.Conflict:
			t.Errorf("asked for: %v", err)
		}
	}
}

// callsOfALaunch counts what a launch asks of the engine.
func callsOfALaunch(t *testing.T) int {
	t.Helper()
	f := newFixture(t)
	f.up(t)
	if len(f.engine.calls) < 6 {
		t.Fatalf("a launch made only these calls: %v", f.engine.calls)
	}
	return len(f.engine.calls)
}

func (f *fixture) leavesNothing(t *testing.T, n int) {
	t.Helper()
	if left := f.engine.left(); len(left) > 0 {
		t.Errorf("call %d: left %v", n, left)
	}
	if records, err := f.Store.Records(); err != nil || len(records) > 0 {
		t.Errorf("call %d: left records %v, %v", n, records, err)
	}
	if entries, err := os.ReadDir(f.dir("shop")); err == nil {
		t.Errorf("call %d: left files %v", n, entries)
	}
}

func TestKeepLeavesWhatWasMade(t *testing.T) {
	f := newFixture(t)
	f.engine.failAt = slices.Index(callNames(t), "start") + 1
	if _, err := f.Up(t.Context(), f.request, UpOptions{Keep: true}); err == nil {
		t.Error("the launch does not notice that it failed")
	}
	if len(f.engine.left()) == 0 {
		t.Error("--keep has kept nothing")
	}
}

func callNames(t *testing.T) []string {
	t.Helper()
	f := newFixture(t)
	f.up(t)
	return f.engine.calls
}

func TestASecondUpGivesTheLinksAgain(t *testing.T) {
	f := newFixture(t)
	first := f.up(t)
	calls := len(f.engine.calls)
	again := f.up(t)
	if !again.Already || again.Links[0].URL != first.Links[0].URL {
		t.Errorf("got %+v", again)
	}
	if len(f.engine.calls) != calls {
		t.Errorf("it made %v", f.engine.calls[calls:])
	}
}

func TestAChangedPlanWantsRecreateAndSaysWhatDiffers(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.request.Settings.Pids = 64
	_, err := f.Up(t.Context(), f.request, UpOptions{})
	want := "shop: it is there with another plan: processes: 1024 is now 64"
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := f.Up(t.Context(), f.request, UpOptions{Recreate: true}); err != nil {
		t.Fatal(err)
	}
	if seen, err := f.engine.Inspect(t.Context(), "berth-shop"); err != nil || seen.Spec.Limits.Pids != 64 {
		t.Errorf("it has %d pids, %v", seen.Spec.Limits.Pids, err)
	}
}

func TestOfAnotherImageOnlyTheNameIsSaid(t *testing.T) {
	err := changedFault("shop", []sandbox.Difference{
		{Field: "Image.Ref", Want: "starter:1", Have: "workbench:1"},
		{Field: "Image.ID", Want: "sha256:a", Have: "sha256:b"},
		{Field: "Process.Entrypoint", Want: "[/.berth/starter]", Have: "[tini --]"},
		{Field: "Limits.Pids", Want: "1024", Have: "64"},
		{Field: "Network.Ports", Want: "[8000]", Have: "[8000 8001]"},
	})
	want := "shop: it is there with another plan: image: starter:1 is now workbench:1; processes: 1024 is now 64"
	if err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = changedFault("shop", []sandbox.Difference{{Field: "Process.Entrypoint", Want: "[a]", Have: "[b]"}})
	if want := "shop: it is there with another plan: Process.Entrypoint: [a] is now [b]"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestWhatTheEngineMakesAfterItsClientDiedIsClearedToo: a container that comes late holds the volume.
// forgetFinish makes a record look like one whose launch was killed.
func TestTwoLaunchesOfOneNameConflict(t *testing.T) {
	f := newFixture(t)
	unlock, err := f.lock("shop", "up")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := f.Up(t.Context(), f.request, UpOptions{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestASandboxThatDiesSaysWhyAndItsLastLines(t *testing.T) {
	f := newFixture(t)
	f.engine.failAt = slices.Index(callNames(t), "exec stat") + 1
	f.engine.hang = func() { f.engine.setState("id-of-shop", sandbox.Stopped) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &run{Launcher: f.Launcher, plan: &Plan{Spec: sandbox.Spec{Name: "shop"}}, id: "id-of-shop"}
	f.engine.containers["id-of-shop"] = &sandbox.Observed{ID: "id-of-shop", Spec: r.plan.Spec, State: sandbox.Stopped, ExitCode: 3}
	r.seen.ID = "id-of-shop"
	err := r.because(ctx, errors.New("exec: the sandbox is not running"))
	if err == nil || err.Error() == "exec: the sandbox is not running" {
		t.Errorf("got %v", err)
	}
	if !slices.ContainsFunc(f.events, func(e event.Event) bool { return e.Text == "last words" }) {
		t.Errorf("its last lines are not shown: %v", f.events)
	}
}

func TestStartOfAPausedSandboxSaysThatItIsUp(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	if err := f.Pause(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if result, err := f.Start(t.Context(), "shop"); err != nil || result.Status.State != sandbox.Up {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestWhatAFailedLaunchCannotRemoveIsSaid(t *testing.T) {
	f := newFixture(t)
	f.Runtime = deadAtTheVolume{f.engine}
	f.engine.failAt = slices.Index(callNames(t), "create") + 1
	if _, err := f.Up(t.Context(), f.request, UpOptions{}); err == nil {
		t.Fatal("the launch does not notice that it failed")
	}
	want := "not removed: the engine refuses; berth prune removes it"
	if !slices.ContainsFunc(f.events, func(e event.Event) bool { return e.Stage == event.Warning && e.Text == want }) {
		t.Errorf("nobody said so: %v", f.events)
	}
}

func TestLastLinesAreShownWithoutTheKey(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	key := f.key("shop").Reveal()
	f.engine.says = "GET /?tkn=" + key + "\n\x1b[31mstarted with " + key + "\n"
	got := f.tail(t.Context(), "shop", "id-of-shop")
	if want := []string{"GET /?tkn=****", "started with ****"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStopStartPauseResumeAndRemove(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	for _, act := range []struct {
		do   func() error
		want sandbox.State
	}{
		{func() error { return f.Pause(t.Context(), "shop") }, sandbox.Paused},
		{func() error { return f.Resume(t.Context(), "shop") }, sandbox.Up},
		{func() error { return f.Stop(t.Context(), "shop", StopOptions{}) }, sandbox.Stopped},
		{func() error { _, err := f.Start(t.Context(), "shop"); return err }, sandbox.Up},
		{func() error { _, err := f.Restart(t.Context(), "shop", StopOptions{Force: true}); return err }, sandbox.Up},
	} {
		if err := act.do(); err != nil {
			t.Fatal(err)
		}
		if s, err := f.Status(t.Context(), "shop"); err != nil || s.State != act.want {
			t.Errorf("it is %s, want %s, %v", s.State, act.want, err)
		}
	}
	if err := f.Remove(t.Context(), "shop", false); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a running sandbox goes without force: %v", err)
	}
	if err := f.Remove(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	f.leavesNothing(t, 0)
}

// Whether a home goes with a sandbox is what is there, not what its profile has: it may have had another one before.
func TestAListTellsWhatWasGivenUp(t *testing.T) {
	f := newFixture(t)
	f.request.Settings.GiveUp = []string{"limit-nofile=8192", "no-new-privileges"}
	f.up(t)
	list, err := f.List(t.Context())
	if err != nil || len(list) != 1 || !slices.Equal(list[0].GivenUp, f.request.Settings.GiveUp) {
		t.Errorf("%v: %+v", err, list)
	}
}

// deadAtTheVolume is an engine from which nobody gets an answer any more once a volume is to go.
type deadAtTheVolume struct{ *fakeRuntime }

func (d deadAtTheVolume) Remove(ctx context.Context, kind sandbox.ObjectKind, name string) error {
	if kind == sandbox.VolumeObject {
		return errFake
	}
	return d.fakeRuntime.Remove(ctx, kind, name)
}

func TestAFolderSwappedForALinkAfterTheCheckIsNeverMounted(t *testing.T) {
	f := newFixture(t)
	project, secrets := f.request.Project, t.TempDir()
	sink := f.Sink
	f.Sink = func(e event.Event) {
		sink(e)
		if e.Step != string(StepCreate) || e.Stage != event.Done {
			return
		}
		if err := errors.Join(os.Rename(project, project+".away"), os.Symlink(secrets, project)); err != nil {
			t.Error(err)
		}
	}
	_, err := f.Up(t.Context(), f.request, UpOptions{})
	if want := project + ": another symlink lies there now than the one that was checked"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	f.leavesNothing(t, 0)
}

func TestAVariableThatChangedWantsRecreate(t *testing.T) {
	f := newFixture(t)
	f.request.Settings.Env = map[string]secret.String{"MODE": secret.New("one")}
	f.up(t)
	if again := f.up(t); !again.Already {
		t.Error("the same variables count as changed")
	}
	f.request.Settings.Env["MODE"] = secret.New("two")
	_, err := f.Up(t.Context(), f.request, UpOptions{})
	want := "shop: it is there with another plan: variables: what it has is now other variables, or other values"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestThePlanOfASandboxThatIsThereSaysWhatWouldChange(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.request.Settings.Pids = 64
	plan, err := f.Plan(t.Context(), f.request)
	want := "shop is there with another plan; --recreate replaces it: processes: 1024 is now 64"
	if err != nil || !slices.Contains(plan.Warnings, want) {
		t.Errorf("got %v, %v, want %s", plan.Warnings, err, want)
	}
}
