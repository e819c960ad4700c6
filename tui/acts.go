package tui

import (
	"context"
	"fmt"
	"io"
	"strings"

	osc52 "github.com/aymanbagabas/go-osc52/v2"
	tea "github.com/charmbracelet/bubbletea"
)

// doing says an act while it goes on and when it is done.
var doing = map[Action][2]string{
	DoStop:     {"stopping", "stopped"},
	DoStart:    {"starting", "started"},
	DoRestart:  {"restarting", "restarted"},
	DoPause:    {"pausing", "paused"},
	DoResume:   {"resuming", "resumed"},
	DoRemove:   {"removing", "removed"},
	DoValidate: {"validating", "validated"},
	DoPull:     {"pulling", "pulled"},
	DoBuild:    {"building", "built"},
}

// actOn does what can be done to sandboxes on any screen: names are all that are meant, row is the one in view.
func (m *model) actOn(do action, row Row, names []string) (tea.Cmd, bool) {
	if row.Name == "" {
		return nil, false
	}
	switch do {
	case "code", "vnc":
		return m.browse(row.Name, string(do)), true
	case "copy":
		return m.copyLink(row.Name, "code"), true
	case "show-link":
		return m.showLink(row.Name, "code"), true
	case "stop":
		if row.State == Stopped || row.State == Broken {
			return m.actAll(DoStart, names), true
		}
		return m.actAll(DoStop, names), true
	case "pause":
		if row.State == Paused {
			return m.actAll(DoResume, names), true
		}
		return m.actAll(DoPause, names), true
	case "restart":
		return m.actAll(DoRestart, names), true
	case "remove":
		return m.foresee(names), true
	case "shell":
		return m.shell(row.Name), true
	case "audit":
		return m.openAudit(row.Name), true
	}
	return nil, false
}

// actAll does one thing to each sandbox, side by side.
func (m *model) actAll(do Action, names []string) tea.Cmd {
	var cmds []tea.Cmd
	for _, name := range names {
		cmds = append(cmds, m.actOne(do, name))
	}
	m.say(doing[do][0] + " " + strings.Join(names, ", "))
	return tea.Batch(cmds...)
}

func (m *model) actOne(do Action, name string) tea.Cmd {
	m.view(name).busy = doing[do][0]
	return m.must(func() then {
		err := m.b.Act(m.acts, do, name)
		return func(m *model) tea.Cmd { return m.acted(do, name, err) }
	})
}

func (m *model) acted(do Action, name string, err error) tea.Cmd {
	v := m.view(name)
	v.busy = ""
	if err != nil {
		m.fail(err)
		return tea.Batch(m.refresh(), v.load(m))
	}
	m.say(name + " " + doing[do][1])
	if do == DoRemove {
		v.hide()
		delete(m.views, name)
		m.list.forget(name)
		if m.top() == screen(v) {
			m.toList("")
		}
		return m.refresh()
	}
	return tea.Batch(m.refresh(), v.load(m))
}

// foresee says what removing would take away before it asks.
func (m *model) foresee(names []string) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		o, err := m.b.Foresee(ctx, DoRemove, names)
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
				return nil
			}
			m.confirmRemove(names, o)
			return nil
		}
	})
}

func (m *model) confirmRemove(names []string, o Outcome) {
	var lines []string
	for _, l := range o.Lost {
		lines = append(lines, m.st.in(bad, "-")+" "+clean(l))
	}
	for _, l := range o.Stays {
		lines = append(lines, m.st.in(good, "✓")+" "+clean(l))
	}
	remove := func(m *model) tea.Cmd { return m.actAll(DoRemove, names) }
	if all := len(m.list.rows); len(names) > 1 && len(names) == all {
		m.askTyped(fmt.Sprintf("remove all %d sandboxes?", all), lines, "all", remove)
		return
	}
	m.ask("remove "+strings.Join(names, ", ")+"?", lines, choice{"y", "remove", remove})
}

