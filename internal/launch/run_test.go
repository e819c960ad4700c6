package launch

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
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

func TestWhatAKilledLaunchLeftIsClearedByTheNext(t *testing.T) {
	for n := 1; n <= callsOfALaunch(t); n++ {
		f := newFixture(t)
		f.engine.failAt = n
		if _, err := f.Up(t.Context(), f.request, UpOptions{Keep: true}); err == nil {
			t.Fatal("the launch does not notice that it failed")
		}
		f.forgetFinish(t) // as kill -9 does: nobody came to the end of the launch
		f.engine.failAt = 0
		gone, err := f.Prune(t.Context())
		if err != nil || len(gone) == 0 {
			t.Errorf("call %d: pruned %v, %v", n, gone, err)
		}
		f.leavesNothing(t, n)
	}
}

// TestWhatTheEngineMakesAfterItsClientDiedIsClearedToo: a container that comes late holds the volume.
func TestWhatTheEngineMakesAfterItsClientDiedIsClearedToo(t *testing.T) {
	f := newFixture(t)
	f.engine.failAt = callsOfALaunch(t)
	if _, err := f.Up(t.Context(), f.request, UpOptions{Keep: true}); err == nil {
		t.Fatal("the launch does not notice that it failed")
	}
	f.forgetFinish(t)
	f.engine.failAt = 0
	for id, c := range f.engine.containers {
		f.engine.late = c
		delete(f.engine.containers, id)
	}
	if _, err := f.Prune(t.Context()); err != nil {
		t.Error(err)
	}
	f.leavesNothing(t, 0)
}

// forgetFinish makes a record look like one whose launch was killed.
func (f *fixture) forgetFinish(t *testing.T) {
	t.Helper()
	record, err := f.Store.Record("shop")
	if err != nil {
		t.Fatal(err)
	}
	record.Finished = false
	if err := f.Store.Save(record); err != nil {
		t.Fatal(err)
	}
}

func TestPruneLeavesAFinishedSandboxAndWhatAnotherBerthWorksOn(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	if gone, err := f.Prune(t.Context()); err != nil || len(gone) > 0 {
		t.Errorf("pruned %v, %v", gone, err)
	}
	f.forgetFinish(t)
	unlock, err := f.lock("shop", "up")
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := f.Prune(t.Context()); err != nil || len(gone) > 0 {
		t.Errorf("pruned %v, %v although it is locked", gone, err)
	}
	unlock()
	if gone, err := f.Prune(t.Context()); err != nil || len(gone) == 0 {
		t.Errorf("pruned %v, %v", gone, err)
	}
}

func TestAnotherUsersSandboxIsNeverTouched(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.engine.containers["id-of-shop"].Spec.Labels[sandbox.LabelOwner] = "somebody"
	if err := f.Remove(t.Context(), "shop", true); fault.KindOf(err) != fault.NotFound {
		t.Errorf("rm: %v", err)
	}
	if list, err := f.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("ls: %v, %v", list, err)
	}
	if _, err := f.Up(t.Context(), f.request, UpOptions{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("up: %v", err)
	}
	if len(f.engine.containers) != 1 {
		t.Error("it is gone")
	}
}

func TestWhatSomebodyElseMadeUnderTheSameNameStays(t *testing.T) {
	theirs := map[string]string{sandbox.LabelOwner: "somebody", sandbox.LabelSandbox: "shop"}
	for n := 1; n <= callsOfALaunch(t); n++ {
		f := newFixture(t)
		f.engine.failAt = n
		sink := f.Sink
		f.Sink = func(e event.Event) { // what this launch made is theirs by the time it is taken back
			if e.Stage == event.Failed {
				f.engine.mu.Lock()
				defer f.engine.mu.Unlock()
				f.engine.volumes["berth-shop-home"] = theirs
				f.engine.networks["0berth-shop"] = sandbox.NetworkSpec{Name: "0berth-shop", Labels: theirs}
				f.engine.containers["id-of-shop"] = &sandbox.Observed{ID: "id-of-shop", Spec: sandbox.Spec{Name: "shop", Labels: theirs}}
			}
			sink(e)
		}
		if _, err := f.Up(t.Context(), f.request, UpOptions{}); err == nil {
			t.Fatal("the launch does not notice that it failed")
		}
		if left := f.engine.left(); len(left) != 3 {
			t.Errorf("call %d: there is only %v", n, left)
		}
	}
}

func TestAHomeIsTakenOverOnlyAfterTheEngineWasAskedWhoseItIs(t *testing.T) {
	f := newFixture(t)
	f.engine.volumes["berth-shop-home"] = map[string]string{sandbox.LabelOwner: "somebody"}
	f.up(t)
	if !slices.Contains(f.engine.calls, "volume") {
		t.Errorf("it was taken unseen: %v", f.engine.calls)
	}
}

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

