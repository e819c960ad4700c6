package tui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/golden"
)

// scenes bring each screen up as people meet it.
var scenes = []struct {
	name string
	open func(d *driver)
}{
	{"plan", func(*driver) {}},
	{"plan-end", func(d *driver) { d.keys("G") }},
	{"plan-asks", func(d *driver) {
		d.f.plan.Question = &Question{EditTrust, "shop/.berth.toml asks for more than it may have",
			[]string{`+ volumes = ["~/.ssh:/ssh"]`, `- profile = "strict"`}, "trust it", "leave it out"}
		d.keys("p")
	}},
	{"rules", func(d *driver) { d.keys("!") }},
	{"progress", func(d *driver) { showLaunch(d, 5) }},
	{"progress-start", func(d *driver) { showLaunch(d, 99); d.m.launches[0].logging = true; d.m.launches[0].log.add(d.f.logs) }},
	{"progress-cancelled", func(d *driver) { showLaunch(d, 5); d.keys("ctrl+c") }},
	{"running", func(d *driver) { d.m.push(d.m.view("shop")); d.keys("1") }},
	{"running-denied", func(d *driver) {
		d.f.refusals = []Refusal{{Target: "registry.example:443", Offer: "registry.example:443"}, {Target: "other.example:80", Offer: "other.example:80"}}
		d.m.push(d.m.view("shop"))
		d.keys("1")
	}},
	{"running-denied-private", func(d *driver) {
		d.f.refusals = []Refusal{{Target: "10.0.0.7:443", Why: "10.0.0.7:443 is a private address (RFC 1918)"}}
		d.m.push(d.m.view("shop"))
		d.keys("1")
	}},
	{"running-security", func(d *driver) { d.m.push(d.m.view("shop")); d.keys("4") }},
	{"list", func(d *driver) { d.keys("esc") }},
	{"list-remove", func(d *driver) { d.keys("esc", "d") }},
	{"networks", func(d *driver) { d.keys("n") }},
	{"images", func(d *driver) { d.keys("i") }},
	{"audit", func(d *driver) { d.keys("esc", "!", "enter") }},
	{"failure", func(d *driver) { failLaunch(d) }},
	{"failure-details", func(d *driver) { failLaunch(d); d.keys("d") }},
	{"help", func(d *driver) { d.keys("?") }},
	{"palette", func(d *driver) { d.keys(":", "p", "r") }},
}

// showLaunch shows a launch of which n events have come.
func showLaunch(d *driver, n int) {
	l := &launch{name: "shop", log: newLog(), stop: func() {}, began: noon.Add(-41 * time.Second)}
	l.steps = []*stepView{{kind: "pull", text: "acme/agent:1"}}
	for _, s := range d.f.plan.Steps[1:] {
		l.steps = append(l.steps, &stepView{kind: s.Kind, text: s.Text})
	}
	events := pullEvents(noon.Add(-20 * time.Second))
	events = append(events,
		event.Event{Time: noon, Step: "create", Stage: event.Begin, Text: "berth-shop"},
		event.Event{Time: noon, Step: "create", Stage: event.Done, Elapsed: 10 * time.Millisecond},
		event.Event{Time: noon, Step: "home", Stage: event.Begin},
		event.Event{Time: noon, Step: "home", Stage: event.Done, Elapsed: 36 * time.Millisecond},
		event.Event{Time: noon, Stage: event.Warning, Text: "before engine 28 a port on 127.0.0.1 is open to neighbours in the LAN"},
		event.Event{Time: noon.Add(-5 * time.Second), Step: "start", Stage: event.Begin},
	)
	for _, e := range events[:min(n, len(events))] {
		l.fold(e)
	}
	d.m.launches = append(d.m.launches, l)
	d.m.push(&progressView{l: l})
}

func failLaunch(d *driver) {
	showLaunch(d, 99)
	l := d.m.launches[0]
	l.fold(event.Event{Time: noon, Step: "start", Stage: event.Failed, Elapsed: 420 * time.Millisecond})
	l.fold(event.Event{Time: noon, Stage: event.Undone, Text: "container berth-shop"})
	l.log.add(d.f.logs)
	l.end(d.m, newPortTaken())
}

