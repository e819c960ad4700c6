package build

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

func TestAnImageOfThisRecipeIsNotBuiltAgain(t *testing.T) {
	e := withBase()
	e.images[Workbench.Ref()] = local("sha256:old", map[string]string{keyLabel: Workbench.Key()})
	ask := func(context.Context) Setting { t.Error("the machine was asked for nothing"); return Setting{} }
	got, err := Run(t.Context(), e, Request{Recipe: Workbench, Survey: ask}, new(record).sink)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Cached || got.ID != "sha256:old" || len(e.asked) != 0 {
		t.Errorf("got %+v after building %v", got, e.asked)
	}
}

func TestAnImageThatOnlyHasTheNameIsBuiltAgain(t *testing.T) {
	e := withBase()
	e.images[Workbench.Ref()] = local("sha256:old", map[string]string{keyLabel: "another"})
	got, err := Run(t.Context(), e, Request{Recipe: Workbench}, new(record).sink)
	if err != nil {
		t.Fatal(err)
	}
	if got.Cached || got.ID != "sha256:new" {
		t.Errorf("got %+v", got)
	}
}

func TestFinishedPartsAreKept(t *testing.T) {
	e := withBase()
	for _, p := range Slim.parts() {
		e.images[p.ref()] = local("sha256:part", map[string]string{keyLabel: p.key()})
	}
	var r record
	if _, err := Run(t.Context(), e, Request{Recipe: Slim}, r.sink); err != nil {
		t.Fatal(err)
	}
	if want := []string{Slim.Ref()}; !slices.Equal(e.asked, want) {
		t.Errorf("built %v, want %v", e.asked, want)
	}
	if got := r.of("build vscode", event.Done); !slices.Equal(got, []string{"VS Code: kept from an earlier build"}) {
		t.Errorf("vscode: %q", got)
	}
}

func TestNoCacheBuildsThePartsAgain(t *testing.T) {
	e := withBase()
	for _, p := range Slim.parts() {
		e.images[p.ref()] = local("sha256:part", map[string]string{keyLabel: p.key()})
	}
	if _, err := Run(t.Context(), e, Request{Recipe: Slim, NoCache: true}, new(record).sink); err != nil {
		t.Fatal(err)
	}
	if len(e.asked) != 4 {
		t.Errorf("built %v, want all parts and the image", e.asked)
	}
}

func TestRefreshTakesOnlyDebiansPackagesAnew(t *testing.T) {
	e := withBase()
	for _, p := range Slim.parts() {
		e.images[p.ref()] = local("sha256:part", map[string]string{keyLabel: p.key()})
	}
	e.images[Slim.Ref()] = local("sha256:old", map[string]string{keyLabel: Slim.Key()})
	if _, err := Run(t.Context(), e, Request{Recipe: Slim, Refresh: true}, new(record).sink); err != nil {
		t.Fatal(err)
	}
	if want := []string{Slim.parts()[2].ref(), Slim.Ref()}; !slices.Equal(e.asked, want) {
		t.Errorf("built %v, want %v", e.asked, want)
	}
}

func TestThePlanSaysWhatIsKept(t *testing.T) {
	e := withBase()
	server := Slim.parts()[1]
	e.images[server.ref()] = local("sha256:part", map[string]string{keyLabel: server.key()})
	plan, err := Plan(t.Context(), e, Slim)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range plan {
		got = append(got, fmt.Sprint(s.Step, " ", s.Kept))
	}
	want := []string{"build vscode false", "build server true", "build system false", "build final false"}
	if !slices.Equal(got, want) || len(e.asked) != 0 {
		t.Errorf("got %q, built %v", got, e.asked)
	}
}

func TestThePartsAreBuiltSideBySide(t *testing.T) {
	e := withBase()
	var both sync.WaitGroup
	both.Add(len(Workbench.parts()))
	e.builds = func(_ context.Context, b sandbox.Build, _ func(string)) error {
		if b.Ref != Workbench.Ref() {
			both.Done()
			both.Wait() // ends only when the other parts are under way too
		}
		return nil
	}
	if _, err := Run(t.Context(), e, Request{Recipe: Workbench}, new(record).sink); err != nil {
		t.Fatal(err)
	}
	if e.asked[3] != Workbench.Ref() {
		t.Errorf("the image came before its parts: %v", e.asked)
	}
}

