package tui

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

func TestElideKeepsBothEndsOfAPath(t *testing.T) {
	for _, row := range []struct {
		in   string
		w    int
		want string
	}{
		{"/home/me/shop", 20, "/home/me/shop"},
		{"/home/me/projects/2026/shop", 16, "/…/2026/shop"},
		{"~/projects/clients/acme/shop", 12, "~/…/acme/shop"[:0] + "~/…/shop"},
		{"acme/agent:1", 10, "acme…ent:1"},
		{"日本語の長い名前", 9, "日本…名前"},
		{"日本語の長い名前", 10, "日本…名前"},
		{"abc", 2, "a…"},
		{"abc", 0, ""},
	} {
		if got := elide(row.in, row.w); got != row.want || width(got) > row.w {
			t.Errorf("elide(%q, %d) = %q, want %q", row.in, row.w, got, row.want)
		}
	}
}

func TestElideKeepsToItsWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([a-z/]|[日本語👍]){0,40}`).Draw(t, "s")
		w := rapid.IntRange(0, 30).Draw(t, "w")
		if got := elide(s, w); width(got) > w {
			t.Errorf("%q is wider than %d", got, w)
		}
	})
}

func TestHangWrapsAtBlanks(t *testing.T) {
	for _, row := range []struct {
		in        string
		w, indent int
		want      []string
	}{
		{"one two three", 20, 2, []string{"one two three"}},
		{"one two three", 8, 2, []string{"one two", "  three"}},
		{"  image   acme/agent:1, local", 20, 4, []string{"  image", "    acme/agent:1,", "    local"}},
		{"abcdefghij", 4, 1, []string{"abcd", " efg", " hij"}},
		{"日本語", 3, 1, []string{"日", " 本", " 語"}},
		{"日", 1, 0, []string{"日"}},
	} {
		if got := hang(row.in, row.w, row.indent); !reflect.DeepEqual(got, row.want) {
			t.Errorf("hang(%q, %d, %d) = %q, want %q", row.in, row.w, row.indent, got, row.want)
		}
	}
}

func TestHangLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-z /,.é日]{0,80}`).Draw(t, "s")
		w := rapid.IntRange(2, 60).Draw(t, "w")
		indent := rapid.IntRange(0, 12).Draw(t, "indent")
		got := hang(s, w, indent)
		bare := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if bare(strings.Join(got, "")) != bare(s) {
			t.Errorf("%q became %q", s, got)
		}
		for _, l := range got {
			if width(l) > w && w > 3 {
				t.Errorf("%q is wider than %d", l, w)
			}
		}
	})
}

func TestFiguresReadAsPeopleSayThem(t *testing.T) {
	for got, want := range map[string]string{
		size(0):                             "0 B",
		size(610 << 20):                     "610 MiB",
		size(4 << 30):                       "4 GiB",
		size(1536 << 20):                    "1.5 GiB",
		diskSize(640_000_000):               "640 MB",
		diskSize(2_100_000_000):             "2.1 GB",
		diskSize(999):                       "999 B",
		clock(41 * time.Second):             "0:41",
		clock(-time.Second):                 "0:00",
		clock(3723 * time.Second):           "1:02:03",
		took(10 * time.Millisecond):         "10 ms",
		took(20 * time.Microsecond):         "1 ms",
		took(2500 * time.Millisecond):       "2.5 s",
		took(75 * time.Second):              "1:15",
		took(0):                             "",
		count(1, "line"):                    "1 line",
		count(0, "line"):                    "0 lines",
		number(2, "sandbox", "sandboxes"):   "2 sandboxes",
		bar(1, 2, 12):                       "[#####.....]",
		bar(5, 2, 6):                        "[####]",
		bar(1, 0, 5):                        "[...]",
		spark([]float64{0, 50, 100}, 8, 1):  "▁▄█",
		spark([]float64{1, 2, 3, 4}, 2, 10): "▃▃",
		spread("left", "right", 12):         "left   right",
		spread("left", "right", 10):         "left",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAgeSaysWhenItWillChange(t *testing.T) {
	for _, row := range []struct {
		d    time.Duration
		want string
		next time.Duration
	}{
		{20 * time.Second, "now", 40 * time.Second},
		{12*time.Minute + 10*time.Second, "12m", 50 * time.Second},
		{2 * time.Hour, "2h", time.Hour},
		{73 * time.Hour, "3d", 23 * time.Hour},
		{-time.Hour, "now", time.Minute},
	} {
		if got, next := age(row.d); got != row.want || next != row.next {
			t.Errorf("age(%s) = %s, %s; want %s, %s", row.d, got, next, row.want, row.next)
		}
	}
}

func TestWidthsAreOfGraphemes(t *testing.T) {
	for s, want := range map[string]int{"日本": 4, "👨‍👩‍👧": 2, "é": 1, "e\u0301": 1, "abc": 3} {
		if got := width(s); got != want {
			t.Errorf("width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestPadGivesExactlyItsColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := clean(rapid.StringMatching(`([a-z/]|[äé]|e\x{301}|[日本語]|[👍🚀]|[\x{1}-\x{1f}]){0,30}`).Draw(t, "s"))
		w := rapid.IntRange(0, 40).Draw(t, "w")
		if got := width(pad(s, w)); got != w {
			t.Errorf("%q padded to %d is %d wide", s, w, got)
		}
	})
}

func TestEveryGlyphHasOneColumnInBothForms(t *testing.T) {
	for _, s := range scenes {
		d := drive(t, newFake(), Options{}, 80, 24)
		s.open(d)
		for _, l := range d.m.frame() {
			if a, b := ansi.StringWidth(l), ansi.StringWidth(glyphs.Replace(l)); a != b {
				t.Errorf("%s: %d and %d columns: %q", s.name, a, b, l)
			}
		}
	}
}