func TestAReplacementThatFailsKeepsTheHome(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.request.Settings.Pids = 64
	f.engine.failAt = len(f.engine.calls) + 2
	if _, err := f.Up(t.Context(), f.request, UpOptions{Recreate: true}); err == nil {
		t.Fatal("the launch does not notice that it failed")
	}
	if _, err := f.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := f.engine.left(); !slices.Equal(left, []string{"volume berth-shop-home"}) {
		t.Errorf("left %v", left)
	}
	if err := f.Remove(t.Context(), "shop", false); err != nil {
		t.Fatal(err)
	}
	f.leavesNothing(t, 0)
}

func TestAReplacementThatIsKilledKeepsTheHome(t *testing.T) {
	first := callsOfALaunch(t)
	for n := first + 1; n <= 2*first; n++ {
		f := newFixture(t)
		f.up(t)
		f.request.Settings.Pids = 64
		f.engine.failAt = n
		if _, err := f.Up(t.Context(), f.request, UpOptions{Recreate: true, Keep: true}); err == nil {
			t.Fatal("the launch does not notice that it failed")
		}
		f.forgetFinish(t) // as kill -9 does
		for range 2 {
			if _, err := f.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := f.engine.left(); !slices.Equal(left, []string{"volume berth-shop-home"}) {
				t.Errorf("call %d: left %v", n, left)
			}
		}
		if goes, err := f.Removal(t.Context(), "shop"); err != nil || len(goes) != 1 || goes[0].Name != "berth-shop-home" {
			t.Errorf("call %d: rm would remove %v, %v", n, goes, err)
		}
		if err := f.Remove(t.Context(), "shop", false); err != nil {
			t.Fatal(err)
		}
		f.leavesNothing(t, n)
	}
}

// Whether a home goes with a sandbox is what is there, not what its profile has: it may have had another one before.
func TestARemovalNamesTheHomeThatIsThere(t *testing.T) {
	names := func(f *fixture) string {
		goes, err := f.Removal(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range goes {
			if !r.Kept {
				out = append(out, r.Name)
			}
		}
		return strings.Join(out, " ")
	}
	f := newFixture(t)
	f.request.Settings.Profile = "paranoid"
	f.up(t)
	if got := names(f); got != "berth-shop" {
		t.Errorf("without a volume, rm would remove %s", got)
	}
	if err := f.Remove(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	f.request.Settings.Profile = "standard"
	f.up(t)
	f.request.Settings.Profile = "paranoid"
	if _, err := f.Up(t.Context(), f.request, UpOptions{Recreate: true}); err != nil {
		t.Fatal(err)
	}
	if got := names(f); got != "berth-shop berth-shop-home" {
		t.Errorf("with the home of another profile, rm would remove %s", got)
	}
	if err := f.Remove(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	f.leavesNothing(t, 0)
}

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

func TestARemovalThatIsCutOffIsFinishedByPrune(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.Runtime = deadAtTheVolume{f.engine}
	if err := f.Remove(t.Context(), "shop", true); err == nil {
		t.Fatal("the removal does not notice that it failed")
	}
	f.Runtime = f.engine
	if _, err := f.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.leavesNothing(t, 0)
}

func TestASandboxWhoseRecordIsLostIsNotCleared(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	if err := f.Store.Drop("shop"); err != nil {
		t.Fatal(err)
	}
	if gone, err := f.Prune(t.Context()); err != nil || len(gone) > 0 || len(f.engine.containers) != 1 {
		t.Errorf("pruned %v, %v", gone, err)
	}
	left, err := f.Leftovers(t.Context())
	if want := "berth has lost its record: berth rm -f shop removes it"; err != nil || len(left) != 1 || !left[0].Kept || left[0].Why != want {
		t.Errorf("got %v, %v", left, err)
	}
}

func TestAHomeThatAnotherAddressOfTheEngineKnowsStays(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	if err := f.engine.Remove(t.Context(), sandbox.ContainerObject, "berth-shop"); err != nil {
		t.Fatal(err)
	}
	f.engine.endpoint = "unix:///run/docker.sock" // a link to the same socket
	if _, err := f.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := f.engine.left(); !slices.Equal(left, []string{"volume berth-shop-home"}) {
		t.Errorf("left %v", left)
	}
	if _, known := f.finished("shop"); !known {
		t.Error("its record is gone")
	}
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

func TestASandboxOnAnotherEngineIsNoneOfThisOnesBusiness(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	other := newFake()
	other.endpoint = "ssh://me@build"
	f.Launcher.Runtime = other
	if gone, err := f.Prune(t.Context()); err != nil || len(gone) > 0 {
		t.Errorf("pruned %v, %v", gone, err)
	}
	_, err := f.Up(t.Context(), f.request, UpOptions{})
	want := "shop: there is a sandbox of that name on another engine, unix:///var/run/docker.sock"
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want %s", err, want)
	}
	f.Launcher.Runtime = f.engine
	if again := f.up(t); !again.Already {
		t.Error("it is not up any more")
	}
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
