package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"

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

// launching opens a launch that waits for its context.
func launching(d *driver) *launch {
	showLaunch(d, 5)
	l := d.m.launches[len(d.m.launches)-1]
	return l
}

// forced tells whether all grace is gone.
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

func TestQuitLeavesWhatRuns(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.keys("esc", "q")
	if !d.ended || d.m.ending != Quit || !slices.Equal(d.m.left(), []string{"shop", "blog"}) {
		t.Errorf("ended %v, %q, left %s", d.ended, d.m.ending, d.m.left())
	}
}

func TestQuitStopStopsOnlyWhatWasStartedHere(t *testing.T) {
	for _, row := range []struct {
		o    Options
		keys []string
	}{{Options{}, []string{"Q"}}, {Options{OnQuit: StopMine}, []string{"q"}}, {Options{OnQuit: AskFirst}, []string{"q", "s"}}} {
		f := newFake()
		f.rows[1].Mine = true
		d := drive(t, f, row.o, 80, 24)
		d.keys("esc")
		d.keys(row.keys...)
		if got := f.called("stop"); !d.ended || !slices.Equal(got, []string{"stop blog"}) || !slices.Equal(d.m.left(), []string{"shop"}) {
			t.Errorf("%v: ended %v, %s, left %s", row.keys, d.ended, got, d.m.left())
		}
	}
}

func TestOnQuitAskCanLeave(t *testing.T) {
	f := newFake()
	f.rows[0].Mine = true
	d := drive(t, f, Options{OnQuit: AskFirst}, 80, 24)
	d.keys("q")
	d.wants("started here and still up: shop", "s stop and leave", "q leave them running")
	d.keys("q")
	if !d.ended || len(f.called("stop")) > 0 {
		t.Errorf("ended %v, stopped %s", d.ended, f.called("stop"))
	}
}

func TestRemovingSaysWhatIsLostAndWhatStays(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "d")
	d.wants("remove shop?", "- container berth-shop", "- volume berth-shop-home (12 MB)", "✓ ~/shop is untouched", "y remove  esc no")
	d.keys("enter")
	if got := f.called("remove"); len(got) > 0 {
		t.Errorf("enter removed: %s", got)
	}
	d.keys("d", "y")
	if got := f.called("remove"); !slices.Equal(got, []string{"remove shop"}) {
		t.Errorf("removed %s", got)
	}
	d.lacks("~/shop rw")
}

func TestMarksMakeOneActOfMany(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "space", "space", "r")
	got := f.called("restart") // side by side
	slices.Sort(got)
	if !slices.Equal(got, []string{"restart blog", "restart shop"}) {
		t.Errorf("restarted %s", got)
	}
}

func TestRemovingAllWantsTheWord(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "space", "space", "space", "d")
	d.wants("remove all 3 sandboxes?", "type all: _")
	d.keys("y", "enter")
	d.wants("nothing was done")
	d.keys("d", "all", "enter")
	if got := f.called("remove"); len(got) != 3 {
		t.Errorf("removed %s", got)
	}
	d.wants("no sandboxes yet; n plans one for this folder")
}

func TestTheFilterNarrowsAndCounts(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.keys("esc", "/", "bl")
	d.wants("filter: bl_  1 of 3", "blog")
	d.lacks("~/old")
	d.keys("enter", "r")
	if got := d.f.called("restart"); !slices.Equal(got, []string{"restart blog"}) {
		t.Errorf("the act meant %s", got)
	}
	d.keys("esc")
	d.wants("~/old")
}

func TestLinksAreCopiedShownAndOpened(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{Sandbox: "shop"}, 80, 24)
	d.m.push(d.m.view("shop"))
	d.keys("1", "o")
	d.wants("VS Code of shop is open in your browser")
	d.keys("v")
	d.wants("no browser here", f.link)
	d.keys("esc")
	d.lacks("#k=")
	d.keys("u")
	d.wants("the VS Code link, with its key; it works once, within 10 minutes", f.link)
	d.keys("y")
	d.wants("the link is copied")
	d.out.Reset()
	d.keys("y")
	if !strings.Contains(d.out.String(), "\x1b]52;c;") {
		t.Errorf("no OSC 52 was written: %q", d.out.String())
	}
	if got := f.called("copy"); !slices.Equal(got, []string{"copy " + f.link, "copy " + f.link}) {
		t.Errorf("copied %s", got)
	}
	if strings.Contains(d.text(), "#k=") {
		t.Error("a copied key stays on the screen")
	}
}

