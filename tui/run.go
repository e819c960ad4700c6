package tui

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"berth/internal/fault"
	_ "berth/tui/background" // has to be initialised before Bubble Tea is
)

// shortest is the time between two frames: 60 a second at most.
const shortest = time.Second / 60

// Run shows the screen until the user leaves it, and returns when everything it started has ended. In and Out must be
// a terminal. The terminal is as it was before whatever happens, a panic included. The error is nil unless the screen
// itself broke, or a key is bound twice; failures of the backend were shown.
func Run(ctx context.Context, b Backend, o Options) (Result, error) {
	g := &guard{argv: o.Guard}
	defer g.done()
	return run(ctx, b, o, newTerminal(o.In, o.Out, !o.NoMouse), func(t *terminal) { g.watch(t, o.CrashFile) })
}

// run is Run on any reader and writer. taken is called with the terminal's state once it is ours.
func run(outer context.Context, b Backend, o Options, tty *terminal, taken func(*terminal)) (Result, error) {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	m, err := newModel(ctx, b, o, tty)
	if err != nil {
		return Result{}, err
	}
	l := &loop{m: m, p: &painter{out: tty}}
	m.w, m.h = tty.size()
	defer tty.leave()
	if err := tty.enter(); err != nil {
		return Result{}, fault.New(fault.Failure, "try: berth up --plain", "the terminal cannot be taken over: %w", err)
	}
	if err := l.p.paint(m.frame(), m.w, m.h); err != nil { // the first frame, before any other work
		return Result{Ending: HungUp}, nil
	}
	taken(tty)

	program := tea.NewProgram(l, tea.WithContext(ctx), tea.WithInput(tty.in), tea.WithOutput(tty.out), tea.WithoutRenderer(),
		tea.WithoutCatchPanics(), tea.WithoutSignalHandler())
	m.abort = func() { cancel(); program.Kill() }
	ended := l.signals(program, cancel)
	defer ended()
	l.runProgram(program)
	l.over.Store(true)
	tty.leave()
	if outer.Err() != nil {
		l.end(Terminated)
	}
	if doing := m.pending(); doing != "" {
		_, _ = io.WriteString(tty.out, "berth: "+doing+"\n") // where it has hung up nobody reads it
	}
	cancel()
	m.running.Wait()
	m.drop()
	return l.result()
}

// loop is the Bubble Tea program: it folds each message into the model and paints what has changed.
type loop struct {
	m       *model
	p       *painter
	painted time.Time
	due     bool // a frame is already planned
	ending  atomic.Pointer[Ending]
	over    atomic.Bool // the program has ended; Run waits for what was begun
}

type frameMsg struct{}

// Init starts the work that the first frame did not wait for.
func (l *loop) Init() tea.Cmd { return l.m.start() }

// Update folds and paints.
func (l *loop) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if _, ok := msg.(frameMsg); ok {
		l.due = false
		return l, l.paint()
	}
	if _, ok := msg.(tea.KeyMsg); ok {
		l.m.w, l.m.h = l.m.tty.size() // where a resize sends no signal
	}
	return l, tea.Batch(l.m.update(msg), l.paint())
}

// View draws nothing: Bubble Tea's own renderer is off, its ticker would never rest.
func (l *loop) View() string { return "" }

// paint paints now, or as soon as a frame may follow the last one.
func (l *loop) paint() tea.Cmd {
	if wait := shortest - time.Since(l.painted); wait > 0 {
		if l.due {
			return nil
		}
		l.due = true
		return tea.Tick(wait, func(time.Time) tea.Msg { return frameMsg{} })
	}
	if l.m.redrawAll {
		l.m.redrawAll = false
		l.p.forget()
	}
	l.painted = time.Now()
	if err := l.p.paint(l.m.frame(), l.m.w, l.m.h); err != nil {
		return l.m.finishWith(HungUp)
	}
	return l.m.timer()
}

// runProgram runs the loop; a panic in it is caught and kept.
func (l *loop) runProgram(p *tea.Program) {
	defer l.m.catch()
	_, _ = p.Run() // how it ended is in the model; a terminal that cannot be read has hung up
}

// end notes why the screen ends; false when that was known already.
func (l *loop) end(e Ending) bool { return l.ending.CompareAndSwap(nil, &e) }

// signals listens to the signals that end or resize us, until the function it gives is called.
func (l *loop) signals(p *tea.Program, cancel func()) (stop func()) {
	got := make(chan os.Signal, 8)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM, hungUp, resized)
	done := make(chan struct{})
	go func() {
		defer l.m.catch()
		for {
			select {
			case <-done:
				return
			case s := <-got:
				l.signal(p, cancel, s)
			}
		}
	}()
	return func() { signal.Stop(got); close(done) }
}

// signal acts on one signal. What ends us gives the terminal back first, however busy the loop may be.
func (l *loop) signal(p *tea.Program, cancel func(), s os.Signal) {
	switch s {
	case resized:
		w, h := l.m.tty.size()
		p.Send(tea.WindowSizeMsg{Width: w, Height: h})
		return
	case syscall.SIGINT:
		if l.over.Load() {
			l.m.hurry()
		}
		p.Send(then((*model).interrupt))
		return
	}
	ending := Terminated
	if s == hungUp {
		ending = HungUp
	}
	if !l.end(ending) {
		l.m.hurry()
		return
	}
	l.m.tty.leave()
	cancel()
	p.Kill()
}

// result says how it ended.
func (l *loop) result() (Result, error) {
	select {
	case c := <-l.m.crash:
		return Result{Left: l.m.left()}, l.m.report(c)
	default:
	}
	r := Result{Ending: l.m.ending, Left: l.m.left()}
	if e := l.ending.Load(); e != nil {
		r.Ending = *e
	}
	if r.Ending == "" {
		r.Ending = HungUp // the terminal went away under us
	}
	return r, nil
}

// report writes the stack of a panic to the crash file, or to standard error where there is none.
func (m *model) report(c crashed) error {
	text := fmt.Sprintf("panic: %v\n\n%s", c.cause, c.stack)
	if m.o.CrashFile != "" {
		if err := os.WriteFile(m.o.CrashFile, []byte(text), 0o600); err == nil {
			return fault.New(fault.Failure, "the report is in "+m.o.CrashFile, "berth broke: %v", c.cause)
		}
	}
	fmt.Fprintln(os.Stderr, text)
	return fault.New(fault.Failure, "please report the lines above", "berth broke: %v", c.cause)
}
