package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/report"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/tui"
)

func TestEachKindOfFaultHasItsExitCode(t *testing.T) {
	for kind, code := range map[fault.Kind]int{
		fault.Failure: 1, "": 1, fault.Usage: 2, fault.Engine: 3, fault.Image: 4, fault.Findings: 5, fault.NotFound: 6,
		fault.Conflict: 7, fault.NotReady: 124, fault.Interrupted: 130,
	} {
		if got := exitCode(kind); got != code {
			t.Errorf("%s: exit %d, want %d", kind, got, code)
		}
	}
}

func TestExecKeepsBerthsOwnTroubleApartFromTheCommands(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int // that the engine gave
		want int
	}{
		{fault.New(fault.NotFound, "", "no such program"), 127, 127},
		{fault.New(fault.Failure, "", "no program that can run"), 126, 126},
		{fault.New(fault.Failure, "", "the stream broke"), 0, 125},
		{fault.New(fault.Conflict, "", "it is paused"), 0, 125},
		{fault.New(fault.NotFound, "", "no such sandbox"), 0, 6},
		{fault.New(fault.Engine, "", "the engine went away"), 0, 3},
		{fmt.Errorf("copying: %w", syscall.EPIPE), 0, 141},
	} {
		a := quietApp()
		if got := a.end(context.Background(), execFault(c.err, c.code)); got != c.want {
			t.Errorf("%v with code %d: exit %d, want %d", c.err, c.code, got, c.want)
		}
	}
}

func TestASignalDecidesTheExitCodeWhateverElseWentWrong(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(signalled{sig})
		if got := quietApp().end(ctx, errors.New("anything")); got != code {
			t.Errorf("%v: exit %d, want %d", sig, got, code)
		}
		if got := quietApp().end(ctx, nil); got != 0 {
			t.Errorf("%v after all was done: exit %d", sig, got)
		}
	}
}

func quietApp() *app {
	return &app{print: report.New(report.Options{Out: discard{}, Err: discard{}})}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestDurationsAsPeopleWriteThem(t *testing.T) {
	for word, want := range map[string]time.Duration{"90s": 90 * time.Second, "12h": 12 * time.Hour, "7d": 168 * time.Hour, "2w": 336 * time.Hour, "0s": 0} {
		if got, err := parseLong(word); err != nil || got != want {
			t.Errorf("%s: %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "d", "1.5d", "-1h", "-1d", "soon", "99999999d"} {
		if got, err := parseLong(word); err == nil {
			t.Errorf("%q is %v", word, got)
		}
	}
}

func TestSinceIsATimeOrHowLongAgo(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for word, want := range map[string]time.Time{"": {}, "10m": now.Add(-10 * time.Minute), "2026-11-21T08:00:00Z": now.Add(-time.Hour)} {
		if got, err := parseSince(word, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", word, got, err)
		}
	}
	if _, err := parseSince("yesterday", now); err == nil {
		t.Error("yesterday is no time")
	}
}

func TestTheSideInsideIsWrittenWithItsName(t *testing.T) {
	for word, want := range map[string]place{
		"shop:/data/x": {"shop", "/data/x"}, "shop:x": {"shop", "/workspace/x"}, "shop:dir/": {"shop", "/workspace/dir/"}, "shop:": {"shop", "/workspace"},
		"./shop:x": {"", "./shop:x"}, "/a:b": {"", "/a:b"}, "plain": {"", "plain"}, "C:/x": {"", "C:/x"},
	} {
		if got := parsePlace(word); got != want {
			t.Errorf("%q: %+v, want %+v", word, got, want)
		}
	}
}

func TestTheEndOfALaunchSaysWhatToOpenAndHowToStop(t *testing.T) {
	result := &launch.Result{
		Status: launch.Status{Name: "shop"}, Posture: "standard · 60 rules hold",
		Links: []launch.Link{
			{Kind: launch.API, URL: secret.New("http://shop.localhost:8010"), Opens: "the agent server's API"},
			{Kind: launch.Code, URL: secret.New("http://shop.localhost:8011/?tkn=k"), Opens: "~/shop"},
			{Kind: launch.VNC, Opens: "the agent's desktop", Missing: "no desktop in this image: --image workbench"},
		},
	}
	want := []string{
		"shop is up",
		"standard · 60 rules hold",
		"  VS Code  http://shop.localhost:8011/?tkn=k  opens ~/shop",
		"  VNC      no desktop in this image: --image workbench",
		"  stop     berth stop shop",
	}
	if got := upLines(result); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	result.Links[1].URL, result.Links[1].Missing = secret.String{}, "none"
	if got := upLines(result); got[4] != "  API      http://shop.localhost:8010  the agent server's API" {
		t.Errorf("without VS Code the api's link is shown: %q", got)
	}
}

func TestALinkThatIsNotThereNamesOneThatIs(t *testing.T) {
	links := []launch.Link{
		{Kind: launch.Code, Missing: "the starter image has none"},
		{Kind: launch.API, URL: secret.New("http://shop.localhost:8010")},
	}
	_, err := find("shop", "code", links)
	if err == nil || err.Error() != "shop: code: the starter image has none" || fault.HintOf(err) != "berth url shop api" {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
	if _, err := find("shop", "code", links[:1]); fault.HintOf(err) != "" {
		t.Errorf("hint %q, where there is nothing to name", fault.HintOf(err))
	}
}

func TestTheTerminalsBackgroundIsToldNotAsked(t *testing.T) {
	for _, c := range []struct {
		key, colors string
		want        tui.Theme
	}{{"auto", "15;0", tui.Dark}, {"auto", "0;15", tui.Light}, {"auto", "0;default;15", tui.Light}, {"auto", "", tui.Auto}, {"", "x", tui.Auto}, {"light", "15;0", tui.Light}} {
		a := &app{env: func(string) string { return c.colors }}
		if got := a.theme(c.key); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestOnlyOldImagesThatNothingUsesAreStale(t *testing.T) {
	image := func(ref, kind string) sandbox.LocalImage {
		return sandbox.LocalImage{Image: sandbox.Image{Ref: ref}, Labels: map[string]string{sandbox.LabelKind: kind}}
	}
	list := []used{
		{LocalImage: image("localhost/berth/starter:old", "starter")},
		{LocalImage: image("localhost/berth/starter:new", "starter")},
		{LocalImage: image("localhost/berth/workbench:used", "workbench"), by: []string{"shop"}},
		{LocalImage: image("localhost/berth/workbench-part:x", "workbench-part")},
		{LocalImage: image("acme/agent:1", "")},
	}
	got := stale(list, []string{"localhost/berth/starter:new"})
	if len(got) != 1 || got[0].Ref != "localhost/berth/starter:old" {
		t.Errorf("got %v", got)
	}
}

func TestARegistryIsReadOffAReference(t *testing.T) {
	for ref, want := range map[string]string{
		"ghcr.io/openhands/agent-server:1": "ghcr.io", "localhost:5000/x": "localhost:5000", "debian": "registry-1.docker.io",
		"acme/agent:1": "registry-1.docker.io", "localhost/berth/starter:1": "", "starter": "", "workbench": "",
	} {
		if got := registryOf(ref); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}