func TestTheLastStageGetsThePartsByName(t *testing.T) {
	e := withBase()
	survey := func(context.Context) Setting {
		return Setting{Proxies: map[string]string{"https_proxy": "http://proxy.example:3128"}}
	}
	_, err := Run(t.Context(), e, Request{Recipe: Workbench, Survey: survey}, new(record).sink)
	if err != nil {
		t.Fatal(err)
	}
	made := Workbench.parts()
	want := map[string]string{
		"VSCODE": made[0].ref(), "SERVER": made[1].ref(), "SYSTEM": made[2].ref(), "https_proxy": "http://proxy.example:3128",
	}
	if got := e.args[Workbench.Ref()]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestStagesThatNothingNeedsAreTidiedAway(t *testing.T) {
	e := withBase()
	if _, err := Run(t.Context(), e, Request{Recipe: Slim}, new(record).sink); err != nil {
		t.Fatal(err)
	}
	if e.tidied[kindLabel] != stageKind || len(e.tidied) != 1 {
		t.Errorf("tidied %v", e.tidied)
	}
}

func TestAProxyThatBuildsCannotReachIsTold(t *testing.T) {
	var r record
	survey := func(context.Context) Setting {
		return Setting{Proxies: map[string]string{"http_proxy": "http://127.0.0.1:3128", "https_proxy": "http://proxy.example:1"}}
	}
	if _, err := Run(t.Context(), withBase(), Request{Recipe: Slim, Survey: survey}, r.sink); err != nil {
		t.Fatal(err)
	}
	want := []string{"http_proxy names this machine's loopback, which builds cannot reach"}
	if got := r.of("build base", event.Warning); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestAFailedStepNamesStageStepAndCauseAndEndsTheOtherParts(t *testing.T) {
	e := withBase()
	e.builds = func(ctx context.Context, b sandbox.Build, line func(string)) error {
		if b.Ref != Workbench.parts()[0].ref() {
			<-ctx.Done()
			return ctx.Err()
		}
		line("Step 3/16 : RUN . /host/env && debian make")
		for n := range 30 {
			line(fmt.Sprint("line ", n))
		}
		line("\x1b[91mE: Unable to locate package make\x1b[0m")
		return &sandbox.StepError{Code: 100, Text: "The command '/bin/sh -c …' returned a non-zero code: 100"}
	}
	var r record
	var log strings.Builder
	_, err := Run(t.Context(), e, Request{Recipe: Workbench, Log: &log}, r.sink)
	want := "build vscode: step 3/16 (debian make): exit code 100: apt: Debian's packages could not be reached"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if fault.KindOf(err) != fault.Image || fault.HintOf(err) != again {
		t.Errorf("kind %s, hint %q", fault.KindOf(err), fault.HintOf(err))
	}
	notes := r.of("build vscode", event.Note)
	if len(notes) != tailLines || notes[0] != "line 11" || notes[19] != "E: Unable to locate package make" {
		t.Errorf("the last lines are %q", notes)
	}
	if got := r.of("build server", event.Note); !slices.Equal(got, []string{"agent server: stopped"}) {
		t.Errorf("the other part did not say that it stopped: %v", r.events)
	}
	if !strings.Contains(log.String(), "vscode: line 0\n") {
		t.Error("the log lacks the first lines")
	}
}

func TestAStepOfNoKnownCausePointsToTheLog(t *testing.T) {
	e := withBase()
	e.builds = func(_ context.Context, _ sandbox.Build, line func(string)) error {
		line("Step 1/2 : RUN false")
		return &sandbox.StepError{Code: 1, Text: "returned a non-zero code: 1"}
	}
	_, err := Run(t.Context(), e, Request{Recipe: Slim, LogName: "/state/build.log"}, new(record).sink)
	if !strings.HasSuffix(err.Error(), "step 1/2 (RUN false): exit code 1") || fault.HintOf(err) != "read /state/build.log" {
		t.Errorf("%v; hint %q", err, fault.HintOf(err))
	}
}

func TestThePublicBaseIsPulledFirst(t *testing.T) {
	e := &fakeEngine{images: map[string]sandbox.LocalImage{}, pulls: func(context.Context) error { return nil }}
	if _, err := Run(t.Context(), e, Request{Recipe: Slim}, new(record).sink); err != nil {
		t.Fatal(err)
	}
	if got := e.args[Slim.parts()[0].ref()]["BASE"]; got != public {
		t.Errorf("built upon %s", got)
	}
}

func TestTheHomemadeBaseServesWhereNothingElseIs(t *testing.T) {
	e := &fakeEngine{images: map[string]sandbox.LocalImage{homemade: local("sha256:own", nil)}}
	var r record
	if _, err := Run(t.Context(), e, Request{Recipe: Slim}, r.sink); err != nil {
		t.Fatal(err)
	}
	if got := e.args[Slim.parts()[0].ref()]["BASE"]; got != homemade {
		t.Errorf("built upon %s", got)
	}
	if got := r.of("build base", event.Note); !slices.Equal(got, []string{"no registry answers: using the local " + homemade}) {
		t.Errorf("told %q", got)
	}
}

// silent is an engine whose pull says nothing until it is given up.
type silent struct{ *fakeEngine }

func (e silent) Pull(ctx context.Context, _, _ string, _ event.Sink) (sandbox.LocalImage, error) {
	<-ctx.Done()
	return sandbox.LocalImage{}, ctx.Err()
}

func TestARegistryThatSaysNothingIsGivenUpAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := Run(t.Context(), silent{withBase()}, Request{Recipe: Slim}, new(record).sink)
		if err != nil {
			t.Fatal(err)
		}
		if got.Took != patience {
			t.Errorf("took %s", got.Took)
		}
	})
}

func TestAStepThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := withBase()
		e.builds = func(ctx context.Context, b sandbox.Build, line func(string)) error {
			if b.Ref != Slim.Ref() {
				return nil
			}
			line("Step 2/3 : RUN wait")
			<-ctx.Done()
			return ctx.Err()
		}
		began := time.Now()
		_, err := Run(t.Context(), e, Request{Recipe: Slim}, new(record).sink)
		if want := "build final: step 2/3 (RUN wait): nothing was heard of it for 15m0s"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if took := time.Since(began); took != silence {
			t.Errorf("after %s", took)
		}
	})
}

func TestWithoutRootTheLineThatMakesTheBaseIsGiven(t *testing.T) {
	t.Setenv("PATH", fakeProgram(t, "debootstrap"))
	none := func(context.Context, string, ...string) ([]byte, error) {
		return nil, errors.New("a password is required")
	}
	_, err := Run(t.Context(), &fakeEngine{}, Request{Recipe: Slim, Run: none}, new(record).sink)
	want := "debian:trixie-slim: no registry answers, there is no local copy, and making one with debootstrap needs root"
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Image {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if fault.HintOf(err) != byHand {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func TestWithoutDebootstrapItsPackageIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Run(t.Context(), &fakeEngine{}, Request{Recipe: Slim, Root: true}, new(record).sink)
	if fault.HintOf(err) != "sudo apt-get install debootstrap" || fault.KindOf(err) != fault.Image {
		t.Errorf("%v; hint %q", err, fault.HintOf(err))
	}
}

func TestACancelledBuildGivesTheCause(t *testing.T) {
	e := withBase()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := fault.New(fault.Interrupted, "", "interrupted")
	e.builds = func(ctx context.Context, _ sandbox.Build, _ func(string)) error {
		cancel(stop)
		<-ctx.Done()
		return ctx.Err()
	}
	if _, err := Run(ctx, e, Request{Recipe: Slim}, new(record).sink); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestAContextHoldsTheStageAndTheMachinesAnswers(t *testing.T) {
	packed, err := pack("vscode", map[string][]byte{"ca.crt": []byte("CERT")})
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	for archive := tar.NewReader(packed); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[h.Name] = h.Mode
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 || h.Uid != 0 {
			t.Errorf("%s carries a time or an owner", h.Name)
		}
	}
	for name, mode := range map[string]int64{"Dockerfile": 0o644, "prune.sh": 0o755, "host/env": 0o644, "host/ca.crt": 0o644} {
		if modes[name] != mode {
			t.Errorf("%s has mode %o, want %o", name, modes[name], mode)
		}
	}
}