func TestTheClipboardSequenceIsWrappedAndBounded(t *testing.T) {
	if got, want := clipboard(NoMultiplexer, "hi"), "\x1b]52;c;aGk=\x07"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := clipboard(Tmux, "hi"), "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"; got != want {
		t.Errorf("in tmux: got %q, want %q", got, want)
	}
	if got, want := clipboard(Screen, "hi"), "\x1bP\x1b]52;c;aGk=\x07\x1b\\"; got != want {
		t.Errorf("in screen: got %q, want %q", got, want)
	}
	if got := clipboard(NoMultiplexer, strings.Repeat("x", mostCopied)); got == "" || len(got) > 100_000 {
		t.Errorf("the most that is copied makes %d bytes", len(got))
	}
	if got := clipboard(NoMultiplexer, strings.Repeat("x", mostCopied+1)); got != "" {
		t.Errorf("more than that makes %d bytes", len(got))
	}
}

func TestARefusedTargetIsAllowedOnceOrAlways(t *testing.T) {
	f := newFake()
	f.refusals = []Refusal{
		{Target: "10.0.0.7:443", Why: "10.0.0.7:443 is a private address"},
		{Target: "a.example:443", Offer: "a.example:443"}, {Target: "b.example:443", Offer: "b.example:443"}, {Target: "a.example:443", Offer: "a.example:443"},
	}
	d := drive(t, f, Options{}, 80, 24)
	at := noon
	d.m.now = func() time.Time { return at }
	d.m.push(d.m.view("shop"))
	d.keys("1")
	d.wants("egress  denied a.example:443 (and 2 more)  a allow once  A always")
	d.keys("a")
	d.wants("egress  denied a.example:443 (and 2 more)") // it has only just come
	at = at.Add(time.Second)
	d.keys("a")
	d.wants("a.example:443 is allowed until the sandbox ends", "egress  denied b.example:443 (and 1 more)")
	d.keys("a") // finds a question that nobody can have read
	d.wants("egress  denied b.example:443 (and 1 more)")
	at = at.Add(time.Second)
	d.keys("A")
	d.wants("b.example:443 is allowed from now on, for this project", "egress  denied 10.0.0.7:443 is a private address")
	at = at.Add(time.Second)
	d.keys("a")
	d.wants("no rule can allow it: 10.0.0.7:443 is a private address")
	if got := f.called("allow"); !slices.Equal(got, []string{"allow shop a.example:443 false", "allow shop b.example:443 true"}) {
		t.Errorf("got %s", got)
	}
}

func TestWhatNoRuleCanAllowIsToldOnce(t *testing.T) {
	f := newFake()
	f.refusals = []Refusal{{Target: "10.0.0.7:443", Why: "it is private"}}
	d := drive(t, f, Options{}, 80, 24)
	at := noon
	d.m.now = func() time.Time { return at }
	d.m.push(d.m.view("shop"))
	d.keys("1")
	at = at.Add(time.Second)
	d.keys("A", "esc", "enter")
	d.lacks("denied")
}

func TestTheQuestionDoesNotChangeUnderTheFinger(t *testing.T) {
	v := newRunning("shop")
	m := &model{now: func() time.Time { return noon }}
	for _, target := range []string{"a.example:443", "b.example:443", "a.example:443", "c.example:443"} {
		v.deny(Refusal{Target: target, Offer: target})
		v.ask(m)
		if v.asked != "a.example:443" {
			t.Errorf("after %s it asks about %s", target, v.asked)
		}
	}
}

func TestTheEngineGoesAndComesBack(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "enter")
	d.hand(then(func(m *model) tea.Cmd { return m.hear([]News{{Engine: EngineGone}}) }))
	d.wants("▲ engine away, retrying", "http://shop.localhost:8011/")
	f.rows[0].State = Stopped
	f.rows[0].Why = "the engine was restarted; berth start shop"
	before := len(f.called("logs shop"))
	d.hand(then(func(m *model) tea.Cmd { return m.hear([]News{{Engine: EngineBack}}) }))
	d.wants("○ stopped", "✗ the engine was restarted; berth start shop", "s start")
	if after := len(f.called("logs shop")); after != before+1 {
		t.Errorf("the log was opened %d times anew", after-before)
	}
}

