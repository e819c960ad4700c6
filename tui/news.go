package tui

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// watch listens to the world outside the screen.
func (m *model) watch() tea.Cmd {
	return stream(m, m.ctx, 1000, m.b.Watch, (*model).hear, func(m *model, err error) tea.Cmd {
		m.fail(err)
		return nil
	})
}

// hear folds news.
func (m *model) hear(news []News) tea.Cmd {
	changed := false
	var cmds []tea.Cmd
	for _, n := range news {
		switch {
		case n.Engine == EngineGone:
			m.away = clean(n.Text)
			if m.away == "" {
				m.away = "the engine does not answer, trying again"
			}
		case n.Engine == EngineBack:
			m.away, changed = "", true
			cmds = append(cmds, m.renew()...)
		default:
			changed = true
			if v := m.views[n.Sandbox]; v != nil && v.shown {
				cmds = append(cmds, v.load(m))
			}
		}
	}
	if changed {
		cmds = append(cmds, m.refreshCalmly())
	}
	return tea.Batch(cmds...)
}

// renew reads again what the engine was asked for before it went away.
func (m *model) renew() []tea.Cmd {
	var cmds []tea.Cmd
	for _, v := range m.views {
		if v.shown {
			v.hide()
			cmds = append(cmds, v.show(m))
		}
	}
	if m.top() == screen(m.plan) {
		cmds = append(cmds, m.plan.ask(m))
	}
	return cmds
}

// calm is the least time between two readings of the list that news make: an engine can have a lot to tell.
const calm = 250 * time.Millisecond

// refresh reads the list again; one reading at a time, and what changes meanwhile makes one more.
func (m *model) refresh() tea.Cmd {
	if m.loading {
		m.stale = true
		return nil
	}
	m.loading = true
	return m.work(func(ctx context.Context) then {
		all, err := m.b.List(ctx)
		return func(m *model) tea.Cmd { return m.listed(all, err) }
	})
}

// refreshCalmly is refresh, but not sooner than calm after the last one.
func (m *model) refreshCalmly() tea.Cmd {
	wait := calm - m.now().Sub(m.read)
	if m.loading || wait <= 0 {
		return m.refresh()
	}
	m.loading = true
	return m.work(func(ctx context.Context) then {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		return func(m *model) tea.Cmd {
			m.loading, m.stale = false, false
			return m.refresh()
		}
	})
}

func (m *model) listed(all Overview, err error) tea.Cmd {
	m.loading, m.read = false, m.now()
	var cmds []tea.Cmd
	if m.stale {
		m.stale = false
		cmds = append(cmds, m.refreshCalmly())
	}
	if m.list.err = err; err != nil {
		return tea.Batch(cmds...)
	}
	m.engine = clean(all.Engine)
	m.list.set(all.Rows)
	for name, v := range m.views {
		if v.shown && !m.list.has(name) {
			cmds = append(cmds, v.load(m)) // is it gone?
		}
	}
	return tea.Batch(cmds...)
}

// attend opens the streams of what is on the screen and closes all others.
func (m *model) attend() tea.Cmd {
	want := m.watched()
	var cmds []tea.Cmd
	for name, v := range m.views {
		if v.shown && name != want {
			v.hide()
		}
	}
	if want != "" {
		if v := m.view(want); !v.shown {
			cmds = append(cmds, v.show(m))
		}
	}
	return tea.Batch(cmds...)
}

// watched is the name of the sandbox that is on the screen.
func (m *model) watched() string {
	for _, s := range slices.Backward(m.stack) {
		switch s := s.(type) {
		case *runningView:
			return s.name
		case *listView:
			if m.wide() {
				return s.chosen().Name
			}
			return ""
		case *progressView, *planView, *failureView:
			return ""
		}
	}
	return ""
}
