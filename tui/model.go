package tui

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// screen is one view: plain data that draws itself and answers to actions.
type screen interface {
	place() place
	// title gives the way to here, below the root, and what stands at the right end, the least useful first.
	title(m *model) (path, right []string)
	draw(m *model, c *canvas)
	// act does an action; false when it has no meaning here.
	act(m *model, do action) (tea.Cmd, bool)
}

// typer is a screen that is being typed into.
type typer interface {
	field() *field
	typing(m *model, done bool) tea.Cmd
}

// model is everything the screen knows. It lives in one goroutine, that of Update; work goes out as tea.Cmd and comes
// back as a then.
type model struct {
	o    Options
	b    Backend
	tty  *terminal
	now  func() time.Time
	ctx  context.Context
	acts context.Context // of what is done to sandboxes: it ends with us only when it has to be quick
	st   style
	keys keymap
	w, h int

	stack    []screen // the last one is shown
	modal    *modal
	notice   string
	mouse    bool
	swallow  bool // what follows is the rest of a terminal's answer that nobody asked for
	zones    []zone
	wakeAt   time.Time     // when a timer is due; zero: none
	wakeNext time.Duration // what this frame asked for; 0: nothing

	list     *listView
	plan     *planView
	views    map[string]*runningView
	engine   string
	away     string // why the engine does not answer; "" when it does
	loading  bool   // a List is under way
	stale    bool   // and another is wanted
	read     time.Time
	launches []*launch

	force     chan struct{} // closed: no grace any more
	drop      func()        // ends acts
	hurried   sync.Once
	stopped   time.Time // when the user cancelled first
	quitting  bool      // leave when the last launch has ended
	ending    Ending
	running   sync.WaitGroup // launches and stops that have to end before we may
	crash     chan crashed
	abort     func()
	redrawAll bool
}

// crashed is a panic and where it was.
type crashed struct {
	cause any
	stack []byte
}

// then is the answer of some work, applied to the model in its own goroutine.
type then func(m *model) tea.Cmd

type wakeMsg time.Time

func newModel(ctx context.Context, b Backend, o Options, tty *terminal) (*model, error) {
	keys, err := bind(o.Keys)
	if err != nil {
		return nil, err
	}
	m := &model{
		o: o, b: b, tty: tty, ctx: ctx, keys: keys, now: time.Now,
		st:    style{color: o.Color, theme: o.Theme, ascii: o.ASCII},
		mouse: !o.NoMouse,
		views: map[string]*runningView{},
		force: make(chan struct{}),
		crash: make(chan crashed, 1),
		abort: func() {},
	}
	m.acts, m.drop = context.WithCancel(context.WithoutCancel(ctx))
	m.list = &listView{}
	m.plan = newPlanView(o.Edits, o.Sandbox)
	m.stack = []screen{m.plan}
	if o.List {
		m.stack = []screen{m.list}
	}
	return m, nil
}

// start is the first work: after the first frame.
func (m *model) start() tea.Cmd {
	cmds := []tea.Cmd{m.watch(), m.refresh()}
	if !m.o.List {
		cmds = append(cmds, m.plan.ask(m))
	}
	return tea.Batch(cmds...)
}

// update folds one message into the model.
func (m *model) update(msg tea.Msg) tea.Cmd {
	cmd := m.fold(msg)
	return tea.Batch(cmd, m.attend())
}

func (m *model) fold(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case then:
		return msg(m)
	case wakeMsg:
		m.wakeAt = time.Time{}
	case tea.WindowSizeMsg:
		m.w, m.h = max(0, msg.Width), max(0, msg.Height)
	case tea.KeyMsg:
		return m.key(msg)
	case tea.MouseMsg:
		return m.click(msg)
	}
	return nil
}

// work runs f outside the model's goroutine. A panic in it gives the terminal back before anything else.
func (m *model) work(f func(ctx context.Context) then) tea.Cmd {
	return func() tea.Msg {
		defer m.catch()
		if t := f(m.ctx); t != nil {
			return t
		}
		return nil
	}
}

