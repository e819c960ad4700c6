//go:build unix

package host

import (
	"os"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestATerminalIsToldFromAFile(t *testing.T) {
	user, tty, err := pty.Open()
	if err != nil {
		t.Skipf("this machine gives no pseudo-terminal: %v", err)
	}
	defer user.Close() //nolint:errcheck // of a test
	defer tty.Close()  //nolint:errcheck // of a test
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close() //nolint:errcheck // of a test
	if !IsTerminal(tty) || IsTerminal(null) {
		t.Errorf("a terminal: %v, /dev/null: %v", IsTerminal(tty), IsTerminal(null))
	}
	if err := pty.Setsize(user, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	if columns, rows := TerminalSize(tty); columns != 120 || rows != 40 {
		t.Errorf("it is %d by %d", columns, rows)
	}
	if columns, rows := TerminalSize(null); columns != 0 || rows != 0 {
		t.Errorf("/dev/null is %d by %d", columns, rows)
	}
}

func TestATerminalIsGivenBackAsItWas(t *testing.T) {
	user, tty, err := pty.Open()
	if err != nil {
		t.Skipf("this machine gives no pseudo-terminal: %v", err)
	}
	defer user.Close() //nolint:errcheck // of a test
	defer tty.Close()  //nolint:errcheck // of a test
	modes := func() unix.Termios {
		now, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
		if err != nil {
			t.Fatal(err)
		}
		return *now
	}
	before := modes()
	restore, err := RawTerminal(tty)
	if err != nil {
		t.Fatal(err)
	}
	if raw := modes(); raw.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != 0 {
		t.Errorf("keys are still handled: %#x", raw.Lflag)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if after := modes(); after != before {
		t.Errorf("got  %+v\nwant %+v", after, before)
	}
}

func TestATerminalThatGoesAwayIsNoticed(t *testing.T) {
	user, tty, err := pty.Open()
	if err != nil {
		t.Skipf("this machine gives no pseudo-terminal: %v", err)
	}
	defer tty.Close() //nolint:errcheck // of a test
	gone := make(chan bool)
	go func() { gone <- HungUp(tty) }()
	if _, err := user.WriteString("keys are no end\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
		t.Fatal("a key ended it")
	default:
	}
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	if !<-gone {
		t.Error("the terminal is gone, and nobody says so")
	}
}
