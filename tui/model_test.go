package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"pgregory.net/rapid"
)

// launching opens a launch that waits for its context.
// forced tells whether all grace is gone.
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