func TestALotOfNewsMakesOneReadingOfTheList(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	before := len(f.called("list"))
	var work []tea.Cmd
	for range 100 {
		work = append(work, d.m.hear([]News{{Sandbox: "shop"}}))
	}
	for _, cmd := range work {
		d.run(cmd)
	}
	if got := len(f.called("list")) - before; got != 1 {
		t.Errorf("the list was read %d times", got)
	}
}

func TestASandboxRemovedElsewhereLeavesTheScreen(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "enter", "1")
	f.rows = f.rows[1:]
	d.hand(then(func(m *model) tea.Cmd { return m.hear([]News{{Sandbox: "*"}}) }))
	d.wants("shop: no such sandbox", "› blog")
}

func TestAnActThatFailsSaysSoAndStays(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc")
	f.rows = nil
	d.keys("s")
	d.wants("✗ shop: no such sandbox")
	if d.ended {
		t.Error("a failure ended the screen")
	}
}

func TestTheAuditShowsEvidenceAndRecreates(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "!")
	d.lacks("172.20.0.5")
	d.keys("enter")
	d.wants("| running: shop_default 172.20.0.5", "planned and running differ in 1", "probes inside: 31 closed")
	d.keys("x")
	d.wants("saved: ~/shop-audit.txt")
	if got := f.called("save"); len(got) != 1 || !strings.Contains(got[0], "fails   networks  + shop_default, joined after launch") {
		t.Errorf("saved %q", got)
	}
	d.keys("r")
	if got := f.called("audit"); !slices.Equal(got, []string{"audit shop false", "audit shop true"}) {
		t.Errorf("asked for %s", got)
	}
	d.keys("R", "enter")
	if got := f.called("launch"); !slices.Equal(got, []string{"launch map[name:shop recreate:yes]"}) {
		t.Errorf("launched %s", got)
	}
}

func TestTheMouseClicksAndTurns(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc")
	press := func(b tea.MouseButton, x, y int) {
		d.m.frame()
		d.hand(tea.MouseMsg{X: x, Y: y, Button: b, Action: tea.MouseActionPress})
	}
	press(tea.MouseButtonLeft, 5, 3)
	d.wants("› blog")
	press(tea.MouseButtonLeft, 5, 3)
	d.wants("berth › blog")
	press(tea.MouseButtonLeft, 12, 5)
	d.wants("›2 Mounts")
	press(tea.MouseButtonLeft, 12, 2)
	if got := f.called("browse"); !slices.Equal(got, []string{"browse blog code"}) {
		t.Errorf("a click on the link opened %s", got)
	}
	x := strings.Index(d.line("s stop"), "! audit")
	press(tea.MouseButtonLeft, x, 23)
	d.wants("berth › blog › audit")
	press(tea.MouseButtonWheelDown, 5, 5)
	d.wants("›▲ limit-pids")
	d.keys("M")
	d.wants("mouse free")
	press(tea.MouseButtonWheelUp, 5, 5)
	d.wants("›▲ limit-pids")
	if !strings.Contains(d.out.String(), mouseOff) {
		t.Error("the terminal still reports the mouse")
	}
}

func TestAColourReplyOfTheTerminalIsNoKeyPress(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.keys("esc")
	before := d.text()
	d.hand(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("]"), Alt: true})
	d.hand(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("11;rgb:1e1e/dddd/1e1e")})
	d.hand(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("\\"), Alt: true})
	if got := d.text(); got != before {
		t.Errorf("it did something:\n%s", got)
	}
	d.keys("down")
	d.wants("› blog")
}

func TestPastedTextIsNoCommand(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.keys("esc")
	d.hand(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("dyq"), Paste: true})
	if d.ended || d.m.modal != nil {
		t.Errorf("it did something:\n%s", d.text())
	}
}

func TestKeysThatComeTogetherAreKeysInTurn(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.keys("esc", "jj")
	d.wants("› old")
	d.keys("k/sh")
	d.wants("filter: sh_")
}

