package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
)

func TestEnterLaunchesThePlanAndShowsTheSandbox(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("enter")
	d.wants("berth › shop ", "http://shop.localhost:8011/", "agent server ready")
	if got := f.called("launch"); !slices.Equal(got, []string{"launch map[]"}) {
		t.Errorf("launched %s", got)
	}
}

func TestEditsGoIntoThePlanAndTheLaunch(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("p")
	d.wants("profile strict")
	d.keys("m", "n", "down", "space", "s", "enter", "i", "down", "enter", "enter")
	want := "launch map[additional_networks:default,cache image:acme/agent:2 profile:strict secret_masks:default]"
	if got := f.called("launch"); !slices.Equal(got, []string{want}) {
		t.Errorf("launched %s, want %s", got, want)
	}
}

func TestARelayJoinsNothing(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("n", "space", "s")
	d.wants("relay to redis:6379, nothing else opens")
	d.keys("enter", "enter")
	if got := f.called("launch"); !slices.Equal(got, []string{"launch map[additional_networks:[] sidecars:default/redis:6379]"}) {
		t.Errorf("launched %s", got)
	}
}

func TestARefusedNetworkCannotBeTaken(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("n", "G", "space")
	d.wants("› [-] host")
}

func TestEmptyPickersSayWhy(t *testing.T) {
	f := newFake()
	f.networks, f.images = NetworkList{Why: "this engine has no networks that may be joined"}, ImageList{Why: "the registry does not answer"}
	d := drive(t, f, Options{}, 80, 24)
	d.keys("n")
	d.wants("this engine has no networks that may be joined")
	d.keys("enter", "i")
	d.wants("the registry does not answer")
}

func TestAQuestionHasToBeAnsweredBeforeALaunch(t *testing.T) {
	f := newFake()
	f.plan.Question = &Question{EditTrust, "asks for more", []string{"+ x"}, "trust it", "leave it out"}
	d := drive(t, f, Options{}, 80, 24)
	d.wants("asks for more", "y trust it", "n leave it out")
	d.keys("esc", "enter")
	if got := f.called("launch"); len(got) > 0 {
		t.Errorf("launched without an answer: %s", got)
	}
	d.wants("asks for more")
	d.keys("n", "enter")
	if got := f.called("launch"); !slices.Equal(got, []string{"launch map[trust:no]"}) {
		t.Errorf("launched %s", got)
	}
}

func TestAPlanThatRunsIsShown(t *testing.T) {
	f := newFake()
	f.plan.Running = true
	d := drive(t, f, Options{}, 80, 24)
	d.wants("enter show it")
	d.keys("enter")
	d.wants("http://shop.localhost:8011/")
	if d := drive(t, f, Options{Sandbox: "shop"}, 80, 24); !strings.Contains(d.text(), "http://shop.localhost:8011/") {
		t.Errorf("named, it does not open at once:\n%s", d.text())
	}
}

func TestAFailedLaunchOffersItsRemedies(t *testing.T) {
	f := newFake()
	f.launch = failLate(f)
	d := drive(t, f, Options{}, 80, 24)
	d.keys("enter")
	d.wants("✗ port 8011 is in use by node (pid 4711)", "in step 4 of 8: start", "1 use 8013-8015 instead", "what was made is removed: container berth-shop")
	f.launch = nil
	d.keys("2")
	if got := f.called("launch"); !slices.Equal(got, []string{"launch map[]", "launch map[links.port:8010+]"}) {
		t.Errorf("launched %s", got)
	}
	d.wants("http://shop.localhost:8011/")
}

func TestAdviceWithoutEditsIsNoButton(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	f := newFailure("shop", "launch failed", newPortTaken(), nil)
	f.remedies = []Remedy{{Text: "free some space"}}
	d.m.push(f)
	d.wants("  try: free some space")
	before := d.text()
	d.keys("1", "enter")
	if got := d.text(); got != before || strings.Contains(got, "enter 1") {
		t.Errorf("it did something:\n%s", got)
	}
}

func launching(d *driver) *launch {
	showLaunch(d, 5)
	l := d.m.launches[len(d.m.launches)-1]
	return l
}

func forced(d *driver) bool {
	select {
	case <-d.m.force:
		return true
	default:
		return false
	}
}

func TestCtrlCCancelsOnceAndTwiceTakesTheGrace(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	stopped := 0
	l := launching(d)
	l.stop = func() { stopped++ }
	d.keys("ctrl+c")
	d.wants("cancelling", "removing what was made", "^C again: at once")
	if stopped != 1 || d.ended || forced(d) {
		t.Fatalf("stopped %d, ended %v, forced %v", stopped, d.ended, forced(d))
	}
	d.keys("ctrl+c")
	if !forced(d) {
		t.Error("a second Ctrl-C leaves the grace")
	}
	d.run(l.end(d.m, fault.New(fault.Interrupted, "", "cancelled")))
	if !d.ended || d.m.ending != Cancelled {
		t.Errorf("ended %v, %q", d.ended, d.m.ending)
	}
}

func TestASecondCtrlCTooLateKeepsTheGrace(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	launching(d)
	d.keys("ctrl+c")
	d.m.now = func() time.Time { return noon.Add(4 * time.Second) }
	d.keys("ctrl+c")
	if forced(d) {
		t.Error("four seconds apart are not twice")
	}
}

func TestQuitInALaunchAsks(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	l := launching(d)
	d.keys("q")
	d.wants("a launch is under way", "leaving cancels it and removes what was made")
	d.keys("esc")
	if !l.cancelled.IsZero() || d.ended {
		t.Error("no is yes")
	}
	d.keys("q", "y")
	if l.cancelled.IsZero() {
		t.Error("yes is no")
	}
}

func TestAPlanThatTakesLongSaysSo(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.m.plan.asked = noon
	at := func(since time.Duration) string {
		d.m.now = func() time.Time { return noon.Add(since) }
		return d.line("asking")
	}
	if got := at(100 * time.Millisecond); got != "" {
		t.Errorf("too early: %q", got)
	}
	if got := at(200 * time.Millisecond); got != "  asking the engine" {
		t.Errorf("got %q", got)
	}
	if got := at(2 * time.Second); got != "⠋ asking the engine  0:02" {
		t.Errorf("got %q", got)
	}
}

func TestEventsFoldIntoSteps(t *testing.T) {
	l := &launch{log: newLog(), steps: []*stepView{{kind: "volume"}, {kind: "volume"}, {kind: "create"}}}
	for _, e := range []event.Event{
		{Time: noon, Step: "volume", Stage: event.Begin},
		{Time: noon, Step: "volume", Stage: event.Done, Elapsed: time.Second},
		{Time: noon, Step: "volume", Stage: event.Begin},
		{Time: noon.Add(time.Second), Step: "volume", Stage: event.Done},
		{Time: noon, Step: "surprise", Stage: event.Begin, Text: "hello"},
		{Time: noon, Stage: event.Note, Text: "a note"},
		{Time: noon, Step: "create", Stage: event.Undone},
	} {
		l.fold(e)
	}
	var got []string
	for _, s := range l.steps {
		got = append(got, stepSummary(s))
	}
	want := []string{"  done      volume  1.0 s", "  done      volume  1.0 s", "  not begun create", "  begun     surprise hello"}
	if !slices.Equal(got, want) || !slices.Equal(l.notes, []string{"a note"}) || l.removed() != "what was made is removed: create" {
		t.Errorf("%q, %q, %q", got, l.notes, l.removed())
	}
}
