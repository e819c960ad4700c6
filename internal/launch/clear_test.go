package launch

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// What launches and removals that were cut off leave, and whose it is.

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
