package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// The smallest screen that shows more than a sentence, and the smallest that shows the list beside a sandbox.
const (
	leastWidth, leastHeight = 20, 5
	wideWidth, wideHeight   = 110, 24
	listWidth, gap          = 40, 2
)

func (m *model) wide() bool { return m.w >= wideWidth && m.h >= wideHeight }

// frame draws the whole screen: title, body, notice or modal, keys. It has at most h lines.
func (m *model) frame() []string {
	c := &canvas{w: m.w, h: m.h, st: m.st, m: m}
	if m.w < leastWidth || m.h < leastHeight {
		c.add("berth: " + fmt.Sprintf("%d×%d min · q quit", leastWidth, leastHeight))
		return m.finish(c)
	}
	c.add(m.titleLine())
	foot := c.part(m.w, m.h-2)
	switch {
	case m.modal != nil:
		m.modal.draw(foot)
	case m.notice != "":
		foot.addAll(hang(m.notice, m.w, 2)[:1])
	}
	body := c.part(m.w, m.h-2-len(foot.lines))
	m.body(body)
	body.fill(0)
	c.put(body)
	c.put(foot)
	m.footer(c)
	return m.finish(c)
}

// body draws the screen on top, beside the list where there is room for both.
func (m *model) body(c *canvas) {
	v, running := m.top().(*runningView)
	list := m.top() == screen(m.list)
	if !m.wide() || !running && !list {
		m.top().draw(m, c)
		return
	}
	if running {
		m.list.choose(v.name)
	}
	left, right := c.part(listWidth, c.h), c.part(c.w-listWidth-gap, c.h)
	m.list.draw(m, left)
	switch {
	case running:
		v.draw(m, right)
	case m.list.chosen().Name != "":
		m.view(m.list.chosen().Name).draw(m, right)
	}
	c.beside(left, right, gap)
}

func (m *model) finish(c *canvas) []string {
	m.zones = c.zones
	if m.st.ascii {
		for i, l := range c.lines {
			c.lines[i] = glyphs.Replace(l)
		}
	}
	return c.lines
}

// titleLine says where we are and how things stand.
func (m *model) titleLine() string {
	path, right := m.top().title(m)
	if m.away != "" {
		right = []string{m.st.in(warning, "▲ engine away, retrying")}
	}
	if !m.mouse && !m.o.NoMouse {
		right = append(right, m.st.in(warning, "mouse free"))
	}
	for len(right) > 0 {
		r := strings.Join(right, " · ")
		if left := m.crumbs(path); width(left)+2+width(r) <= m.w {
			return spread(left, r, m.w)
		}
		right = m.lessRight(right)
	}
	return m.crumbs(path)
}

// lessRight leaves out what matters least at the right end of the title: the engine, then the first.
func (m *model) lessRight(right []string) []string {
	if i := slices.Index(right, m.engine); i > 0 {
		return slices.Delete(right, i, i+1)
	}
	return right[1:]
}

// crumbs draws the way here, its middle left out when it is too long.
func (m *model) crumbs(path []string) string {
	path = append([]string{"berth"}, path...)
	for i := range path {
		path[i] = clean(path[i])
	}
	if short := strings.Join(path, " › "); width(short) > m.w {
		path = path[1:]
	}
	return m.st.in(strong, elide(strings.Join(path, " › "), m.w))
}

// footer draws the keys that work now.
func (m *model) footer(c *canvas) {
	if m.modal != nil {
		c.add(m.modal.footer(m))
		return
	}
	if t, ok := m.top().(typer); ok && t.field().open {
		c.add(m.st.in(strong, "enter") + " take it  " + m.st.in(strong, "esc") + " give up")
		return
	}
	items := m.footerItems()
	for {
		w := 0
		for _, i := range items {
			w += width(i.key) + 1 + width(i.word) + 2
		}
		if w-2 <= m.w || len(items) <= 1 {
			break
		}
		items = drop(items)
	}
	m.drawFooter(c, items)
}

// item is one entry of the footer.
type item struct {
	do        action
	key, word string
}

// drop leaves out the last entry that is not one of those that always help.
func drop(items []item) []item {
	for i, it := range slices.Backward(items) {
		if it.do != "help" && it.do != "quit" && it.do != "back" && it.do != "interrupt" && i > 0 {
			return slices.Delete(items, i, i+1)
		}
	}
	return items[:len(items)-1]
}

func (m *model) footerItems() []item {
	var out []item
	for _, do := range footers[m.top().place()] {
		key := m.keys.key(do)
		word, works := m.word(do)
		if key != "" && works {
			out = append(out, item{do, key, word})
		}
	}
	return out
}

// word is what the footer calls an action now; works is false when it has no use now.
func (m *model) word(do action) (word string, works bool) {
	if w, ok := m.top().(interface {
		word(*model, action) (string, bool)
	}); ok {
		if word, works = w.word(m, do); !works || word != "" {
			return word, works
		}
	}
	for _, b := range m.keys {
		if b.do == do {
			return b.hint, true
		}
	}
	return "", false
}

func (m *model) drawFooter(c *canvas, items []item) {
	var line strings.Builder
	x := 0
	type span struct {
		from, to int
		do       action
	}
	var spans []span
	for i, it := range items {
		if i > 0 {
			line.WriteString("  ")
			x += 2
		}
		w := width(it.key) + 1 + width(it.word)
		spans = append(spans, span{x, x + w, it.do})
		line.WriteString(m.st.in(strong, it.key) + " " + it.word)
		x += w
	}
	c.add(line.String())
	for _, s := range spans {
		c.on(s.from, s.to, func(m *model) tea.Cmd { return m.do(s.do) })
	}
}
