package tui

import tea "github.com/charmbracelet/bubbletea"

// canvas is the part of the screen that one view fills, line by line. It never holds more lines than it has.
type canvas struct {
	w, h  int
	lines []string
	zones []zone
	st    style
	m     *model
}

// zone is a piece of a line that a click acts on.
type zone struct {
	row, from, to int
	click         func(*model) tea.Cmd
}

// add draws one line, if there is room.
func (c *canvas) add(line string) {
	if len(c.lines) < c.h {
		c.lines = append(c.lines, line)
	}
}

func (c *canvas) addAll(lines []string) {
	for _, l := range lines {
		c.add(l)
	}
}

// on makes the line added last clickable from column from to before column to.
func (c *canvas) on(from, to int, click func(*model) tea.Cmd) {
	if n := len(c.lines); n > 0 {
		c.zones = append(c.zones, zone{n - 1, from, to, click})
	}
}

// room says how many lines are left.
func (c *canvas) room() int { return c.h - len(c.lines) }

// fill leaves only the last n lines.
func (c *canvas) fill(n int) {
	for c.room() > n {
		c.add("")
	}
}

// part gives a canvas for a part of this one.
func (c *canvas) part(w, h int) *canvas {
	return &canvas{w: max(0, w), h: max(0, h), st: c.st, m: c.m}
}

// put draws a part below what is there, shifted to the right by x.
func (c *canvas) put(p *canvas) {
	row := len(c.lines)
	for _, z := range p.zones {
		z.row += row
		c.zones = append(c.zones, z)
	}
	c.addAll(p.lines)
}

// beside draws two parts next to each other.
func (c *canvas) beside(left, right *canvas, gap int) {
	row := len(c.lines)
	blank := pad("", gap)
	for i := range max(len(left.lines), len(right.lines)) {
		line := pad(at(left.lines, i), left.w)
		if r := at(right.lines, i); r != "" {
			line += blank + r
		}
		c.add(line)
	}
	for _, z := range left.zones {
		z.row += row
		z.to = min(z.to, left.w)
		c.zones = append(c.zones, z)
	}
	for _, z := range right.zones {
		z.row += row
		z.from, z.to = z.from+left.w+gap, z.to+left.w+gap
		c.zones = append(c.zones, z)
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// scroller keeps which part of a longer text is in view.
type scroller struct{ top int }

// view gives the h lines in view, and how many are below.
func (s *scroller) view(lines []string, h int) (shown []string, below int) {
	s.top = max(0, min(s.top, len(lines)-h))
	end := min(len(lines), s.top+max(0, h))
	return lines[s.top:end], len(lines) - end
}

// draw fills the canvas with lines, saying what is out of view.
func (s *scroller) draw(c *canvas, lines []string) {
	h := c.room()
	if len(lines) <= h || h < 3 {
		shown, _ := s.view(lines, h)
		c.addAll(shown)
		return
	}
	shown, below := s.view(lines, h-1)
	c.addAll(shown)
	c.add(c.st.in(faint, more(s.top, below)))
}

func more(above, below int) string {
	switch {
	case above == 0:
		return "  ↓ " + count(below, "more line")
	case below == 0:
		return "  ↑ " + count(above, "more line")
	default:
		return "  ↑ " + count(above, "line") + "  ↓ " + count(below, "more line")
	}
}

// act moves the view; page is how many lines it shows.
func (s *scroller) act(do action, page int) bool {
	step, ok := steps(do, page)
	if ok {
		s.top = max(0, s.top+step)
	}
	return ok
}

// far is further than any text is long.
const far = 1 << 30

// steps says by how many lines an action moves.
func steps(do action, page int) (int, bool) {
	switch do {
	case "down":
		return 1, true
	case "up":
		return -1, true
	case "page-down":
		return max(1, page-1), true
	case "page-up":
		return -max(1, page-1), true
	case "bottom":
		return far, true
	case "top":
		return -far, true
	}
	return 0, false
}

// cursor keeps which of n rows is chosen, and which are in view.
type cursor struct{ at, top int }

// act moves the choice among n rows.
func (k *cursor) act(do action, page, n int) bool {
	step, ok := steps(do, page)
	if ok {
		k.at = max(0, min(k.at+step, n-1))
	}
	return ok
}

// window gives the rows in view when h fit, the chosen one among them.
func (k *cursor) window(n, h int) (from, to int) {
	k.at = max(0, min(k.at, n-1))
	h = max(1, h)
	if k.at < k.top {
		k.top = k.at
	}
	if k.at >= k.top+h {
		k.top = k.at - h + 1
	}
	k.top = max(0, min(k.top, n-h))
	return k.top, min(n, k.top+h)
}
