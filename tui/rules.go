package tui

import tea "github.com/charmbracelet/bubbletea"

// rulesView lists the hardening rules of a plan with their reasons.
type rulesView struct {
	name  string
	lines []Line
	typed field
	scroller
	page int
}

func (r *rulesView) place() place { return atRules }

func (r *rulesView) title(*model) (path, right []string) {
	path = []string{r.name, "plan", "rules"}
	if r.typed.used() {
		return path, []string{filtered(r.typed, len(r.left()), len(r.lines))}
	}
	return path, []string{count(len(r.lines), "rule")}
}

// left are the rules that the filter leaves.
func (r *rulesView) left() []Line {
	return left(r.typed, r.lines, func(l Line) (string, string) { return l.Name, l.Text })
}

func (r *rulesView) draw(m *model, c *canvas) {
	r.page = c.room()
	r.scroller.draw(c, table(m.st, r.left(), c.w))
}

func (r *rulesView) act(_ *model, do action) (tea.Cmd, bool) {
	if do == "find" {
		r.typed.open = true
		return nil, true
	}
	return nil, r.scroller.act(do, r.page)
}

func (r *rulesView) field() *field               { return &r.typed }
func (r *rulesView) typing(*model, bool) tea.Cmd { return nil }
