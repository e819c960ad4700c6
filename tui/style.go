package tui

import "strings"

// role is why a piece of text looks different. Meaning is never in the colour alone.
type role int

const (
	strong role = iota
	faint
	good
	bad
	warning
	accent
	found // what a search found
	roles
)

// paints are the SGR parameters of each role: attributes alone, in colours that suit both backgrounds, on dark, on
// light. Only the terminal's own 16 colours are used, so its palette decides.
var paints = [roles]struct{ mono, auto, dark, light string }{
	strong:  {"1", "1", "1", "1"},
	faint:   {"2", "2", "2", "2"},
	good:    {"", "32", "92", "32"},
	bad:     {"1", "1;31", "91", "31"},
	warning: {"", "33", "93", "1;33"},
	accent:  {"4", "36", "96", "34"},
	found:   {"7", "7", "7", "7"},
}

// glyphs are the drawn signs of the screen and what stands for them where only ASCII is wanted. All are one column.
var glyphs = strings.NewReplacer(
	"●", "*", "○", "o", "‖", "=", "✓", "+", "✗", "x", "▲", "!", "›", ">", "·", "|", "–", "-", "…", "~", "→", ">",
	"↑", "^", "↓", "v",
	"▁", ".", "▂", ".", "▃", ":", "▄", ":", "▅", "+", "▆", "+", "▇", "#", "█", "#",
	"⠋", "|", "⠙", "/", "⠹", "-", "⠸", "\\",
)

// style draws roles as the user wants them.
type style struct {
	color bool
	theme Theme
	ascii bool
}

func (s style) in(r role, text string) string {
	p := paints[r].mono
	if s.color {
		switch s.theme {
		case Dark:
			p = paints[r].dark
		case Light:
			p = paints[r].light
		default:
			p = paints[r].auto
		}
	}
	if p == "" || text == "" {
		return text
	}
	return "\x1b[" + p + "m" + text + "\x1b[m"
}

// marks say a Mark by a sign.
var marks = map[Mark]struct {
	sign string
	role role
}{
	None:   {" ", faint},
	Holds:  {"✓", good},
	Fails:  {"✗", bad},
	Warns:  {"▲", warning},
	Adds:   {"+", good},
	Drops:  {"-", bad},
	Alters: {"~", warning},
}

func (s style) mark(m Mark) string {
	v, ok := marks[m]
	if !ok {
		v = marks[None]
	}
	return s.in(v.role, v.sign)
}

// states say a State by a sign, which always stands beside the word.
var states = map[State]struct {
	sign string
	role role
}{
	Starting: {"○", accent},
	Up:       {"●", good},
	Paused:   {"‖", warning},
	Stopped:  {"○", faint},
	Broken:   {"✗", bad},
}

func (s style) state(st State) string {
	v, ok := states[st]
	if !ok {
		return clean(string(st))
	}
	return s.in(v.role, v.sign) + " " + string(st)
}

// bars are the steps of a sparkline.
const bars = "▁▂▃▄▅▆▇█"

// spark draws the last n figures against their own largest, at least floor.
func spark(figures []float64, n int, floor float64) string {
	if len(figures) > n {
		figures = figures[len(figures)-n:]
	}
	top := floor
	for _, f := range figures {
		top = max(top, f)
	}
	steps := []rune(bars)
	var b strings.Builder
	for _, f := range figures {
		i := int(f / top * float64(len(steps)-1))
		b.WriteRune(steps[max(0, min(i, len(steps)-1))])
	}
	return b.String()
}

// bar draws how much of a whole is done, w columns with its brackets.
func bar(done, whole int64, w int) string {
	w -= 2
	if w < 1 {
		return ""
	}
	n := 0
	if whole > 0 {
		n = int(float64(w) * min(1, max(0, float64(done)/float64(whole))))
	}
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", w-n) + "]"
}

// link makes text a hyperlink. Pieces of one wrapped link share an id, so that they light up as one.
func link(on bool, url, id, text string) string {
	if !on || url == "" {
		return text
	}
	return "\x1b]8;id=" + id + ";" + url + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}