var sizes = [][2]int{{40, 12}, {80, 24}, {120, 40}}

func TestEachScreenAtEachSize(t *testing.T) {
	for _, s := range scenes {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s %dx%d", s.name, size[0], size[1]), func(t *testing.T) {
				d := drive(t, newFake(), Options{}, size[0], size[1])
				s.open(d)
				if err := d.fits(); err != nil {
					t.Error(err)
				}
				golden.Check(t, filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.golden", s.name, size[0], size[1])), []byte(d.text()))
			})
		}
	}
}

func TestAsciiHasNoOtherSign(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			d := drive(t, newFake(), Options{ASCII: true}, 80, 24)
			s.open(d)
			got := d.text()
			for _, r := range got {
				if r > '~' {
					t.Errorf("%q is not ASCII:\n%s", r, got)
				}
			}
			if s.name == "running" {
				golden.Check(t, filepath.Join("testdata", "running-ascii.golden"), []byte(got))
			}
		})
	}
}

func TestColoursOfTheThemes(t *testing.T) {
	for name, o := range map[string]Options{
		"auto": {Color: true, Theme: Auto}, "dark": {Color: true, Theme: Dark}, "light": {Color: true, Theme: Light}, "none": {},
	} {
		t.Run(name, func(t *testing.T) {
			d := drive(t, newFake(), o, 80, 24)
			d.keys("esc", "!")
			got := strings.ReplaceAll(strings.Join(d.m.frame(), "\n"), "\x1b", "␛") + "\n"
			golden.Check(t, filepath.Join("testdata", "colours-"+name+".golden"), []byte(got))
		})
	}
}

func TestWithoutColourNoColourIsWritten(t *testing.T) {
	for _, s := range scenes {
		d := drive(t, newFake(), Options{}, 80, 24)
		s.open(d)
		for _, l := range d.m.frame() {
			for _, code := range []string{"\x1b[3", "\x1b[9", "\x1b[1;3"} {
				if strings.Contains(l, code) {
					t.Errorf("%s: %q", s.name, l)
				}
			}
		}
	}
}

func TestALinkIsNeverCut(t *testing.T) {
	f := newFake()
	url := "http://a-name-of-thirty-one-characters.localhost:8011/"
	f.sandbox.Links[0].URL = url
	for _, w := range []int{20, 25, 33, 40, 64, 80} {
		d := drive(t, f, Options{Sandbox: "shop"}, w, 30)
		d.m.push(d.m.view("shop"))
		d.keys("1")
		var joined strings.Builder
		for _, l := range strings.Split(d.text(), "\n") {
			joined.WriteString(strings.TrimSpace(l))
		}
		if !strings.Contains(joined.String(), url) {
			t.Errorf("at %d columns the link is broken:\n%s", w, d.text())
		}
	}
}

func TestALinkCarriesItsAddressAsAHyperlinkOnEachPiece(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{Hyperlinks: true}, 24, 30)
	d.m.push(d.m.view("shop"))
	d.keys("1")
	frame := strings.Join(d.m.frame(), "\n")
	if n := strings.Count(frame, "\x1b]8;id=shop-code;http://shop.localhost:8011/\x1b\\"); n != 2 {
		t.Errorf("%d hyperlinks to the address, want one on each of the two lines:\n%q", n, frame)
	}
}

