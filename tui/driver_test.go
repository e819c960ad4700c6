package tui

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// driver plays a screen without a terminal: it folds keys and answers, and runs all work to its end at once.
type driver struct {
	t     testing.TB
	m     *model
	f     *fake
	out   bytes.Buffer
	ended bool
}

// drive opens the screen on a backend at a size, with the first work done.
func drive(t testing.TB, f *fake, o Options, w, h int) *driver {
	d := &driver{t: t, f: f}
	tty := newTerminal(strings.NewReader(""), &d.out, true)
	_ = tty.enter()
	m, err := newModel(context.Background(), f, o, tty)
	if err != nil {
		t.Fatal(err)
	}
	m.now = func() time.Time { return noon }
	m.w, m.h = w, h
	d.m = m
	d.run(m.start())
	return d
}

// run does some work and all that follows from it.
func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	case tea.QuitMsg:
		d.ended = true
	default:
		d.hand(msg)
	}
}

// hand folds a message; work that hands the terminal over is run without one.
func (d *driver) hand(msg tea.Msg) {
	if v := reflect.ValueOf(msg); v.Kind() == reflect.Struct && strings.HasSuffix(v.Type().String(), "execMsg") {
		d.f.note("handed over")
		return
	}
	d.run(d.m.update(msg))
}

// keys presses keys by name; a name that is none is typed as it stands.
func (d *driver) keys(names ...string) {
	for _, n := range names {
		d.hand(keyOf(n))
	}
}

var keyTypes = map[string]tea.KeyType{
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "backspace": tea.KeyBackspace,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "ctrl+c": tea.KeyCtrlC, "ctrl+l": tea.KeyCtrlL,
	"ctrl+u": tea.KeyCtrlU, "ctrl+w": tea.KeyCtrlW, "ctrl+z": tea.KeyCtrlZ, "space": tea.KeySpace,
}

func keyOf(name string) tea.KeyMsg {
	if t, ok := keyTypes[name]; ok {
		k := tea.KeyMsg{Type: t}
		if t == tea.KeySpace {
			k.Runes = []rune{' '}
		}
		return k
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// text is the screen as one sees it, without colours; blanks at the ends of lines and empty lines are kept apart.
func (d *driver) text() string {
	var b strings.Builder
	for _, l := range d.m.frame() {
		b.WriteString(strings.TrimRight(ansi.Strip(ansi.Truncate(l, d.m.w, "")), " ") + "\n")
	}
	return b.String()
}

// line is the first line that contains a word.
func (d *driver) line(word string) string {
	for _, l := range strings.Split(d.text(), "\n") {
		if strings.Contains(l, word) {
			return l
		}
	}
	return ""
}

// wants fails unless each of these is on the screen.
func (d *driver) wants(words ...string) {
	d.t.Helper()
	for _, w := range words {
		if !strings.Contains(d.text(), w) {
			d.t.Errorf("%q is not on the screen:\n%s", w, d.text())
		}
	}
}

func (d *driver) lacks(words ...string) {
	d.t.Helper()
	for _, w := range words {
		if strings.Contains(d.text(), w) {
			d.t.Errorf("%q is on the screen:\n%s", w, d.text())
		}
	}
}

// moves are what stands before each line that the painter writes.
var moves = regexp.MustCompile("\x1b\\[[0-9]+;1H")

// fits tells when what is painted of the frame leaves the screen.
func (d *driver) fits() error {
	lines := d.m.frame()
	if len(lines) > d.m.h {
		return fmt.Errorf("%d lines on a screen of %d", len(lines), d.m.h)
	}
	var out bytes.Buffer
	p := &painter{out: &out}
	if err := p.paint(lines, d.m.w, d.m.h); err != nil {
		return err
	}
	painted := moves.Split(out.String(), -1)
	if n := len(painted) - 1; n != d.m.h {
		return fmt.Errorf("%d lines were painted on a screen of %d", n, d.m.h)
	}
	for i, l := range painted {
		if w := ansi.StringWidth(l); w > d.m.w {
			return fmt.Errorf("line %d is %d wide on a screen of %d: %q", i, w, d.m.w, l)
		}
	}
	return nil
}