func TestTheListBesideASandboxOnAWideScreen(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 120, 40)
	d.keys("esc", "down")
	if got := f.called("logs"); !slices.Equal(got, []string{"logs shop", "logs blog"}) {
		t.Errorf("opened %s", got)
	}
	if d.m.views["shop"].shown || !d.m.views["blog"].shown {
		t.Error("the streams of what is not shown stay open")
	}
	d.keys("tab")
	d.wants("berth › blog", "› blog")
}

func TestNothingIsAskedAgainWhenNothingChanges(t *testing.T) {
	for _, s := range scenes {
		d := drive(t, newFake(), Options{}, 80, 24)
		s.open(d)
		d.m.wakeNext = 0
		d.m.frame()
		if next := d.m.wakeNext; next != 0 && next < 30*time.Second && !strings.HasPrefix(s.name, "progress") {
			t.Errorf("%s wants a new frame after %s", s.name, next)
		}
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

func TestOnlyOneTimerIsEverDue(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	d.m.again(time.Second)
	if d.m.timer() == nil {
		t.Fatal("no timer")
	}
	d.m.again(2 * time.Second)
	if d.m.timer() != nil {
		t.Error("a later one was added")
	}
	d.m.again(time.Millisecond)
	if d.m.timer() == nil {
		t.Error("an earlier one was not")
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

func TestAMeterForgetsWhatIsLongAgo(t *testing.T) {
	var r meter
	for i := range 20 {
		r.add(noon.Add(time.Duration(i)*time.Second), int64(i*i))
	}
	if got := r.perSecond(); got != 33 {
		t.Errorf("%f a second, want the last five seconds' 33", got)
	}
}

func TestTheFeedDropsTheOldestAndKeepsTheEnd(t *testing.T) {
	f := newFeed[int](3)
	for i := range 20 {
		f.put(i)
	}
	broke := errors.New("broke")
	f.end(broke)
	items, ended, err := f.take()
	if len(items) > 6 || items[len(items)-1] != 19 || !ended || err != broke {
		t.Errorf("got %d, %v, %v", items, ended, err)
	}
}

// manyKeys are keys that a cat on the keyboard presses.
var manyKeys = strings.Fields("enter esc tab up down pgup pgdown home end space j k g G n N p e m ! d l s z E r / f w t ] [ a A y u Y o v ? : M Q q R x b P S 1 2 3 6 9 ctrl+c ctrl+l backspace shop 日本")

func TestAnySizeAndKeysKeepToTheScreenAndQEnds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake()
		if rapid.Bool().Draw(rt, "many") {
			manyRows(f, rapid.IntRange(0, 60).Draw(rt, "rows"))
		}
		if rapid.Bool().Draw(rt, "none") {
			f.rows, f.networks, f.images, f.audit = nil, NetworkList{}, ImageList{}, Audit{}
		}
		f.plan.Sandbox = rapid.SampledFrom([]string{"shop", "", "日本語の名前", strings.Repeat("x", 90)}).Draw(rt, "name")
		if rapid.Bool().Draw(rt, "fails") {
			f.launch = failLate(f)
		}
		o := Options{Color: rapid.Bool().Draw(rt, "colour"), ASCII: rapid.Bool().Draw(rt, "ascii"), Hyperlinks: true, List: rapid.Bool().Draw(rt, "list")}
		d := drive(t, f, o, rapid.IntRange(0, 140).Draw(rt, "w"), rapid.IntRange(0, 50).Draw(rt, "h"))
		for _, k := range rapid.SliceOfN(rapid.SampledFrom(manyKeys), 0, 25).Draw(rt, "keys") {
			d.keys(k)
			if d.ended {
				return
			}
			if rapid.IntRange(0, 4).Draw(rt, "resize") == 0 {
				d.hand(tea.WindowSizeMsg{Width: rapid.IntRange(0, 200).Draw(rt, "w2"), Height: rapid.IntRange(0, 60).Draw(rt, "h2")})
			}
			if err := d.fits(); err != nil {
				rt.Fatal(err)
			}
		}
		for range 4 { // out of what is being typed or asked, then out
			if !d.ended {
				d.keys("esc", "q")
			}
		}
		if !d.ended {
			rt.Fatalf("q does not end it:\n%s", d.text())
		}
	})
}
