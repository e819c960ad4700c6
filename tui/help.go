package tui

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// helpView shows the keys of the screen it was called from, then those that work everywhere.
type helpView struct {
	of    place
	typed field
	scroller
	page int
}

func newHelp(m *model) *helpView { return &helpView{of: m.top().place()} }

func (h *helpView) place() place { return atHelp }

func (h *helpView) title(*model) (path, right []string) {
	path = []string{"help", string(h.of)}
	if h.typed.used() {
		right = []string{"filter: " + h.typed.String()}
		if h.typed.open {
			right[0] += "_"
		}
	}
	return path, right
}

func (h *helpView) act(m *model, do action) (tea.Cmd, bool) {
	switch do {
	case "find":
		h.typed.open = true
		return nil, true
	case "help":
		m.back()
		return nil, true
	}
	return nil, h.scroller.act(do, h.page)
}

func (h *helpView) field() *field               { return &h.typed }
func (h *helpView) typing(*model, bool) tea.Cmd { return nil }

func (h *helpView) draw(m *model, c *canvas) {
	columns := 1
	if c.w >= 76 {
		columns = 2
	}
	lines := []string{m.st.in(strong, string(h.of))}
	lines = append(lines, h.entries(m, m.keys.at(h.of), c.w, columns)...)
	lines = append(lines, "", m.st.in(strong, string(everywhere)))
	lines = append(lines, h.entries(m, m.keys.at(everywhere), c.w, columns)...)
	lines = append(lines, "", "exit codes: berth help exit-codes")
	h.page = c.room()
	h.scroller.draw(c, lines)
}

// entries sets keys and their meaning in columns, read downwards.
func (h *helpView) entries(m *model, bs []binding, w, columns int) []string {
	var cells []string
	each := w/columns - 1
	known := left(h.typed, bs, func(b binding) (string, string) { return string(b.do), b.shownKeys() + " " + b.help })
	for _, b := range known {
		if len(b.keys) == 0 {
			continue
		}
		cells = append(cells, pad(" "+m.st.in(strong, pad(b.shownKeys(), 9))+" "+b.help, each))
	}
	if h.of == atRunning && bs[0].places[0] != everywhere && h.typed.String() == "" {
		cells = append(cells, pad(" "+m.st.in(strong, pad("1-6", 9))+" tabs by number", each))
	}
	rows := (len(cells) + columns - 1) / columns
	var out []string
	for i := range rows {
		line := cells[i]
		if j := i + rows; columns == 2 && j < len(cells) {
			line += "  " + cells[j]
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return out
}

// paletteView runs an action by its name.
type paletteView struct {
	below screen
	typed field
	cursor
}

func newPalette(m *model) *paletteView {
	return &paletteView{below: m.top(), typed: field{open: true}}
}

func (p *paletteView) place() place { return p.below.place() }

func (p *paletteView) title(m *model) (path, right []string) { return p.below.title(m) }

// act moves the choice; everything else is typed.
func (p *paletteView) act(m *model, do action) (tea.Cmd, bool) { return nil, true }

func (p *paletteView) field() *field { return &p.typed }

// typing runs the chosen action when enter is pressed.
func (p *paletteView) typing(m *model, done bool) tea.Cmd {
	if !done {
		p.at = 0
		return nil
	}
	found := p.found(m)
	m.back()
	if len(p.typed.text) == 0 || len(found) == 0 {
		return nil
	}
	return m.do(found[min(p.at, len(found)-1)].do)
}

// found are the actions that what is typed means, the best first.
func (p *paletteView) found(m *model) []binding {
	all := slices.Concat(m.keys.at(p.below.place()), m.keys.at(everywhere))
	rows := make([]string, len(all))
	for i, b := range all {
		rows[i] = string(b.do) + " " + b.help
	}
	var out []binding
	for _, i := range best(p.typed.String(), rows) {
		if all[i].do != "palette" {
			out = append(out, all[i])
		}
	}
	return out
}

func (p *paletteView) draw(m *model, c *canvas) {
	c.add(m.st.in(strong, ":") + p.typed.String() + "_")
	for i, b := range p.found(m) {
		c.add(cut(pick(m, i == p.at)+" "+pad(string(b.do), 14)+" "+pad(b.shownKeys(), 10)+" "+m.st.in(faint, b.help), c.w))
		c.on(0, c.w, func(m *model) tea.Cmd {
			m.back()
			return m.do(b.do)
		})
	}
}
