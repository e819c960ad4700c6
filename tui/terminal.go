package tui

import (
	"io"
	"os"
	"sync"

	"github.com/charmbracelet/x/term"
)

// The sequences that take the terminal over and give it back: synchronized output off, alternate screen, cursor, line
// wrapping, bracketed paste; the mouse reports clicks and the wheel, in SGR form.
const (
	enterModes = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J"
	leaveModes = "\x1b[?2026l\x1b[m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"
	mouseOn    = "\x1b[?1000h\x1b[?1006h"
	mouseOff   = "\x1b[?1006l\x1b[?1000l"
)

// terminal is the user's terminal and the modes we put it in. leave may be called from any goroutine and at any time;
// after it nothing is written until enter.
type terminal struct {
	in     io.Reader
	out    io.Writer
	inFile *os.File // nil when in is no terminal
	sizer  *os.File // nil when the size cannot be asked

	mu    sync.Mutex
	saved *term.State // as it was before us
	ours  bool
	mouse bool
	told  func(ours bool) // the guard
}

func newTerminal(in io.Reader, out io.Writer, mouse bool) *terminal {
	t := &terminal{in: in, out: out, mouse: mouse, told: func(bool) {}}
	if f, ok := in.(*os.File); ok && term.IsTerminal(f.Fd()) {
		t.inFile = f
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(f.Fd()) {
		t.sizer = f
	}
	return t
}

// size gives columns and rows, 80×24 when nobody knows.
func (t *terminal) size() (w, h int) {
	if t.sizer == nil {
		return 80, 24
	}
	w, h, err := term.GetSize(t.sizer.Fd())
	if err != nil {
		return 80, 24
	}
	return w, h
}

// enter takes the terminal over.
func (t *terminal) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ours {
		return nil
	}
	if t.inFile != nil {
		saved, err := term.MakeRaw(t.inFile.Fd())
		if err != nil {
			return err
		}
		t.saved = saved
	}
	t.ours = true
	t.told(true)
	modes := enterModes
	if t.mouse {
		modes += mouseOn
	}
	_, err := io.WriteString(t.out, modes)
	return err
}

// leave gives the terminal back as it was.
func (t *terminal) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ours {
		return
	}
	t.ours = false
	modes := leaveModes
	if t.mouse {
		modes = mouseOff + modes
	}
	_, _ = io.WriteString(t.out, modes) // nobody is left to tell
	if t.inFile != nil {
		_ = term.Restore(t.inFile.Fd(), t.saved)
	}
	t.told(false)
}

// tell has each change of hands reported, the present state at once.
func (t *terminal) tell(told func(ours bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = told
	told(t.ours)
}

// lend opens the terminal's input once more, for somebody who may still be reading when he is done: closing it ends
// that, and the next key is ours.
func (t *terminal) lend() (in io.Reader, done func()) {
	if t.inFile == nil {
		return t.in, func() {}
	}
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return t.in, func() {}
	}
	return f, func() { _ = f.Close() }
}

// setMouse captures the mouse, or frees it.
func (t *terminal) setMouse(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mouse == on {
		return
	}
	t.mouse = on
	if t.ours {
		_, _ = io.WriteString(t.out, map[bool]string{true: mouseOn, false: mouseOff}[on])
	}
}

// Write writes while the terminal is ours, and nothing otherwise.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ours {
		return len(p), nil
	}
	return t.out.Write(p)
}
