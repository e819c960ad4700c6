package tui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// When a wait becomes worth a word, and when worth movement.
const (
	waitWord  = 150 * time.Millisecond
	waitSpin  = 300 * time.Millisecond
	spinEvery = 250 * time.Millisecond
)

// planView is the review before a launch: the plan's own words between a title and the keys.
type planView struct {
	edits   Edits
	plan    Plan
	asked   time.Time // when the plan under way was asked for; zero: none is
	turn    int       // answers to older questions are dropped
	cancel  context.CancelFunc
	eager   bool // Enter came before the plan was ready
	seen    bool // the question was put
	settled bool // the screen was moved to a running sandbox once
	scroller
	page int
}

func newPlanView(e Edits, name string) *planView {
	edits := Edits{}
	maps.Copy(edits, e)
	if name != "" {
		edits[EditName] = name
	}
	return &planView{edits: edits, plan: Plan{Sandbox: name}, cancel: func() {}}
}

func (p *planView) place() place { return atPlan }

func (p *planView) title(m *model) (path, right []string) {
	if engine := cmp.Or(p.plan.Engine, m.engine); engine != "" {
		right = append(right, clean(engine))
	}
	if p.plan.Warnings > 0 {
		right = append(right, m.st.in(warning, count(p.plan.Warnings, "warning")))
	}
	if p.plan.Running {
		right = append(right, m.st.state(Up))
	}
	if p.plan.Sandbox == "" {
		return []string{"plan"}, right
	}
	return []string{p.plan.Sandbox, "plan"}, right
}

func (p *planView) draw(m *model, c *canvas) {
	waiting := p.waiting(m)
	in := c.part(c.w, c.h)
	if waiting != "" {
		in.h--
	}
	p.page = in.h
	p.scroller.draw(in, planLines(m.st, p.plan.Text, c.w))
	c.put(in)
	if waiting != "" {
		c.add(waiting)
	}
}

// planLines wraps the plan to the width: no word of it is lost.
func planLines(st style, text string, w int) []string {
	var out []string
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		l = clean(l)
		warns := strings.HasPrefix(strings.TrimSpace(l), "warning")
		for _, piece := range hang(l, w, 10) {
			if warns {
				piece = st.in(warning, piece)
			}
			out = append(out, piece)
		}
	}
	return out
}

// waiting says what the plan still lacks, once that has taken a noticeable while.
func (p *planView) waiting(m *model) string {
	if p.asked.IsZero() {
		return ""
	}
	since := m.now().Sub(p.asked)
	if since < waitWord {
		m.again(waitWord - since)
		return ""
	}
	line := "asking the engine"
	if p.eager {
		line = "launches as soon as the engine has answered"
	}
	if since < waitSpin {
		m.again(waitSpin - since)
		return m.st.in(faint, "  "+line)
	}
	m.again(spinEvery)
	spin := []rune("⠋⠙⠹⠸")
	return m.st.in(faint, string(spin[int(since/spinEvery)%len(spin)])+" "+line+"  "+clock(since))
}

func (p *planView) word(_ *model, do action) (string, bool) {
	needs := map[action]string{"image": EditImage, "network": EditNetworks, "edit": EditConfig, "mask": EditMask}
	if key, ok := needs[do]; ok {
		return "", slices.Contains(p.plan.Can, key)
	}
	switch do {
	case "profile":
		return "", len(p.plan.Profiles) > 1
	case "rules":
		return "", len(p.plan.Rules) > 0
	case "launch":
		if p.plan.Running {
			return "show it", true
		}
		return "", p.plan.Text != ""
	}
	return "", true
}

func (p *planView) act(m *model, do action) (tea.Cmd, bool) {
	if p.scroller.act(do, p.page) {
		return nil, true
	}
	if _, works := p.word(m, do); !works {
		return nil, true
	}
	switch do {
	case "launch":
		return p.launch(m), true
	case "profile":
		i := slices.Index(p.plan.Profiles, p.plan.Profile)
		return p.set(m, EditProfile, p.plan.Profiles[(i+1)%len(p.plan.Profiles)]), true
	case "mask":
		if p.edits[EditMask] != "" {
			return p.set(m, EditMask, ""), true
		}
		return p.set(m, EditMask, "default"), true
	case "image":
		return m.chooseImage(p), true
	case "network":
		return m.chooseNetworks(p), true
	case "rules":
		m.push(&rulesView{lines: p.plan.Rules, name: p.plan.Sandbox})
		return nil, true
	case "edit":
		return m.handOver(m.b.Edit, func(m *model, err error) tea.Cmd {
			m.fail(err)
			return p.ask(m)
		}), true
	case "docker":
		return m.copyCommand("", p.edits), true
	}
	return nil, false
}

// set changes one thing and asks for the plan that follows from it.
func (p *planView) set(m *model, key, value string) tea.Cmd {
	p.edits = maps.Clone(p.edits)
	if value == "" {
		delete(p.edits, key)
	} else {
		p.edits[key] = value
	}
	return p.ask(m)
}

// ask asks for the plan anew; what is shown stays until there is something better.
func (p *planView) ask(m *model) tea.Cmd {
	p.cancel()
	ctx, cancel := context.WithCancel(m.ctx)
	p.cancel = cancel
	p.turn++
	p.asked = m.now()
	turn, edits := p.turn, maps.Clone(p.edits)
	run := func(ctx context.Context, show func(Plan)) error { return m.b.Plan(ctx, edits, show) }
	return stream(m, ctx, 16, run, func(m *model, plans []Plan) tea.Cmd {
		if turn == p.turn {
			p.plan = plans[len(plans)-1]
		}
		return nil
	}, func(m *model, err error) tea.Cmd {
		if turn != p.turn {
			return nil
		}
		return p.answered(m, err)
	})
}

// answered is the end of the plan under way.
func (p *planView) answered(m *model, err error) tea.Cmd {
	p.asked = time.Time{}
	eager := p.eager
	p.eager = false
	if err != nil {
		f := newFailure(p.plan.Sandbox, "no plan", err, p.edits)
		f.plan = p
		m.replace(p, f)
		return nil
	}
	if q := p.plan.Question; q != nil && !p.seen {
		p.put(m, q)
		return nil
	}
	if p.plan.Running && !p.settled && m.o.Sandbox != "" && m.top() == screen(p) {
		p.settled = true
		m.replace(p, m.view(p.plan.Sandbox))
		return nil
	}
	if eager {
		return p.launch(m)
	}
	return nil
}

// put asks the plan's question. Without an answer nothing is widened.
func (p *planView) put(m *model, q *Question) {
	p.seen = true
	answer := func(word string) func(*model) tea.Cmd {
		return func(m *model) tea.Cmd { return p.set(m, q.Key, word) }
	}
	var lines []string
	for _, l := range q.Lines {
		l = clean(l)
		switch {
		case strings.HasPrefix(l, "+"):
			l = m.st.in(good, l)
		case strings.HasPrefix(l, "-"):
			l = m.st.in(bad, l)
		}
		lines = append(lines, l)
	}
	m.ask(q.Title, lines, choice{"y", clean(q.Yes), answer("yes")}, choice{"n", clean(q.No), answer("no")})
}

func (p *planView) launch(m *model) tea.Cmd {
	switch {
	case p.plan.Running:
		m.push(m.view(p.plan.Sandbox))
		return nil
	case !p.plan.Ready:
		p.eager = true
		return nil
	case p.plan.Question != nil:
		p.put(m, p.plan.Question)
		return nil
	}
	return m.launch(p)
}