// catch ends the program on a panic; it is deferred in each goroutine of ours.
func (m *model) catch() {
	if v := recover(); v != nil {
		if m.tty != nil {
			m.tty.leave()
		}
		select {
		case m.crash <- crashed{v, debug.Stack()}:
		default:
		}
		m.abort()
	}
}

// stream begins a stream of the backend and folds what it brings, all that has gathered at once.
func stream[T any](m *model, ctx context.Context, most int, run func(context.Context, func(T)) error,
	each func(*model, []T) tea.Cmd, end func(*model, error) tea.Cmd) tea.Cmd {
	f := newFeed[T](most)
	var next tea.Cmd
	next = func() tea.Msg {
		items, ended, err := f.take()
		return then(func(m *model) tea.Cmd {
			var cmd tea.Cmd
			if len(items) > 0 {
				cmd = each(m, items)
			}
			if ended {
				return tea.Batch(cmd, end(m, err))
			}
			return tea.Batch(cmd, next)
		})
	}
	go func() {
		defer m.catch()
		f.end(run(ctx, f.put))
	}()
	return next
}

// must starts work that Run waits for, whatever becomes of the screen: it begins now and not when Bubble Tea comes to
// it, which may be never.
func (m *model) must(f func() then) tea.Cmd {
	m.running.Add(1)
	answer := make(chan then, 1)
	go func() {
		defer m.running.Done()
		defer m.catch()
		answer <- f()
	}()
	return func() tea.Msg {
		select {
		case t := <-answer:
			return t
		case <-m.ctx.Done():
			return nil
		}
	}
}

// again asks for a new frame after d, when something on it will have changed.
func (m *model) again(d time.Duration) {
	if m.wakeNext == 0 || d < m.wakeNext {
		m.wakeNext = max(d, time.Millisecond)
	}
}

// timer gives the one timer that the last frame asked for, if none is due before it.
func (m *model) timer() tea.Cmd {
	d := m.wakeNext
	m.wakeNext = 0
	if d == 0 {
		return nil
	}
	due := m.now().Add(d)
	if !m.wakeAt.IsZero() && !due.Before(m.wakeAt) {
		return nil
	}
	m.wakeAt = due
	return tea.Tick(d, func(t time.Time) tea.Msg { return wakeMsg(t) })
}

func (m *model) top() screen { return m.stack[len(m.stack)-1] }

func (m *model) push(s screen) { m.stack = append(m.stack, s) }

// replace puts s in the place of old, wherever that is; without old it goes on top.
func (m *model) replace(old, s screen) {
	if i := slices.Index(m.stack, old); i >= 0 {
		m.stack[i] = s
		return
	}
	m.push(s)
}

// back leaves the screen on top. Below everything lies the list.
func (m *model) back() {
	if len(m.stack) > 1 {
		m.stack = m.stack[:len(m.stack)-1]
		return
	}
	m.stack[0] = m.list
}

// say shows one line above the footer until the next key.
func (m *model) say(text string) { m.notice = clean(text) }

// fail shows an error that needs no screen of its own.
func (m *model) fail(err error) {
	if err != nil && m.ctx.Err() == nil {
		m.say("✗ " + sentence(err))
	}
}

// view gives the view of a sandbox, which keeps its tab, its search and its place.
func (m *model) view(name string) *runningView {
	v := m.views[name]
	if v == nil {
		v = newRunning(name)
		m.views[name] = v
	}
	return v
}

// row gives what the list says about a sandbox.
func (m *model) row(name string) (Row, bool) {
	i := slices.IndexFunc(m.list.rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, false
	}
	return m.list.rows[i], true
}

// left names the sandboxes that go on without us.
func (m *model) left() []string {
	var out []string
	for _, r := range m.list.rows {
		if r.State == Up || r.State == Paused {
			out = append(out, r.Name)
		}
	}
	for _, l := range m.launches {
		if l.up() && !slices.Contains(out, l.name) {
			if r, known := m.row(l.name); !known || r.State != Stopped {
				out = append(out, l.name)
			}
		}
	}
	return out
}

// sentence says an error in one clean line, without a hint.
func sentence(err error) string { return clean(strings.TrimSpace(err.Error())) }
