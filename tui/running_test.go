package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

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

func TestASandboxRemovedElsewhereLeavesTheScreen(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{}, 80, 24)
	d.keys("esc", "enter", "1")
	f.rows = f.rows[1:]
	d.hand(then(func(m *model) tea.Cmd { return m.hear([]News{{Sandbox: "*"}}) }))
	d.wants("shop: no such sandbox", "› blog")
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
