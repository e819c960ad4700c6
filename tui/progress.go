package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"berth/internal/event"
)

// progressView draws a launch under way.
type progressView struct {
	l      *launch
	layers bool
	full   bool
	scroller
	page int
}

func (p *progressView) place() place { return atProgress }

func (p *progressView) title(m *model) (path, right []string) {
	m.again(time.Second)
	word := "launching"
	if !p.l.cancelled.IsZero() {
		word = "cancelling"
	}
	return []string{p.l.name, word}, []string{clock(m.now().Sub(p.l.began))}
}

func (p *progressView) word(m *model, do action) (string, bool) {
	switch do {
	case "layers":
		return "", slices.ContainsFunc(p.l.steps, func(s *stepView) bool { return len(s.layers) > 0 })
	case "full-log":
		return "", p.l.logging
	case "interrupt":
		switch {
		case !p.l.cancelled.IsZero():
			return "again: at once", true
		case m.w < 64:
			return "cancel", true
		}
	}
	return "", true
}

func (p *progressView) act(_ *model, do action) (tea.Cmd, bool) {
	switch do {
	case "layers":
		p.layers = !p.layers
		return nil, true
	case "full-log":
		p.full = !p.full
		return nil, true
	}
	if p.full {
		return nil, p.l.log.act(do)
	}
	return nil, p.scroller.act(do, p.page)
}

func (p *progressView) draw(m *model, c *canvas) {
	if p.full && p.l.logging {
		p.l.log.draw(c)
		return
	}
	steps := p.stepLines(m, c.w)
	tail := c.part(c.w, min(tailLines+1, c.h/3))
	if p.l.logging && tail.h > 1 {
		p.l.log.tail(tail)
	}
	body := c.part(c.w, c.h-len(tail.lines))
	p.page = body.h
	p.scroller.draw(body, steps)
	if len(tail.lines) > 0 {
		body.fill(0)
	}
	c.put(body)
	c.put(tail)
}

// stepLines draws what has ended on a line or two, what goes on with all it tells, and what is to come.
func (p *progressView) stepLines(m *model, w int) []string {
	var done, todo, out []string
	for _, s := range p.l.steps {
		switch s.stage {
		case event.Done:
			done = append(done, strings.TrimSpace(m.st.in(good, "✓")+" "+s.kind+" "+m.st.in(faint, took(s.elapsed))))
		case "":
			todo = append(todo, m.st.in(faint, "○")+" "+s.kind)
		}
	}
	out = append(out, flow(done, w)...)
	for _, s := range p.l.steps {
		if s.stage != event.Done && s.stage != "" {
			out = append(out, p.stepLine(m, s, w)...)
		}
	}
	out = append(out, flow(todo, w)...)
	for _, n := range p.l.notes {
		out = append(out, hang(" "+m.st.in(warning, "▲")+" "+n, w, 3)...)
	}
	if !p.l.cancelled.IsZero() {
		out = append(out, " "+m.st.in(accent, "●")+" removing what was made")
	}
	for _, u := range p.l.undone {
		out = append(out, "   removed "+u)
	}
	return out
}

// stepLine draws a step that goes on, or has failed.
func (p *progressView) stepLine(m *model, s *stepView, w int) []string {
	sign := m.st.in(accent, "●")
	if s.stage == event.Failed {
		sign = m.st.in(bad, "✗")
	}
	figures := s.figures(m, w)
	name := s.name()
	out := []string{" " + sign + " " + elide(name, w-3)}
	if room := w - 3 - width(figures); room >= min(width(name), 24) {
		out[0] = " " + sign + " " + elide(name, room) + figures
	} else if figures != "" {
		out = append(out, "   "+strings.TrimSpace(figures))
	}
	if p.layers || m.wide() {
		out = append(out, layerLines(s.layers, w)...)
	}
	return out
}

// name says what a step does: its text, behind its kind where that is a bare name.
func (s *stepView) name() string {
	if strings.Contains(s.text, " ") || s.text == s.kind {
		return s.text
	}
	return strings.TrimSpace(s.kind + " " + s.text)
}

// figures say how far a step is: bar, percent, bytes, time to go. Without a total only what is known.
func (s *stepView) figures(m *model, w int) string {
	if s.current == 0 && s.total == 0 {
		if s.began.IsZero() || m.now().Sub(s.began) < time.Second {
			return ""
		}
		return "  " + clock(m.now().Sub(s.began))
	}
	if s.total == 0 {
		return "  " + diskSize(s.current)
	}
	least := ""
	if s.atLeast {
		least = ">="
	}
	text := fmt.Sprintf("  %3d%%  %s/%s%s", percent(s.current, s.total), diskSize(s.current), least, diskSize(s.total))
	if rate := s.rate.perSecond(); rate > 0 {
		if w >= 100 {
			text += "  " + diskSize(int64(rate)) + "/s"
		}
		if s.total > s.current {
			text += "  " + clock(time.Duration(float64(s.total-s.current)/rate*float64(time.Second)))
		}
	}
	if room := min(24, w-width(text)-30); room >= 8 {
		return "  " + bar(s.current, s.total, room) + text
	}
	return text
}

func percent(n, of int64) int64 { return max(0, min(100, n*100/max(1, of))) }

// layerLines draws the layers of a pull side by side.
func layerLines(layers []event.Layer, w int) []string {
	var cells []string
	for _, l := range layers {
		cell := pad(clean(l.ID), 8) + "  " + clean(l.Phase)
		switch {
		case l.Total > 0 && l.Phase == "download":
			cell = pad(clean(l.ID), 8) + "  " + diskSize(l.Current) + "/" + diskSize(l.Total)
		case l.Total > 0 && l.Phase == "extract":
			cell += fmt.Sprintf(" %d%%", percent(l.Current, l.Total))
		}
		cells = append(cells, pad(cell, 26))
	}
	per := max(1, (w-4)/28)
	var out []string
	for row := range slices.Chunk(cells, per) {
		out = append(out, "     "+strings.TrimRight(strings.Join(row, "  "), " "))
	}
	return out
}

// flow sets words side by side, as many to a line as fit.
func flow(words []string, w int) []string {
	var out []string
	line := ""
	for _, word := range words {
		if line != "" && width(line)+2+width(word) > w {
			out = append(out, line)
			line = ""
		}
		if line == "" {
			line = " " + word
		} else {
			line += "  " + word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}
