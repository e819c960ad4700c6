package tui

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// twice is how soon a second Ctrl-C means: without grace.
const twice = 3 * time.Second

// interrupt is Ctrl-C: it cancels what is being launched and then leaves, at once when pressed again.
func (m *model) interrupt() tea.Cmd {
	if !m.busy() {
		return m.finishWith(Quit)
	}
	if !m.stopped.IsZero() && m.now().Sub(m.stopped) <= twice {
		m.hurry()
		return nil
	}
	m.stopped = m.now()
	m.ending, m.quitting = Cancelled, true
	for _, l := range m.launches {
		l.cancel(m.now())
	}
	return nil
}

// hurry takes all grace away. It may be called from any goroutine.
func (m *model) hurry() {
	m.hurried.Do(func() {
		close(m.force)
		m.drop()
	})
}

// pending says what Run still has to wait for when the screen is left, "" if nothing.
func (m *model) pending() string {
	if m.busy() {
		return "cancelled, removing what was made"
	}
	var acts []string
	for name, v := range m.views {
		if v.busy != "" {
			acts = append(acts, v.busy+" "+name)
		}
	}
	slices.Sort(acts)
	if len(acts) == 0 {
		return ""
	}
	return "still " + strings.Join(acts, ", ")
}

// busy tells whether a launch is under way.
func (m *model) busy() bool { return slices.ContainsFunc(m.launches, (*launch).going) }

// quit leaves sandboxes as on_quit says; a launch cannot be left.
func (m *model) quit() tea.Cmd {
	if m.busy() {
		m.ask("a launch is under way", []string{"leaving cancels it and removes what was made"},
			choice{"y", "cancel it and leave", (*model).interrupt},
			choice{"q", "the same", (*model).interrupt})
		return nil
	}
	mine := m.mine()
	switch {
	case m.o.OnQuit == StopMine && len(mine) > 0:
		return m.stopMine()
	case m.o.OnQuit == AskFirst && len(mine) > 0:
		m.ask("started here and still up: "+strings.Join(mine, ", "), nil,
			choice{"s", "stop and leave", (*model).stopMine},
			choice{"q", "leave them running", func(m *model) tea.Cmd { return m.finishWith(Quit) }})
		return nil
	}
	return m.finishWith(Quit)
}

// mine names the sandboxes started here that are up.
func (m *model) mine() []string {
	var out []string
	for _, name := range m.left() {
		started := slices.ContainsFunc(m.launches, func(l *launch) bool { return l.name == name && l.up() })
		if r, _ := m.row(name); r.Mine || started {
			out = append(out, name)
		}
	}
	return out
}

// stopMine stops what was started here and leaves.
func (m *model) stopMine() tea.Cmd {
	if m.busy() {
		return m.quit()
	}
	mine := m.mine()
	if len(mine) == 0 {
		return m.finishWith(Quit)
	}
	m.say("stopping " + strings.Join(mine, ", "))
	return m.must(func() then {
		var failed error
		for _, name := range mine {
			if err := m.b.Act(m.acts, DoStop, name); err != nil && failed == nil {
				failed = err
			}
		}
		return func(m *model) tea.Cmd {
			if failed != nil {
				m.fail(failed)
				return m.refresh()
			}
			m.list.stopped(mine)
			return m.finishWith(Quit)
		}
	})
}

func (m *model) finishWith(e Ending) tea.Cmd {
	if m.ending == "" {
		m.ending = e
	}
	return tea.Quit
}

// takeover hands the terminal to something else for a while.
type takeover struct {
	m   *model
	run func(ctx context.Context, t Terminal) error
}

func (t *takeover) Run() error {
	t.m.tty.leave()
	in, done := t.m.tty.lend()
	err := t.run(t.m.ctx, Terminal{In: in, Out: t.m.tty.out, Err: os.Stderr})
	done()
	if t.m.ctx.Err() != nil {
		return err
	}
	if again := t.m.tty.enter(); again != nil {
		return again
	}
	return err
}

func (t *takeover) SetStdin(io.Reader)  {}
func (t *takeover) SetStdout(io.Writer) {}
func (t *takeover) SetStderr(io.Writer) {}

// handOver leaves the screen, runs something in the terminal and comes back.
func (m *model) handOver(run func(ctx context.Context, t Terminal) error, after func(*model, error) tea.Cmd) tea.Cmd {
	return tea.Exec(&takeover{m, run}, func(err error) tea.Msg {
		return then(func(m *model) tea.Cmd {
			m.redrawAll = true
			m.w, m.h = m.tty.size()
			return after(m, err)
		})
	})
}

// suspend stops us, as ctrl+z does to any program, until the shell continues us.
func (m *model) suspend() tea.Cmd {
	return m.handOver(func(context.Context, Terminal) error { return stopSelf() }, func(m *model, err error) tea.Cmd {
		m.fail(err)
		return m.refresh()
	})
}
