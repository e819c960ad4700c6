package tui

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"berth/internal/fault"
)

// tabs are what a sandbox's screen shows below its links, by number.
var tabs = []struct {
	name  string
	lines func(Sandbox) []Line // nil: the log
	empty string
}{
	{name: "Logs"},
	{"Mounts", func(s Sandbox) []Line { return s.Mounts }, "nothing is mounted"},
	{"Network", func(s Sandbox) []Line { return s.Network }, "no network"},
	{"Security", func(s Sandbox) []Line { return s.Security }, "nothing is known yet; ! audits"},
	{"Files", func(s Sandbox) []Line { return s.Files }, "nothing to show"},
	{"Config", func(s Sandbox) []Line { return s.Config }, "all values are the defaults"},
}

// sparkWidth is how many figures of the processor are drawn.
const sparkWidth = 8

// runningView is one sandbox: links, posture, figures and tabs. It is kept when it is left, with its place.
type runningView struct {
	name   string
	info   Sandbox
	known  bool
	err    error
	tab    int
	log    *logView
	stats  []Stats
	denied []Refusal // nobody has answered for them yet, oldest first
	asked  string    // target of the one that is asked about
	since  time.Time // when it came to be
	passed []string  // refused targets that nothing can allow, once read
	shown  bool      // its streams are open
	stop   context.CancelFunc
	full   bool
	busy   string // the act under way: "stopping"
	scroller
	page int
}

func newRunning(name string) *runningView {
	return &runningView{name: name, log: newLog(), stop: func() {}}
}

// show opens the streams and reads the sandbox.
func (v *runningView) show(m *model) tea.Cmd {
	v.shown = true
	ctx, cancel := context.WithCancel(m.ctx)
	v.stop = cancel
	return tea.Batch(v.load(m), v.readLog(m, ctx), v.readStats(m, ctx), v.readRefusals(m, ctx))
}

// hide closes the streams.
func (v *runningView) hide() {
	v.shown = false
	v.stop()
	v.stats, v.denied, v.asked = nil, nil, "" // the next time begins with what is still refused
}

func (v *runningView) load(m *model) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		info, err := m.b.Show(ctx, v.name)
		return func(m *model) tea.Cmd { return v.loaded(m, info, err) }
	})
}

// loaded folds what Show gave. A sandbox that came up again gets its streams again.
func (v *runningView) loaded(m *model, info Sandbox, err error) tea.Cmd {
	v.err = err
	if err != nil {
		if fault.KindOf(err) == fault.NotFound && m.top() == screen(v) {
			m.say(sentence(err))
			m.toList("")
		}
		return nil
	}
	again := v.known && v.info.State != Up && info.State == Up
	v.info, v.known = info, true
	if info.Engine != "" {
		m.engine = clean(info.Engine)
	}
	if again && v.shown {
		v.hide()
		return v.show(m)
	}
	return nil
}

func (v *runningView) readLog(m *model, ctx context.Context) tea.Cmd {
	fresh := true
	run := func(ctx context.Context, put func(LogLine)) error { return m.b.Logs(ctx, v.name, ringLines, put) }
	return stream(m, ctx, ringLines, run, func(_ *model, lines []LogLine) tea.Cmd {
		if ctx.Err() != nil {
			return nil
		}
		if fresh {
			v.log.clear()
			fresh = false
		}
		v.log.add(lines)
		return nil
	}, func(_ *model, err error) tea.Cmd {
		if ctx.Err() == nil {
			v.log.gone = "ended"
			if err != nil {
				v.log.gone = sentence(err)
			}
		}
		return nil
	})
}

func (v *runningView) readStats(m *model, ctx context.Context) tea.Cmd {
	run := func(ctx context.Context, put func(Stats)) error { return m.b.Stats(ctx, v.name, put) }
	return stream(m, ctx, sparkWidth, run, func(_ *model, s []Stats) tea.Cmd {
		v.stats = append(v.stats, s...)
		v.stats = slices.Clone(v.stats[max(0, len(v.stats)-sparkWidth):])
		return nil
	}, func(*model, error) tea.Cmd { return nil })
}

// mostDenied is how many refusals wait for an answer.
const mostDenied = 100

func (v *runningView) readRefusals(m *model, ctx context.Context) tea.Cmd {
	run := func(ctx context.Context, put func(Refusal)) error { return m.b.Refusals(ctx, v.name, put) }
	return stream(m, ctx, mostDenied, run, func(_ *model, more []Refusal) tea.Cmd {
		for _, r := range more {
			if ctx.Err() == nil {
				v.deny(r)
			}
		}
		v.ask(m)
		return nil
	}, func(*model, error) tea.Cmd { return nil })
}

