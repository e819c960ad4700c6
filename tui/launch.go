package tui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"berth/internal/event"
)

// tailLines are the last lines of the log under a launch.
const tailLines = 5

// launch is one launch, from Enter to its end, whatever the screen shows meanwhile.
type launch struct {
	name      string
	edits     Edits
	steps     []*stepView
	notes     []string // warnings and what was removed again
	undone    []string
	log       *logView
	logging   bool
	stop      context.CancelFunc
	began     time.Time
	ended     time.Time
	cancelled time.Time
	err       error
}

// stepView is one step as far as events have told.
type stepView struct {
	kind, text     string
	stage          event.Stage // "" before it begins
	current, total int64
	atLeast        bool
	began          time.Time
	elapsed        time.Duration
	layers         []event.Layer
	rate           meter
}

func (l *launch) going() bool { return l.ended.IsZero() }
func (l *launch) up() bool    { return !l.going() && l.err == nil }

func (l *launch) cancel(now time.Time) {
	if l.going() {
		l.cancelled = now
		l.stop()
	}
}

// launch starts what the plan says and shows its progress.
func (m *model) launch(p *planView) tea.Cmd {
	ctx, cancel := context.WithCancel(m.ctx)
	l := &launch{name: p.plan.Sandbox, edits: maps.Clone(p.edits), log: newLog(), stop: cancel, began: m.now()}
	for _, s := range p.plan.Steps {
		l.steps = append(l.steps, &stepView{kind: s.Kind, text: clean(s.Text)})
	}
	m.launches = append(slices.DeleteFunc(m.launches, func(o *launch) bool { return o.name == l.name && !o.going() }), l)
	m.replace(p, &progressView{l: l})
	m.running.Add(1)
	run := func(ctx context.Context, put func(event.Event)) error {
		defer m.running.Done()
		return m.b.Launch(ctx, l.edits, m.force, put)
	}
	return stream(m, ctx, 4096, run, func(m *model, events []event.Event) tea.Cmd {
		for _, e := range events {
			l.fold(e)
		}
		return l.follow(m, ctx)
	}, func(m *model, err error) tea.Cmd { return l.end(m, err) })
}

// fold takes one event in.
func (l *launch) fold(e event.Event) {
	switch e.Stage {
	case event.Note, event.Warning:
		l.notes = append(l.notes, clean(e.Text))
		return
	case event.Undone:
		l.undone = append(l.undone, cmp.Or(clean(e.Text), clean(e.Step)))
		return
	}
	s := l.step(e)
	s.stage = e.Stage
	if e.Text != "" {
		s.text = clean(e.Text)
	}
	switch e.Stage {
	case event.Begin:
		s.began = e.Time
	case event.Progress:
		s.current, s.total, s.atLeast = e.Current, e.Total, e.AtLeast
		s.rate.add(e.Time, e.Current)
		if e.Layers != nil {
			s.layers = e.Layers
		}
	case event.Done, event.Failed:
		s.elapsed = e.Elapsed
		if s.elapsed == 0 && !s.began.IsZero() {
			s.elapsed = e.Time.Sub(s.began)
		}
	}
}

// step finds the step an event speaks of: the first of its kind that has not ended. One that no plan named is added.
func (l *launch) step(e event.Event) *stepView {
	for _, s := range l.steps {
		if s.kind == e.Step && s.stage != event.Done && s.stage != event.Failed {
			return s
		}
	}
	s := &stepView{kind: e.Step}
	l.steps = append(l.steps, s)
	return s
}

// follow opens the sandbox's log as soon as it has started.
func (l *launch) follow(m *model, ctx context.Context) tea.Cmd {
	if l.logging || !slices.ContainsFunc(l.steps, func(s *stepView) bool { return s.kind == "start" && s.stage == event.Done }) {
		return nil
	}
	l.logging = true
	run := func(ctx context.Context, put func(LogLine)) error { return m.b.Logs(ctx, l.name, ringLines, put) }
	return stream(m, ctx, ringLines, run, func(_ *model, lines []LogLine) tea.Cmd {
		l.log.add(lines)
		return nil
	}, func(*model, error) tea.Cmd { return nil })
}

// end is the end of a launch, on whatever screen it finds us.
func (l *launch) end(m *model, err error) tea.Cmd {
	l.ended, l.err = m.now(), err
	l.stop()
	view, shown := l.view(m)
	switch {
	case m.quitting && !m.busy():
		return tea.Quit
	case err == nil && shown:
		m.replace(view, m.view(l.name))
	case err == nil:
		m.say(l.name + " is up")
	case !l.cancelled.IsZero() && shown:
		m.say("cancelled; " + l.removed())
		return tea.Batch(m.planAgain(view, l.name, l.edits), m.refresh())
	case shown:
		m.replace(view, l.failure())
	default:
		m.say("✗ " + l.name + ": " + sentence(err))
	}
	return m.refresh()
}

// view finds the screen that shows this launch, if one is open.
func (l *launch) view(m *model) (screen, bool) {
	for _, s := range m.stack {
		if p, ok := s.(*progressView); ok && p.l == l {
			return p, true
		}
	}
	return nil, false
}

// planAgain puts a fresh plan with these edits in the place of a screen.
func (m *model) planAgain(old screen, name string, e Edits) tea.Cmd {
	m.plan = newPlanView(e, "")
	m.plan.plan.Sandbox = name
	m.replace(old, m.plan)
	return m.plan.ask(m)
}

// removed says what was taken away again.
func (l *launch) removed() string {
	if len(l.undone) == 0 {
		return "nothing had been made"
	}
	return "what was made is removed: " + strings.Join(l.undone, ", ")
}

// meter measures a rate over the last few seconds.
type meter struct {
	at  []time.Time
	sum []int64
}

const meterSpan = 5 * time.Second

func (r *meter) add(t time.Time, sum int64) {
	r.at, r.sum = append(r.at, t), append(r.sum, sum)
	for len(r.at) > 2 && t.Sub(r.at[0]) > meterSpan || len(r.at) > 4096 {
		r.at, r.sum = r.at[1:], r.sum[1:]
	}
}

func (r *meter) perSecond() float64 {
	if len(r.at) < 2 {
		return 0
	}
	last := len(r.at) - 1
	span := r.at[last].Sub(r.at[0]).Seconds()
	if span <= 0 {
		return 0
	}
	return max(0, float64(r.sum[last]-r.sum[0])/span)
}
