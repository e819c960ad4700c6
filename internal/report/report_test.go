package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
)

var noon = time.Date(2026, 11, 21, 9, 14, 2, 0, time.UTC)

// printed runs do with a printer and gives what it wrote to the two streams.
func printed(o Options, do func(*Printer)) (out, errs string) {
	var outs, notes strings.Builder
	o.Out, o.Err = &outs, &notes
	do(New(o))
	return outs.String(), notes.String()
}

func after(d time.Duration, e event.Event) event.Event {
	e.Time = noon.Add(d)
	return e
}

func pull(d time.Duration, stage event.Stage, current, total int64) event.Event {
	return after(d, event.Event{Sandbox: "shop", Step: "pull", Text: "acme/agent:1", Stage: stage, Current: current, Total: total, AtLeast: true})
}

func TestAPullWithoutATerminalIsALineAChange(t *testing.T) {
	_, got := printed(Options{}, func(p *Printer) {
		p.Event(pull(0, event.Begin, 0, 0))
		p.Event(pull(0, event.Progress, 0, 2_100_000_000))
		p.Event(pull(time.Second, event.Progress, 20_000_000, 2_100_000_000)) // too little to say
		p.Event(pull(17*time.Second, event.Progress, 640_000_000, 2_100_000_000))
		done := pull(55*time.Second, event.Done, 0, 0)
		done.Elapsed = 55 * time.Second
		p.Event(done)
	})
	want := `pull acme/agent:1
pull acme/agent:1  0%  0 B of >= 2.1 GB  0:00
pull acme/agent:1  30%  640 MB of >= 2.1 GB  38 MB/s  0:17
✓ pull acme/agent:1  55.0 s
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOnATerminalProgressKeepsToOneLine(t *testing.T) {
	_, got := printed(Options{Repaint: true, Width: 30}, func(p *Printer) {
		p.Event(pull(0, event.Begin, 0, 0))
		p.Event(pull(2*time.Second, event.Progress, 640_000_000, 2_100_000_000))
		p.Note("hello")
		p.Event(pull(3*time.Second, event.Progress, 1, 0))
		p.Finish()
	})
	want := "\r\x1b[Kpull acme/agent:1" +
		"\r\x1b[Kpull acme/agent:1  30%  640 M" +
		"\r\x1b[Khello\n" +
		"\r\x1b[Kpull acme/agent:1  30%  640 M" +
		"\r\x1b[Kpull acme/agent:1  1 B  0:03" +
		"\r\x1b[K"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOfStepsSideBySideTheOneStillUnderWayIsShown(t *testing.T) {
	_, got := printed(Options{Repaint: true}, func(p *Printer) {
		p.Event(event.Event{Step: "ready", Stage: event.Begin, Text: "wait for /ready"})
		p.Event(event.Event{Step: "audit", Stage: event.Begin, Text: "audit"})
		p.Event(event.Event{Step: "audit", Stage: event.Done, Text: "audit"})
		p.Event(event.Event{Step: "ready", Stage: event.Done, Text: "wait for /ready"})
	})
	want := "\r\x1b[Kwait for /ready" + "\r\x1b[Kaudit" +
		"\r\x1b[K✓ audit\n" + "\r\x1b[Kwait for /ready" +
		"\r\x1b[K✓ wait for /ready\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestEachStepEndsInOneLine(t *testing.T) {
	step := func(stage event.Stage, name, text string, d time.Duration) event.Event {
		return event.Event{Time: noon, Sandbox: "shop", Step: name, Stage: stage, Text: text, Elapsed: d}
	}
	events := []event.Event{
		step(event.Begin, "create", "create container berth-shop", 0),
		step(event.Done, "create", "", 12*time.Millisecond),
		step(event.Begin, "ready", "", 0),
		step(event.Failed, "ready", "", 2500*time.Millisecond),
		step(event.Undone, "create", "container berth-shop", 0),
		step(event.Warning, "", "before engine 28 a neighbour reaches published ports", 0),
		step(event.Note, "", "log\x1b[31m line\nend", 0),
	}
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"for people", Options{}, `✓ create container berth-shop  12 ms
ready
✗ ready  failed  2.5 s
✓ removed container berth-shop
▲ before engine 28 a neighbour reaches published ports
log line end
`},
		{"for a screen reader", Options{Accessible: true, Repaint: true}, `ok: create container berth-shop  12 ms
ready
failed: ready  failed  2.5 s
ok: removed container berth-shop
warning: before engine 28 a neighbour reaches published ports
log line end
`},
		{"in ASCII", Options{ASCII: true}, `+ create container berth-shop  12 ms
ready
x ready  failed  2.5 s
+ removed container berth-shop
! before engine 28 a neighbour reaches published ports
log line end
`},
		{"quietly", Options{Quiet: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := printed(c.o, func(p *Printer) {
				for _, e := range events {
					p.Event(e)
				}
			})
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestEventsForProgramsAreNDJSON(t *testing.T) {
	out, got := printed(Options{JSON: true}, func(p *Printer) {
		p.Event(pull(0, event.Progress, 671088640, 2254857830))
		e := pull(0, event.Done, 0, 0)
		e.AtLeast, e.Elapsed = false, 1500*time.Millisecond
		e.Layers = []event.Layer{{ID: "a3ed95ca", Phase: "done", Total: 3}}
		p.Event(e)
	})
	want := `{"schema":"berth.event/v1","t":"2026-11-21T09:14:02Z","sandbox":"shop","step":"pull","stage":"progress","text":"acme/agent:1","cur":671088640,"total":2254857830,"min":true}
{"schema":"berth.event/v1","t":"2026-11-21T09:14:02Z","sandbox":"shop","step":"pull","stage":"done","text":"acme/agent:1","seconds":1.5,"layers":[{"id":"a3ed95ca","phase":"done","total":3}]}
`
	if got != want || out != "" {
		t.Errorf("got\n%s\nwant\n%s\nand on stdout %q", got, want, out)
	}
}

func TestAFaultIsTwoLinesOrOneObject(t *testing.T) {
	err := fault.New(fault.Usage, "did you mean \"volumes\"?", ".berth.toml:3:1: unknown key\n  3 | volumess = [\"<x>\"]\n    | ^^^^^^^^")
	_, text := printed(Options{Quiet: true}, func(p *Printer) { p.Fault(err) })
	if want := "berth: .berth.toml:3:1: unknown key\n  3 | volumess = [\"<x>\"]\n    | ^^^^^^^^\nberth: hint: did you mean \"volumes\"?\n"; text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	_, object := printed(Options{JSON: true}, func(p *Printer) { p.Fault(errors.New("plain")) })
	if want := `{"schema":"berth.error/v1","kind":"failure","message":"plain","hint":""}` + "\n"; object != want {
		t.Errorf("got\n%s\nwant\n%s", object, want)
	}
}

func TestAnObjectBeginsWithItsSchema(t *testing.T) {
	out, _ := printed(Options{}, func(p *Printer) {
		for _, v := range []any{struct{}{}, map[string]string{"url": "http://a/?x=1&y=2"}} {
			if err := p.Object("url", v); err != nil {
				t.Error(err)
			}
		}
		if err := p.Object("url", []int{1}); err == nil {
			t.Error("a list was taken for an object")
		}
	})
	if want := `{"schema":"berth.url/v1"}` + "\n" + `{"schema":"berth.url/v1","url":"http://a/?x=1&y=2"}` + "\n"; out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestTheReaderWhoWentAwayIsRemembered(t *testing.T) {
	p := New(Options{Out: broken{}, Err: &strings.Builder{}})
	p.Lines("one")
	p.Lines("two")
	if err := p.Broken(); err == nil || err.Error() != "gone" {
		t.Errorf("got %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestATableHasStraightColumns(t *testing.T) {
	got := Table{
		Head: []string{"NAME", "STATE", "AGE"},
		Rows: [][]string{{"shop", "● up", "12m"}, {"a-longer-name", "‖ paused", ""}, {"esc\x1b[2Jape"}, {"日本", "○ stopped", "1h"}},
	}.Lines()
	want := []string{
		"NAME           STATE      AGE",
		"shop           ● up       12m",
		"a-longer-name  ‖ paused",
		"escape",
		"日本           ○ stopped  1h",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFiguresForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Bytes(0), "0 B"}, {Bytes(999), "999 B"}, {Bytes(1000), "1 kB"}, {Bytes(2_100_000_000), "2.1 GB"},
		{Bytes(9_960_000), "10 MB"}, {Bytes(999_999), "1 MB"}, {Bytes(-5), "-5 B"},
		{Memory(610 << 20), "610 MiB"}, {Memory(4 << 30), "4 GiB"}, {Memory(1<<40 - 1), "1 TiB"},
		{Duration(-time.Second), "0 ms"}, {Duration(12 * time.Millisecond), "12 ms"}, {Duration(3450 * time.Millisecond), "3.4 s"},
		{Duration(59990 * time.Millisecond), "59.9 s"}, {Duration(125 * time.Second), "2:05"}, {Duration(3725 * time.Second), "1:02:05"},
		{Age(-time.Hour), "0s"}, {Age(59 * time.Second), "59s"}, {Age(12 * time.Minute), "12m"}, {Age(47 * time.Hour), "47h"}, {Age(72 * time.Hour), "3d"},
		{Plural(1, "rule", "rules"), "1 rule"}, {Plural(0, "rule", "rules"), "0 rules"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestOnlyATerminalCutsLines(t *testing.T) {
	if got := New(Options{OutWidth: 5}).Fit("日本語 and more"); got != "日本…" {
		t.Errorf("got %q", got)
	}
	if got := New(Options{Repaint: true, Width: 5}).Fit("all of it goes down a pipe"); got != "all of it goes down a pipe" {
		t.Errorf("got %q", got)
	}
}

func TestColourIsNeverAlone(t *testing.T) {
	if got := New(Options{Color: true}).Mark(Bad); got != "\x1b[31m✗\x1b[0m" {
		t.Errorf("got %q", got)
	}
	if got := New(Options{Color: true, Accessible: true}).Mark(Bad); got != "failed:" {
		t.Errorf("got %q", got)
	}
}

func TestNoKeyIsPrintedBesideTheData(t *testing.T) {
	err := fault.New(fault.Failure, "curl -H 'X-Session-API-Key: 0123abcd' http://a", "GET http://shop.localhost:8011/?tkn=0123abcd&folder=/w: Tkn=0123abcd")
	for _, o := range []Options{{}, {JSON: true}} {
		_, got := printed(o, func(p *Printer) {
			p.Fault(err)
			p.Note("see http://shop.localhost:8011/?folder=/w&tkn=0123abcd")
			p.Event(event.Event{Step: "ready", Stage: event.Failed, Error: "?session_api_key=0123abcd", Text: "tkn=0123abcd#x"})
		})
		if strings.Contains(got, "0123abcd") {
			t.Errorf("a key is in\n%s", got)
		}
		if !strings.Contains(got, "folder=/w") {
			t.Errorf("more than the key is hidden in\n%s", got)
		}
	}
}
