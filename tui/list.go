package tui

import (
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// listView is all sandboxes.
type listView struct {
	rows   []Row
	known  bool
	err    error
	marked []string
	typed  field
	cursor
	page int
}

func (l *listView) place() place { return atList }

// set takes a new list; the choice and the marks stay with their names.
func (l *listView) set(rows []Row) {
	name := l.chosen().Name
	l.rows, l.known = rows, true
	l.marked = slices.DeleteFunc(l.marked, func(n string) bool { return !l.has(n) })
	l.choose(name)
}

func (l *listView) has(name string) bool {
	return slices.ContainsFunc(l.rows, func(r Row) bool { return r.Name == name })
}

// stopped notes what we stopped ourselves.
func (l *listView) stopped(names []string) {
	for i := range l.rows {
		if slices.Contains(names, l.rows[i].Name) {
			l.rows[i].State = Stopped
		}
	}
}

func (l *listView) forget(name string) {
	l.rows = slices.DeleteFunc(slices.Clone(l.rows), func(r Row) bool { return r.Name == name })
}

// shown are the rows that the filter leaves: its letters are in the name, or its text stands in the rest.
func (l *listView) shown() []Row {
	return left(l.typed, l.rows, func(r Row) (string, string) {
		return r.Name, string(r.State) + " " + r.Profile + " " + r.Image + " " + r.Mounts
	})
}

// chosen is the row that acts are meant for; without a name when there is none.
func (l *listView) chosen() Row {
	rows := l.shown()
	if len(rows) == 0 {
		return Row{}
	}
	return rows[max(0, min(l.at, len(rows)-1))]
}

func (l *listView) choose(name string) {
	if i := slices.IndexFunc(l.shown(), func(r Row) bool { return r.Name == name }); i >= 0 {
		l.at = i
	}
}

func (l *listView) title(m *model) (path, right []string) {
	up := 0
	for _, r := range l.rows {
		if r.State == Up {
			up++
		}
	}
	if l.known {
		right = append(right, number(len(l.rows), "sandbox", "sandboxes"))
	}
	if m.engine != "" {
		right = append(right, m.engine)
	}
	if l.known {
		right = append(right, strconv.Itoa(up)+" up")
	}
	if l.typed.used() {
		right = append(right, filtered(l.typed, len(l.shown()), len(l.rows)))
	}
	return nil, right
}

func (l *listView) word(_ *model, do action) (string, bool) {
	row := l.chosen()
	switch do {
	case "open", "mark", "remove":
		return "", row.Name != ""
	case "code":
		return "", slices.Contains(row.Links, "code")
	case "stop":
		if row.State == Stopped || row.State == Broken {
			return "start", true
		}
		return "", row.Name != ""
	case "pause":
		if row.State == Paused {
			return "resume", true
		}
		return "", row.State == Up
	}
	return "", true
}

func (l *listView) act(m *model, do action) (tea.Cmd, bool) {
	if l.cursor.act(do, l.page, len(l.shown())) {
		return nil, true
	}
	row := l.chosen()
	switch do {
	case "find":
		l.typed.open = true
		return nil, true
	case "back":
		l.typed.text = nil
		return nil, true
	case "new":
		m.plan = newPlanView(m.o.Edits, "")
		m.push(m.plan)
		return m.plan.ask(m), true
	case "open", "pane":
		m.openSandbox(row)
		return nil, true
	case "mark":
		l.mark(row.Name)
		return nil, true
	}
	return m.actOn(do, row, l.meant())
}

// mark marks the chosen row, or unmarks it, and goes to the next.
func (l *listView) mark(name string) {
	if name == "" {
		return
	}
	if i := slices.Index(l.marked, name); i >= 0 {
		l.marked = slices.Delete(l.marked, i, i+1)
	} else {
		l.marked = append(l.marked, name)
	}
	l.at = min(l.at+1, len(l.shown())-1)
}

// meant are the names an act is for: the marked ones, else the chosen one.
func (l *listView) meant() []string {
	if len(l.marked) > 0 {
		return slices.Clone(l.marked)
	}
	return []string{l.chosen().Name}
}

// openSandbox shows a sandbox, or its launch while that goes on.
func (m *model) openSandbox(row Row) {
	if row.Name == "" {
		return
	}
	for _, l := range m.launches {
		if l.name == row.Name && l.going() {
			m.push(&progressView{l: l})
			return
		}
	}
	m.push(m.view(row.Name))
}

func (l *listView) field() *field               { return &l.typed }
func (l *listView) typing(*model, bool) tea.Cmd { return nil }

// column is one column of the list: heading, how wide, and what stands there.
type column struct {
	head  string
	w     int
	value func(m *model, r Row, w int) string
}

// columns chooses the columns for a width: the name gets what is left, the rest goes from the right.
func (l *listView) columns(w int) []column {
	name := 4
	for _, r := range l.rows {
		name = max(name, width(clean(r.Name)))
	}
	name = min(name, max(8, w/4))
	all := []column{
		{"NAME", name, func(_ *model, r Row, w int) string { return elide(clean(r.Name), w) }},
		{"STATE", 10, func(m *model, r Row, _ int) string { return m.stateOf(r) }},
		{"AGE", 4, func(m *model, r Row, _ int) string { return m.ageOf(r) }},
		{"PROFILE", 8, func(_ *model, r Row, _ int) string { return clean(r.Profile) }},
		{"LINKS", 9, func(_ *model, r Row, _ int) string { return linksOf(r) }},
		{"MOUNTS", 14, func(_ *model, r Row, w int) string { return elide(clean(r.Mounts), w) }},
		{"IMAGE", 14, func(_ *model, r Row, w int) string { return elide(clean(r.Image), w) }},
	}
	used, n := 2, 0
	for _, c := range all {
		if n >= 2 && used+c.w > w {
			break
		}
		used += c.w + 1
		n++
	}
	fit := all[:n]
	for _, wider := range []string{"IMAGE", "MOUNTS"} {
		if i := slices.IndexFunc(fit, func(c column) bool { return c.head == wider }); i >= 0 && used < w {
			more := min(w-used, 16)
			fit[i].w += more
			used += more
		}
	}
	return inOrder(fit)
}

// listOrder is how people read the row; columns that do not fit are missing from it.
var listOrder = []string{"NAME", "STATE", "PROFILE", "IMAGE", "MOUNTS", "LINKS", "AGE"}

func inOrder(cols []column) []column {
	slices.SortStableFunc(cols, func(a, b column) int {
		return slices.Index(listOrder, a.head) - slices.Index(listOrder, b.head)
	})
	return cols
}

func linksOf(r Row) string {
	if len(r.Links) == 0 {
		return "–"
	}
	return clean(strings.Join(r.Links, " "))
}

func (m *model) ageOf(r Row) string {
	if r.Since.IsZero() {
		return ""
	}
	text, next := age(m.now().Sub(r.Since))
	m.again(next)
	return text
}

// stateOf is the state of a row, or what is being done to it.
func (m *model) stateOf(r Row) string {
	if v := m.views[r.Name]; v != nil && v.busy != "" {
		return v.busy
	}
	return m.st.state(r.State)
}

func (l *listView) draw(m *model, c *canvas) {
	if l.err != nil {
		c.addAll(hang(m.st.in(bad, "✗")+" "+sentence(l.err), c.w, 2))
	}
	rows := l.shown()
	if len(rows) == 0 {
		c.addAll(hang("  "+l.empty(m), c.w, 2))
		return
	}
	cols := l.columns(c.w)
	c.add(m.st.in(faint, l.line(m, cols, func(col column) string { return col.head }, "  ")))
	below := detail(c, true, l.chosen().Why)
	l.page = max(1, c.room()-len(below))
	from, to := l.window(len(rows), l.page)
	for i := from; i < to; i++ {
		c.add(l.line(m, cols, func(col column) string { return col.value(m, rows[i], col.w) }, l.sign(m, i, rows[i])))
		c.on(0, c.w, func(m *model) tea.Cmd { return l.clicked(m, i) })
	}
	if len(below) > 0 {
		c.fill(len(below))
		c.addAll(below)
	}
}

// clicked chooses a row; a click on the chosen one opens it.
func (l *listView) clicked(m *model, i int) tea.Cmd {
	if l.at != i {
		l.at = i
		if m.top() != screen(l) {
			m.toList("")
		}
		return nil
	}
	m.openSandbox(l.chosen())
	return nil
}

func (l *listView) empty(m *model) string {
	switch {
	case !l.known && l.err == nil:
		return "reading"
	case len(l.rows) > 0:
		return "nothing matches"
	case l.err == nil:
		return "no sandboxes yet; " + m.keys.key("new") + " plans one for this folder"
	}
	return ""
}

func (l *listView) sign(m *model, i int, r Row) string {
	sign := " "
	if i == l.at {
		sign = m.st.in(strong, "›")
	}
	if slices.Contains(l.marked, r.Name) {
		return sign + m.st.in(accent, "+")
	}
	return sign + " "
}

func (l *listView) line(_ *model, cols []column, value func(column) string, sign string) string {
	var b strings.Builder
	b.WriteString(sign)
	for i, col := range cols {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(pad(value(col), col.w))
	}
	return strings.TrimRight(b.String(), " ")
}