// deny puts a refusal behind those that wait.
func (v *runningView) deny(r Refusal) {
	if slices.Contains(v.passed, r.Target) || v.waiting(r.Target) >= 0 || len(v.denied) == mostDenied {
		return
	}
	v.denied = append(v.denied, r)
}

func (v *runningView) waiting(target string) int {
	return slices.IndexFunc(v.denied, func(r Refusal) bool { return r.Target == target })
}

// answerAfter is how long a question stands before it can be answered: a key that was meant for the one before is none
// of this one's.
const answerAfter = 500 * time.Millisecond

// ask chooses the refusal that is asked about, first of those that can be allowed. It stays until it is answered: what
// programs inside go on asking for must not slip under a finger.
func (v *runningView) ask(m *model) {
	if len(v.denied) == 0 || v.waiting(v.asked) >= 0 {
		return
	}
	i := max(0, slices.IndexFunc(v.denied, func(r Refusal) bool { return r.Offer != "" }))
	v.asked, v.since = v.denied[i].Target, m.now()
}

func (v *runningView) place() place { return atRunning }

func (v *runningView) title(m *model) (path, right []string) {
	right = []string{v.stateText(m)}
	if m.engine != "" {
		right = append(right, m.engine)
	}
	return []string{v.name}, right
}

// stateText says state and age.
func (v *runningView) stateText(m *model) string {
	if v.busy != "" {
		return v.busy
	}
	row := v.row(m)
	text := m.st.state(row.State)
	if row.Since.IsZero() {
		return text
	}
	old, next := age(m.now().Sub(row.Since))
	m.again(next)
	return text + " " + old
}

func (v *runningView) row(m *model) Row {
	if row, ok := m.row(v.name); ok {
		return row
	}
	return v.info.Row
}

func (v *runningView) word(m *model, do action) (string, bool) {
	row := v.row(m)
	switch do {
	case "stop":
		if row.State == Stopped || row.State == Broken {
			return "start", true
		}
	case "pause":
		if row.State == Paused {
			return "resume", true
		}
		return "", row.State == Up
	case "shell":
		return "", row.State == Up
	case "search":
		return "", v.tab == 0
	case "quit":
		return "leave running", true
	}
	return "", true
}

func (v *runningView) digit(_ *model, d int) tea.Cmd {
	if d >= 1 && d <= len(tabs) {
		v.open(d - 1)
	}
	return nil
}

func (v *runningView) open(tab int) { v.tab, v.top = (tab+len(tabs))%len(tabs), 0 }

func (v *runningView) act(m *model, do action) (tea.Cmd, bool) {
	switch do {
	case "tab-next":
		v.open(v.tab + 1)
		return nil, true
	case "tab-previous":
		v.open(v.tab - 1)
		return nil, true
	case "full-log":
		v.full = !v.full
		v.open(0)
		return nil, true
	case "back", "pane":
		if v.full && do == "back" {
			v.full = false
			return nil, true
		}
		m.toList(v.name)
		return nil, true
	case "search":
		v.open(0)
	case "pager":
		return m.page(v.log.String()), true
	case "save":
		return m.save(v.name, "logs", v.log.String()), true
	case "allow-once":
		return v.allow(m, false), true
	case "allow-always":
		return v.allow(m, true), true
	case "docker":
		return m.copyCommand(v.name, nil), true
	}
	if cmd, ok := m.actOn(do, v.row(m), []string{v.name}); ok {
		return cmd, true
	}
	if v.tab == 0 {
		return nil, v.log.act(do)
	}
	return nil, v.scroller.act(do, v.page)
}

// allow answers for the refusal that is asked about.
func (v *runningView) allow(m *model, always bool) tea.Cmd {
	i := v.waiting(v.asked)
	if i < 0 || m.now().Sub(v.since) < answerAfter {
		return nil
	}
	r := v.denied[i]
	v.denied = slices.Delete(v.denied, i, i+1)
	v.ask(m)
	if r.Offer == "" {
		v.passed = append(v.passed, r.Target)
		m.say("no rule can allow it: " + clean(r.Why))
		return nil
	}
	return m.work(func(ctx context.Context) then {
		err := m.b.Allow(ctx, v.name, r.Offer, always)
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
			} else {
				m.say(clean(r.Offer) + " is allowed " + map[bool]string{false: "until the sandbox ends", true: "from now on, for this project"}[always])
			}
			return nil
		}
	})
}

func (v *runningView) field() *field { return &v.log.typed }

func (v *runningView) typing(_ *model, done bool) tea.Cmd {
	if done {
		v.log.search()
	}
	return nil
}

// toList goes to the list with this sandbox chosen.
func (m *model) toList(name string) {
	m.list.choose(name)
	if i := slices.Index(m.stack, screen(m.list)); i >= 0 {
		m.stack = m.stack[:i+1]
		return
	}
	m.stack = []screen{m.list}
}
