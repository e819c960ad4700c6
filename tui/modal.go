package tui

import (
	"cmp"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// modal asks for one decision above the footer. What is safe is what happens without an answer.
type modal struct {
	title   string
	lines   []string
	choices []choice
	no      string // what esc means, "no" if empty
	word    string // has to be typed before the first choice counts
	field   field
	scroll  scroller
	shown   int // lines in view, for paging
}

// choice is one answer.
type choice struct {
	key  string
	word string
	do   func(*model) tea.Cmd
}

// ask opens a modal; esc, enter and n mean no.
func (m *model) ask(title string, lines []string, choices ...choice) {
	m.modal = &modal{title: clean(title), lines: lines, choices: choices}
}

// askTyped opens a modal whose first choice wants a word typed and enter.
func (m *model) askTyped(title string, lines []string, word string, do func(*model) tea.Cmd) {
	m.modal = &modal{title: clean(title), lines: lines, word: word, field: field{open: true},
		choices: []choice{{"enter", "with the word typed", do}}}
}

func (d *modal) key(m *model, k tea.KeyMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		m.modal = nil
		return m.interrupt()
	}
	if d.word != "" {
		return d.typing(m, k)
	}
	key := name(k)
	for _, c := range d.choices {
		if c.key == key {
			m.modal = nil
			return c.do(m)
		}
	}
	do, _ := m.keys.find(everywhere, key)
	if d.scroll.act(do, d.shown) {
		return nil
	}
	switch key {
	case "esc", "enter", "n", "q":
		m.modal = nil
	}
	return nil
}

func (d *modal) typing(m *model, k tea.KeyMsg) tea.Cmd {
	if !d.field.key(k) {
		return nil
	}
	m.modal = nil
	if d.field.String() == d.word {
		return d.choices[0].do(m)
	}
	m.say("nothing was done")
	return nil
}

// draw draws the question from below, as much of it as fits with a line to spare for what it is about.
func (d *modal) draw(c *canvas) {
	var lines []string
	for _, l := range d.lines {
		lines = append(lines, hang(l, c.w-2, 4)...)
	}
	for _, l := range hang(d.title, c.w, 2) {
		c.add(c.st.in(strong, l))
	}
	d.shown = min(len(lines), max(0, c.room()-2))
	in := c.part(c.w, d.shown)
	d.scroll.draw(in, lines)
	for i, l := range in.lines {
		in.lines[i] = "  " + l
	}
	c.put(in)
	if d.word != "" {
		c.add("  type " + d.word + ": " + d.field.String() + "_")
	}
}

func (d *modal) footer(m *model) string {
	var out []string
	for _, ch := range d.choices {
		out = append(out, m.st.in(strong, ch.key)+" "+ch.word)
	}
	if !slices.ContainsFunc(d.choices, func(c choice) bool { return c.key == "n" }) {
		out = append(out, m.st.in(strong, "esc")+" "+cmp.Or(d.no, "no"))
	}
	return strings.Join(out, "  ")
}
