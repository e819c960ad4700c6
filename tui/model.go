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
	launches []*launch

	force     chan struct{} // closed: no grace any more
	forced    bool
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

// stream runs a stream of the backend and folds what it brings, in batches of at most what has gathered.
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
	return func() tea.Msg {
		go func() {
			defer m.catch()
			f.end(run(ctx, f.put))
		}()
		return next()
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

// key folds one key press, or several that the terminal delivered at once.
func (m *model) key(k tea.KeyMsg) tea.Cmd {
	if m.answer(k) {
		return nil
	}
	m.notice = ""
	if m.modal != nil {
		return m.modal.key(m, k)
	}
	if t, ok := m.top().(typer); ok && t.field().open {
		if k.String() == "ctrl+c" {
			return m.interrupt()
		}
		return t.typing(m, t.field().key(k))
	}
	if k.Paste {
		return nil
	}
	if k.Type != tea.KeyRunes || k.Alt {
		return m.press(name(k))
	}
	var cmds []tea.Cmd
	for i, r := range k.Runes {
		cmds = append(cmds, m.press(string(r)))
		if t, ok := m.top().(typer); m.modal != nil || ok && t.field().open {
			rest := k
			rest.Runes = k.Runes[i+1:]
			if len(rest.Runes) > 0 {
				cmds = append(cmds, m.key(rest))
			}
			break
		}
	}
	return tea.Batch(cmds...)
}

// answer drops what a terminal says unasked: a late colour report reads as alt+] and a run of characters.
func (m *model) answer(k tea.KeyMsg) bool {
	if k.Alt && len(k.Runes) > 0 && k.Runes[0] == ']' {
		m.swallow = true
		return true
	}
	if !m.swallow {
		return false
	}
	m.swallow = k.Type == tea.KeyRunes && !k.Alt
	return m.swallow && len(k.Runes) > 1 || k.Alt
}

func name(k tea.KeyMsg) string {
	if k.Type == tea.KeySpace {
		return "space"
	}
	return k.String()
}

// press is one key outside of any typing.
func (m *model) press(key string) tea.Cmd {
	if d, ok := m.top().(interface{ digit(*model, int) tea.Cmd }); ok && isDigit(key) {
		return d.digit(m, int(key[0]-'0'))
	}
	do, ok := m.keys.find(m.top().place(), key)
	if !ok {
		return nil
	}
	return m.do(do)
}

// do carries out an action: the screen's own meaning first, then what works everywhere.
func (m *model) do(do action) tea.Cmd {
	if cmd, ok := m.top().act(m, do); ok {
		return cmd
	}
	switch do {
	case "back":
		m.back()
	case "help":
		m.push(newHelp(m))
	case "palette":
		m.push(newPalette(m))
	case "mouse":
		m.mouse = !m.mouse
		m.tty.setMouse(m.mouse)
	case "redraw":
		m.redrawAll = true
	case "suspend":
		return m.suspend()
	case "interrupt":
		return m.interrupt()
	case "quit":
		return m.quit()
	case "quit-stop":
		return m.stopMine()
	}
	return nil
}

// click folds one click or a turn of the wheel.
func (m *model) click(e tea.MouseMsg) tea.Cmd {
	if !m.mouse || m.modal != nil || e.Action != tea.MouseActionPress {
		return nil
	}
	switch e.Button {
	case tea.MouseButtonWheelUp:
		return m.turn("up")
	case tea.MouseButtonWheelDown:
		return m.turn("down")
	case tea.MouseButtonLeft:
		for _, z := range m.zones {
			if z.row == e.Y && z.from <= e.X && e.X < z.to {
				m.notice = ""
				return z.click(m)
			}
		}
	}
	return nil
}

// turn is one notch of the wheel: three lines.
func (m *model) turn(do action) tea.Cmd {
	var cmds []tea.Cmd
	for range 3 {
		cmds = append(cmds, m.do(do))
	}
	return tea.Batch(cmds...)
}

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
		case n.Denied != "":
			m.view(n.Sandbox).deny(n.Denied)
		default:
			changed = true
			if v := m.views[n.Sandbox]; v != nil && v.shown {
				cmds = append(cmds, v.load(m))
			}
		}
	}
	if changed {
		cmds = append(cmds, m.refresh())
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

// refresh reads the list again; one reading at a time.
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

func (m *model) listed(all Overview, err error) tea.Cmd {
	m.loading = false
	if err != nil {
		m.list.err = err
		return nil
	}
	m.engine = clean(all.Engine)
	m.list.set(all.Rows)
	m.list.err = nil
	var cmds []tea.Cmd
	for name, v := range m.views {
		if v.shown && !m.list.has(name) {
			cmds = append(cmds, v.load(m)) // is it gone?
		}
	}
	if m.stale {
		m.stale = false
		cmds = append(cmds, m.refresh())
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
