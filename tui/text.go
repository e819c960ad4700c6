package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"berth/internal/text"
)

// clean makes a text safe to draw on one line: nothing in it moves the terminal or deceives the eye.
func clean(s string) string { return text.Line(s) }

func width(s string) int { return ansi.StringWidth(s) }

// cut shortens s to w columns and marks that it did.
func cut(s string, w int) string {
	if w <= 0 {
		return ""
	}
	return ansi.Truncate(s, w, "…")
}

// pad gives s exactly w columns.
func pad(s string, w int) string {
	s = cut(s, w)
	if n := w - width(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// elide shortens s in its middle, at slashes if there are any: both ends of a path tell more than its beginning.
func elide(s string, w int) string {
	if width(s) <= w {
		return s
	}
	parts := strings.Split(s, "/")
	for n := len(parts) - 1; n > 1; n-- {
		short := parts[0] + "/…/" + strings.Join(parts[len(parts)-n+1:], "/")
		if width(short) <= w {
			return short
		}
	}
	if w < 3 {
		return cut(s, w)
	}
	head := ansi.Truncate(s, (w-1)/2, "")
	tail := ansi.TruncateLeft(s, width(s)-(w-1-width(head)), "")
	if width(tail) > w-1-width(head) { // a wide sign stood across the cut
		tail = ansi.TruncateLeft(s, width(s)-(w-2-width(head)), "")
	}
	return head + "…" + tail
}

// columns cuts s into pieces of at most w columns, losing nothing.
func columns(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	return strings.Split(ansi.Hardwrap(s, w, true), "\n")
}

// hang wraps s at blanks to w columns; the lines after the first are indented. A word that is longer than a line goes
// on in the next: nothing is lost.
func hang(s string, w, indent int) []string {
	if width(s) <= w || w < 1 {
		return []string{s}
	}
	if indent > w/2 {
		indent = min(2, w/2)
	}
	var out []string
	line, room := "", w
	put := func() {
		out = append(out, line)
		line, room = strings.Repeat(" ", indent), w-indent
	}
	for _, word := range strings.SplitAfter(s, " ") {
		if bare := width(strings.TrimRight(word, " ")); bare > room && bare <= w-indent {
			put()
		}
		for width(strings.TrimRight(word, " ")) > room {
			head := ansi.Truncate(word, room, "")
			if width(head) == 0 && room >= w-indent {
				break // a sign wider than the line
			}
			line += head
			word = ansi.TruncateLeft(word, width(head), "")
			put()
		}
		line += word
		room -= width(word)
	}
	out = append(out, line)
	for i := range out {
		out[i] = strings.TrimRight(out[i], " ")
	}
	return out
}

// spread puts left and right at the two ends of a line, right only if there is room for it.
func spread(left, right string, w int) string {
	gap := w - width(left) - width(right)
	if right == "" || gap < 2 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

// size says bytes as people do, base 1024 with its right unit.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return decimals(f, i) + " " + units[i]
}

// diskSize says bytes as registries and docker do, base 1000.
func diskSize(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	return decimals(f, i) + " " + units[i]
}

func decimals(f float64, unit int) string {
	if unit == 0 || f >= 10 || f == float64(int64(f)) {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.1f", f)
}

// clock says a duration as m:ss, or h:mm:ss.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	if s < 0 {
		s = 0
	}
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// took says how long a step took.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return clock(d)
	}
}

// ages are the units of age, largest first.
var ages = []struct {
	unit time.Duration
	name string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}}

// age says how old something is in its largest unit, and after how long that will change.
func age(d time.Duration) (string, time.Duration) {
	for _, a := range ages {
		if d >= a.unit {
			return fmt.Sprintf("%d%s", d/a.unit, a.name), a.unit - d%a.unit
		}
	}
	return "now", time.Minute - max(0, d)
}

func count(n int, thing string) string { return number(n, thing, thing+"s") }

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