// browse opens a link in the browser, or shows it where there is none.
func (m *model) browse(name, kind string) tea.Cmd {
	m.say("opening " + m.label(name, kind) + " of " + name)
	return m.work(func(ctx context.Context) then {
		url, err := m.b.Browse(ctx, name, kind)
		return func(m *model) tea.Cmd {
			switch {
			case err != nil:
				m.fail(err)
			case url != "":
				m.present(name, kind, url, "no browser here: open this where you sit")
			default:
				m.say(m.label(name, kind) + " of " + name + " is open in your browser")
			}
			return nil
		}
	})
}

// present shows a link in full. It holds a key, so it goes with the next key press.
func (m *model) present(name, kind, url, title string) {
	url = clean(url)
	var lines []string
	for _, piece := range columns(url, max(1, m.w-2)) {
		lines = append(lines, link(m.o.Hyperlinks, url, name+"-"+kind, m.st.in(accent, piece)))
	}
	m.ask(title, lines, choice{"y", "copy", func(m *model) tea.Cmd { return m.copy(url, "the link is copied") }})
	m.modal.no = "close"
}

func (m *model) showLink(name, kind string) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		url, err := m.b.Link(ctx, name, kind)
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
				return nil
			}
			m.present(name, kind, url, "the "+m.label(name, kind)+" link, with its key"+m.lasts(name, kind))
			return nil
		}
	})
}

func (m *model) copyLink(name, kind string) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		url, err := m.b.Link(ctx, name, kind)
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
				return nil
			}
			return m.copy(clean(url), "the "+m.label(name, kind)+" link is copied, with its key"+m.lasts(name, kind))
		}
	})
}

// label is what a kind of link is called on the screen.
func (m *model) label(name, kind string) string {
	if l := m.linkOf(name, kind); l.Label != "" {
		return clean(l.Label)
	}
	return kind
}

// lasts says how long a link that is handed out works, if that is limited.
func (m *model) lasts(name, kind string) string {
	if l := m.linkOf(name, kind); l.Lasts != "" {
		return "; it works " + clean(l.Lasts)
	}
	return ""
}

func (m *model) linkOf(name, kind string) Link {
	for _, l := range m.view(name).info.Links {
		if l.Kind == kind {
			return l
		}
	}
	return Link{}
}

func (m *model) copyCommand(name string, e Edits) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		text, err := m.b.Command(ctx, name, e)
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
				return nil
			}
			return m.copy(text, "the docker command is copied")
		}
	})
}

// mostCopied is how much text OSC 52 may carry before terminals drop it: 100,000 bytes of base64 and its frame.
const mostCopied = 74_994

// copy puts text on the clipboard: by the terminal, and by the system's own tool. Neither is waited for.
func (m *model) copy(text, said string) tea.Cmd {
	seq := clipboard(m.o.Multiplexer, text)
	if seq == "" {
		said = fmt.Sprintf("%d bytes are more than a terminal copies", len(text))
	}
	m.say(said)
	return m.work(func(ctx context.Context) then {
		if seq != "" {
			_, _ = io.WriteString(m.tty, seq) // a terminal that is gone is noticed by the painter
		}
		_ = m.b.Copy(ctx, text) // besides the terminal's; where there is no tool that is no failure
		return nil
	})
}

// clipboard is the sequence that copies text, "" when it is too long.
func clipboard(in Multiplexer, text string) string {
	if len(text) > mostCopied {
		return ""
	}
	seq := osc52.New(text)
	switch in {
	case Tmux:
		seq = seq.Tmux()
	case Screen:
		seq = seq.Screen()
	}
	return seq.String()
}

func (m *model) shell(name string) tea.Cmd {
	run := func(ctx context.Context, t Terminal) error { return m.b.Shell(ctx, name, t) }
	return m.handOver(run, func(m *model, err error) tea.Cmd {
		m.fail(err)
		return m.refresh()
	})
}

func (m *model) page(text string) tea.Cmd {
	run := func(ctx context.Context, t Terminal) error { return m.b.Pager(ctx, strings.NewReader(text), t) }
	return m.handOver(run, func(m *model, err error) tea.Cmd {
		m.fail(err)
		return nil
	})
}

func (m *model) save(name, what, text string) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		path, err := m.b.Save(ctx, name, what, strings.NewReader(text))
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
			} else {
				m.say("saved: " + path)
			}
			return nil
		}
	})
}
