package tui

import (
	"context"
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// auditView compares what was planned with what runs.
type auditView struct {
	name    string
	audit   Audit
	known   bool
	looking bool
	err     error
	open    map[string]bool // findings whose evidence is shown
	rowAt   []int           // first line of each finding, as last drawn
	cursor
	lines scroller
	page  int
}

func (m *model) openAudit(name string) tea.Cmd {
	v := &auditView{name: name, open: map[string]bool{}}
	m.push(v)
	return v.look(m, false)
}

func (v *auditView) look(m *model, probe bool) tea.Cmd {
	if v.looking {
		return nil
	}
	v.looking = true
	return m.work(func(ctx context.Context) then {
		a, err := m.b.Audit(ctx, v.name, probe)
		return func(*model) tea.Cmd {
			v.looking, v.err = false, err
			if err == nil {
				v.audit, v.known = a, true
			}
			return nil
		}
	})
}

func (v *auditView) place() place { return atAudit }

func (v *auditView) title(m *model) (path, right []string) {
	path = []string{v.name, "audit"}
	switch {
	case v.looking:
		right = []string{"looking"}
	case v.known && v.audit.Differs > 0:
		right = []string{m.st.in(bad, fmt.Sprintf("planned and running differ in %d", v.audit.Differs))}
	case v.known:
		right = []string{m.st.in(good, "runs as planned")}
	}
	return path, right
}

func (v *auditView) word(_ *model, do action) (string, bool) {
	switch do {
	case "evidence":
		return "", len(v.audit.Findings) > 0
	case "export":
		return "", v.known
	}
	return "", true
}

func (v *auditView) act(m *model, do action) (tea.Cmd, bool) {
	if v.cursor.act(do, v.page, len(v.audit.Findings)) {
		return nil, true
	}
	switch do {
	case "evidence":
		if v.at < len(v.audit.Findings) {
			name := v.audit.Findings[v.at].Name
			v.open[name] = !v.open[name]
		}
		return nil, true
	case "rerun":
		return v.look(m, true), true
	case "export":
		if v.known {
			return m.save(v.name, "audit", v.text()), true
		}
		return nil, true
	case "recreate":
		m.plan = newPlanView(Edits{EditRecreate: "yes"}, v.name)
		m.push(m.plan)
		return m.plan.ask(m), true
	}
	return nil, false
}

func (v *auditView) draw(m *model, c *canvas) {
	if v.err != nil {
		c.addAll(hang(m.st.in(bad, "✗")+" "+sentence(v.err), c.w, 2))
	}
	if !v.known {
		if v.err == nil {
			c.add(m.st.in(faint, "  comparing planned and running"))
		}
		return
	}
	lines := v.findingLines(m.st, c.w)
	foot := 0
	if v.audit.Probes != "" {
		foot = 1
	}
	body := c.part(c.w, c.room()-foot)
	v.page = max(1, body.h)
	v.keepInView(len(lines), body.h)
	v.lines.draw(body, lines)
	for i := range body.lines {
		if f, ok := v.findingAt(i + v.lines.top); ok {
			body.zones = append(body.zones, zone{i, 0, c.w, func(m *model) tea.Cmd { v.at = f; return m.do("evidence") }})
		}
	}
	body.fill(0)
	c.put(body)
	if foot > 0 {
		c.add(cut("probes inside: "+clean(v.audit.Probes), c.w))
	}
}

// findingLines draws all findings, the chosen one marked, evidence where it was asked for.
func (v *auditView) findingLines(st style, w int) []string {
	name := nameColumn(v.audit.Findings, w)
	var out []string
	v.rowAt = v.rowAt[:0]
	for i, f := range v.audit.Findings {
		v.rowAt = append(v.rowAt, len(out))
		rows := tableRow(st, f, name, w)
		if i == v.at {
			rows[0] = st.in(strong, "›") + strings.TrimPrefix(rows[0], " ")
		}
		out = append(out, rows...)
		if v.open[f.Name] {
			for _, e := range f.Evidence {
				for _, piece := range hang(clean(e), max(1, w-7), 2) {
					out = append(out, "     "+st.in(faint, "| "+piece))
				}
			}
			if len(f.Evidence) == 0 {
				out = append(out, "     "+st.in(faint, "| no more is known"))
			}
		}
	}
	return out
}

// keepInView scrolls so that the chosen finding shows.
func (v *auditView) keepInView(n, h int) {
	if v.at >= len(v.rowAt) {
		return
	}
	row := v.rowAt[v.at]
	next := n
	if v.at+1 < len(v.rowAt) {
		next = v.rowAt[v.at+1]
	}
	if next > v.lines.top+h-1 {
		v.lines.top = next - h + 1
	}
	if row < v.lines.top {
		v.lines.top = row
	}
	v.lines.top = max(0, v.lines.top)
}

func (v *auditView) findingAt(row int) (int, bool) {
	for i := len(v.rowAt) - 1; i >= 0; i-- {
		if row >= v.rowAt[i] {
			return i, true
		}
	}
	return 0, false
}

// text is the audit as a file: everything, evidence too.
func (v *auditView) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "audit of %s: planned and running differ in %d\n", v.name, v.audit.Differs)
	for _, f := range v.audit.Findings {
		fmt.Fprintf(&b, "%-7s %s  %s\n", f.Mark, clean(f.Name), clean(f.Text))
		if f.Fix != "" {
			fmt.Fprintf(&b, "        fix: %s\n", clean(f.Fix))
		}
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "        | %s\n", clean(e))
		}
	}
	if v.audit.Probes != "" {
		fmt.Fprintf(&b, "probes inside: %s\n", clean(v.audit.Probes))
	}
	return b.String()
}
