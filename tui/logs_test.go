package tui

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func logOf(n int) *logView {
	l := newLog()
	for i := range n {
		l.add([]LogLine{{Text: fmt.Sprintf("line %d", i)}})
	}
	return l
}

// seen is what a log shows in h rows, without its last line.
func seen(l *logView, w, h int) []string {
	c := &canvas{w: w, h: h + 1}
	l.draw(c)
	return c.lines[:h]
}

func TestTheLogKeepsTheLastTenThousandLines(t *testing.T) {
	l := logOf(ringLines + 5)
	if l.len() != ringLines || l.at(l.first).text != "line 5" || l.at(l.total()-1).text != fmt.Sprintf("line %d", ringLines+4) {
		t.Errorf("%d lines from %q to %q", l.len(), l.at(l.first).text, l.at(l.total()-1).text)
	}
}

func TestTheLogKeepsNoMoreThanItsBytes(t *testing.T) {
	l := newLog()
	long := strings.Repeat("x", 4000)
	for range 6000 {
		l.add([]LogLine{{Text: long}})
	}
	held := 0
	for _, line := range l.lines {
		held += len(line.text)
	}
	if held != l.bytes || held > ringBytes || l.total() != 6000 {
		t.Errorf("%d bytes held, %d counted, %d lines seen", held, l.bytes, l.total())
	}
	l.add([]LogLine{{Text: "last"}})
	if got := l.at(l.total() - 1).text; got != "last" {
		t.Errorf("the last line is %q", got)
	}
}

func TestScrollingUpStopsFollowingAndTheEndFollowsAgain(t *testing.T) {
	l := logOf(100)
	if got := seen(l, 40, 3); strings.TrimSpace(got[2]) != "line 99" {
		t.Errorf("following shows %q", got)
	}
	l.act("up")
	l.act("up")
	before := seen(l, 40, 3)
	l.add([]LogLine{{Text: "new"}})
	if got := seen(l, 40, 3); strings.Join(got, "|") != strings.Join(before, "|") || strings.TrimSpace(got[2]) != "line 97" {
		t.Errorf("paused, it moved from %q to %q", before, got)
	}
	l.act("bottom")
	if got := seen(l, 40, 3); !l.follow || strings.TrimSpace(got[2]) != "new" {
		t.Errorf("at the end it shows %q", got)
	}
	l.act("top")
	if got := seen(l, 40, 3); strings.TrimSpace(got[0]) != "line 0" {
		t.Errorf("at the top it shows %q", got)
	}
}

func TestSearchGoesRoundAndCounts(t *testing.T) {
	l := logOf(30)
	l.act("search")
	for _, r := range "line 1" {
		l.typed.key(keyOf(string(r)))
	}
	l.typed.key(keyOf("enter"))
	l.search()
	if l.hits != 11 {
		t.Errorf("%d hits, want 11", l.hits)
	}
	at := func() string { return l.at(l.after - 1).text }
	got := []string{at()}
	for range 3 {
		l.jump(-1)
		got = append(got, at())
	}
	l.jump(1)
	got = append(got, at())
	if want := "line 19 line 18 line 17 line 16 line 17"; strings.Join(got, " ") != want {
		t.Errorf("went to %s", got)
	}
	l.see(1)
	l.jump(-1)
	if at() != "line 19" {
		t.Errorf("round the beginning it went to %q", at())
	}
}

func TestSearchMindsCapitalsOnlyWhenGiven(t *testing.T) {
	for _, row := range []struct {
		text, query string
		want        int
	}{{"Agent Server", "server", 6}, {"Agent Server", "Server", 6}, {"agent server", "Server", -1}, {"x", "", -1}, {"İstanbul a", "a", 4}} {
		if got := index(row.text, row.query); got != row.want {
			t.Errorf("index(%q, %q) = %d, want %d", row.text, row.query, got, row.want)
		}
	}
}

func TestALineInJSONIsReadAsItsMessage(t *testing.T) {
	for in, want := range map[string]string{
		`{"asctime": "2026-01-02", "levelname": "INFO", "message": "GET /health 200"}`:                          "GET /health 200",
		`{"levelname": "WARNING", "message": "no key"}`:                                                         "WARNING no key",
		`{"levelname": "ERROR", "message": "it broke", "exc_info": "Traceback\n  File x\nOSError: no space\n"}`: "ERROR it broke · OSError: no space",
		`{"answer": 42}`:                  `{"answer": 42}`,
		`{"message": 42}`:                 `{"message": 42}`,
		`{"message": "cut off`:            `{"message": "cut off`,
		`hello {"message": "not at all"}`: `hello {"message": "not at all"}`,
	} {
		l := newLog()
		l.add([]LogLine{{Text: in}})
		if got := l.at(0).text; got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestWrappedLinesLoseNothing(t *testing.T) {
	l := newLog()
	text := strings.Repeat("0123456789", 10)
	l.add([]LogLine{{Text: text}})
	l.act("wrap")
	var joined string
	for _, row := range seen(l, 21, 6) {
		joined += strings.TrimSpace(row)
	}
	if joined != text {
		t.Errorf("wrapped it reads %q", joined)
	}
}

func TestAnyLogFitsItsWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLog()
		acts := []action{"up", "down", "page-up", "page-down", "top", "bottom", "follow", "wrap", "times", "next", "previous"}
		w, h := rapid.IntRange(1, 60).Draw(t, "w"), rapid.IntRange(2, 20).Draw(t, "h")
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			if rapid.Bool().Draw(t, "add") {
				lines := rapid.SliceOfN(rapid.StringMatching(`[a-c日 ]{0,70}`), 0, 30).Draw(t, "lines")
				for _, text := range lines {
					l.add([]LogLine{{Time: noon, Text: text}})
				}
			} else {
				l.act(rapid.SampledFrom(acts).Draw(t, "act"))
				l.typed.text = []rune("a")
				l.search()
			}
			c := &canvas{w: w, h: h}
			l.draw(c)
			if len(c.lines) != h {
				t.Fatalf("%d lines in a window of %d", len(c.lines), h)
			}
			hits := 0
			for n := l.first; n < l.total(); n++ {
				hits += l.hit(l.at(n))
			}
			if hits != l.hits {
				t.Fatalf("%d hits counted, there are %d", l.hits, hits)
			}
		}
	})
}