func TestNothingFromASandboxReachesTheTerminal(t *testing.T) {
	evil := "\x1b]0;title\a\x1b]52;c;ZXZpbA==\a\x1b[2J\x9b31m\u202eevil\x07\r\x1bP1;2q\x1b\\"
	f := newFake()
	f.logs = []LogLine{{Text: evil + "end"}}
	f.rows[0].Image, f.rows[0].Mounts, f.rows[0].Why = evil, evil, evil
	f.sandbox.Posture, f.sandbox.Links[0].Note, f.sandbox.Links[0].Label = evil, evil, evil
	f.sandbox.Mounts = []Line{{Name: evil, Text: evil, Fix: evil}}
	f.plan.Text, f.plan.Sandbox, f.plan.Engine = evil+"\n"+evil, "shop"+evil, evil
	f.plan.Rules = []Line{{Name: evil, Text: evil, Fix: evil}}
	f.audit = Audit{Probes: evil, Findings: []Line{{Name: evil, Text: evil, Fix: evil, Evidence: []string{evil}}}}
	f.networks.Networks = []Network{{Name: evil, About: evil, Members: evil, Opens: evil, Relay: evil}, {Name: "x", Refused: evil}}
	f.images.Images = []Image{{Ref: evil, Where: evil, Note: evil}}
	f.plan.Question = &Question{EditTrust, evil, []string{evil}, evil, evil}
	for _, keys := range [][]string{{}, {"esc"}, {"n", "!"}, {"n", "n", "s"}, {"n", "i"}, {"esc", "enter"}, {"esc", "enter", "2"}, {"esc", "!", "enter"}, {"esc", "d"}, {"n", "?"}} {
		d := drive(t, f, Options{}, 80, 24)
		d.keys(keys...)
		for _, l := range d.m.frame() {
			bare := ansi.Strip(l)
			if strings.ContainsAny(bare, "\a\r\u202e\x1b\u009b") || strings.Contains(l, "\x1b]") || strings.Contains(l, "\x1bP") || strings.Contains(l, "\x1b[2J") {
				t.Errorf("%v: %q", keys, l)
			}
		}
	}
}

func TestAFailureOfThePlanSaysItsHint(t *testing.T) {
	f := newFake()
	f.planErr = fault.New(fault.Engine, "sudo systemctl start docker", "unix:///var/run/docker.sock: nobody listens")
	d := drive(t, f, Options{}, 80, 24)
	d.wants("berth › shop › no plan", "✗ unix:///var/run/docker.sock: nobody listens", "  try: sudo systemctl start docker", "r retry")
	f.planErr = nil
	d.keys("r")
	d.wants("berth › shop › plan", "enter launch")
}

func TestTheReportHoldsEverythingAPersonAsksFor(t *testing.T) {
	d := drive(t, newFake(), Options{}, 80, 24)
	failLaunch(d)
	d.keys("y")
	copied := strings.Join(d.f.called("copy "), "")
	for _, want := range []string{"launch failed: port 8011 is in use", "kind: conflict", "failed    start", "last output:", "agent server ready"} {
		if !strings.Contains(copied, want) {
			t.Errorf("%q is missing from the report:\n%s", want, copied)
		}
	}
}

func TestPaintingWritesChangedLinesOnly(t *testing.T) {
	var out bytes.Buffer
	p := &painter{out: &out}
	frame := []string{"one", "two", "three"}
	paint := func(w, h int) string {
		out.Reset()
		if err := p.paint(frame, w, h); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const all = "\x1b[?2026h\x1b[1;1H\x1b[m\x1b[Kone\x1b[2;1H\x1b[m\x1b[Ktwo\x1b[3;1H\x1b[m\x1b[Kthree\x1b[m\x1b[?2026l"
	if got := paint(10, 3); got != all {
		t.Errorf("the first frame is %q", got)
	}
	if got := paint(10, 3); got != "" {
		t.Errorf("the same frame wrote %q", got)
	}
	frame = []string{"one", "2", "three"}
	if got, want := paint(10, 3), "\x1b[?2026h\x1b[2;1H\x1b[m\x1b[K2\x1b[m\x1b[?2026l"; got != want {
		t.Errorf("one changed line wrote %q", got)
	}
	if got := paint(4, 3); strings.Count(got, "\x1b[K") != 3 || !strings.Contains(got, "thre\x1b") {
		t.Errorf("a new size wrote %q", got)
	}
}

func TestAWriterThatFailsEndsTheScreen(t *testing.T) {
	p := &painter{out: failing{}}
	if err := p.paint([]string{"x"}, 1, 1); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
