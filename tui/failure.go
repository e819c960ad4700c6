package tui

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"berth/internal/event"
	"berth/internal/fault"
)

// failureView is what went wrong, why, and what to do about it.
type failureView struct {
	name     string
	what     string // "launch failed"
	err      error
	remedies []Remedy
	edits    Edits
	launch   *launch   // the launch that failed, nil when it never began
	plan     *planView // the plan that could not be made, nil when there is one
	details  bool
	scroller
	page int
}

func newFailure(name, what string, err error, e Edits) *failureView {
	f := &failureView{name: name, what: what, err: err, edits: e}
	var r Remedied
	if errors.As(err, &r) {
		f.remedies = r.Remedies()
	}
	return f
}

// failure is the screen of a launch that failed.
func (l *launch) failure() *failureView {
	f := newFailure(l.name, "launch failed", l.err, l.edits)
	f.launch = l
	return f
}

func (f *failureView) place() place { return atFailure }

func (f *failureView) title(m *model) (path, right []string) {
	if f.name != "" {
		path = append(path, f.name)
	}
	if m.engine != "" {
		right = append(right, m.engine)
	}
	return append(path, f.what), right
}

func (f *failureView) word(m *model, do action) (string, bool) {
	switch do {
	case "remedy":
		return "", len(f.remedies) > 0 && f.remedies[0].Set != nil
	case "edit":
		return "", true
	case "details":
		return "", f.launch != nil || errors.Unwrap(f.err) != nil
	case "back":
		if f.launch != nil {
			return "to the plan", true
		}
	}
	return "", true
}

func (f *failureView) digit(m *model, d int) tea.Cmd {
	if d < 1 || d > len(f.remedies) || f.remedies[d-1].Set == nil {
		return nil
	}
	e := maps.Clone(f.edits)
	if e == nil {
		e = Edits{}
	}
	maps.Copy(e, f.remedies[d-1].Set)
	return f.again(m, e, true)
}

// again plans anew with these edits and, if that was asked for, launches what comes out.
func (f *failureView) again(m *model, e Edits, launch bool) tea.Cmd {
	cmd := m.planAgain(f, f.name, e)
	m.plan.eager = launch && f.launch != nil
	return cmd
}

func (f *failureView) act(m *model, do action) (tea.Cmd, bool) {
	if f.scroller.act(do, f.page) {
		return nil, true
	}
	switch do {
	case "remedy":
		return f.digit(m, 1), true
	case "retry":
		return f.again(m, f.edits, true), true
	case "details":
		f.details = !f.details
		return nil, true
	case "report":
		return m.copy(f.report(), "the report is copied"), true
	case "edit":
		return m.handOver(m.b.Edit, func(m *model, err error) tea.Cmd {
			m.fail(err)
			return f.again(m, f.edits, false)
		}), true
	case "back":
		if f.launch != nil {
			return f.again(m, f.edits, false), true
		}
	}
	return nil, false
}

func (f *failureView) draw(m *model, c *canvas) {
	var lines []string
	for _, l := range strings.Split(f.err.Error(), "\n") {
		sign := m.st.in(bad, "✗") + " "
		if len(lines) > 0 {
			sign = "  "
		}
		lines = append(lines, hang(sign+clean(l), c.w, 2)...)
	}
	lines = append(lines, f.stepLine()...)
	if hint := clean(fault.HintOf(f.err)); hint != "" && !f.advises(hint) {
		lines = append(lines, hang("  try: "+hint, c.w, 7)...)
	}
	lines = append(lines, f.remedyLines(m, c.w)...)
	lines = append(lines, f.removedLines(c.w)...)
	if f.details {
		lines = append(lines, "")
		lines = append(lines, f.detailLines(c.w)...)
	}
	lines = append(lines, f.logLines(c)...)
	f.page = c.room()
	f.scroller.draw(c, lines)
}

// stepLine says how far the launch had come.
func (f *failureView) stepLine() []string {
	if f.launch == nil {
		return nil
	}
	for i, s := range f.launch.steps {
		if s.stage == event.Failed {
			return []string{fmt.Sprintf("  in step %d of %d: %s", i+1, len(f.launch.steps), s.kind)}
		}
	}
	return nil
}

func (f *failureView) remedyLines(m *model, w int) []string {
	var out []string
	for i, r := range f.remedies {
		if i >= 9 {
			break
		}
		head := "  " + m.st.in(strong, strconv.Itoa(i+1)) + " "
		if r.Set == nil {
			head = "  try: "
		}
		out = append(out, hang(head+clean(r.Text), w, 4)...)
	}
	return out
}

// advises tells whether a hint stands among the remedies already.
func (f *failureView) advises(hint string) bool {
	return slices.ContainsFunc(f.remedies, func(r Remedy) bool { return clean(r.Text) == hint })
}

func (f *failureView) removedLines(w int) []string {
	if f.launch == nil {
		return nil
	}
	return hang(f.launch.removed(), w, 2)
}

// logLines are the last words of the sandbox.
func (f *failureView) logLines(c *canvas) []string {
	if f.launch == nil || f.launch.log.len() == 0 {
		return nil
	}
	tail := c.part(c.w, 2*tailLines)
	f.launch.log.tail(tail)
	return append([]string{"", "its last output:"}, tail.lines...)
}

// detailLines are the causes below the sentence, and every step with its end.
func (f *failureView) detailLines(w int) []string {
	var out []string
	said := sentence(f.err)
	for err := errors.Unwrap(f.err); err != nil; err = errors.Unwrap(err) {
		if why := sentence(err); why != said {
			out = append(out, hang("  because: "+why, w, 11)...)
			said = why
		}
	}
	if f.launch == nil {
		return out
	}
	for _, s := range f.launch.steps {
		out = append(out, cut(stepSummary(s), w))
	}
	for _, n := range f.launch.notes {
		out = append(out, hang("  "+n, w, 4)...)
	}
	return out
}

func stepSummary(s *stepView) string {
	word := map[event.Stage]string{"": "not begun", event.Begin: "begun", event.Progress: "begun", event.Done: "done", event.Failed: "failed"}[s.stage]
	return strings.TrimRight(fmt.Sprintf("  %-9s %s  %s", word, s.name(), took(s.elapsed)), " ")
}

// report is all of it, to be passed on: what a person would ask for first.
func (f *failureView) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "berth: %s: %s\n", f.what, f.err)
	if hint := fault.HintOf(f.err); hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", hint)
	}
	fmt.Fprintf(&b, "kind: %s\n", fault.KindOf(f.err))
	for _, l := range f.detailLines(1 << 16) {
		b.WriteString(l + "\n")
	}
	if f.launch != nil && f.launch.log.len() > 0 {
		tail := &canvas{w: 1 << 16, h: 50}
		f.launch.log.tail(tail)
		b.WriteString("last output:\n" + strings.Join(tail.lines, "\n") + "\n")
	}
	return ansi.Strip(b.String())
}
