package tui

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"runtime/debug"

	"github.com/charmbracelet/x/term"
)

// What the screen tells its guard after the first line: whether the terminal is its own just now.
const (
	terminalOurs   = '+'
	terminalTheirs = '-'
)

// charge is the first line a guard reads: what it may have to put back.
type charge struct {
	Before *term.State // as the terminal was
	Ours   *term.State // as we made it
	Crash  string      // where a stack goes, for the sentence that names it
}

// guard is a process that outlives this one by a moment. No deferred function runs when berth is killed, or when a
// goroutine that is not ours panics; the guard then sees its pipe end and puts the terminal back.
type guard struct {
	argv  []string
	pipe  *os.File
	crash *os.File
}

// watch starts the guard of a terminal that has just become ours. Where that fails there is none, which costs nothing
// until berth is killed.
func (g *guard) watch(t *terminal, crashFile string) {
	g.catchStack(crashFile)
	if len(g.argv) == 0 || t.inFile == nil {
		return
	}
	ours, err := term.GetState(t.inFile.Fd())
	if err != nil {
		return
	}
	first, err := json.Marshal(charge{Before: t.saved, Ours: ours, Crash: crashFile})
	if err != nil {
		return
	}
	in, pipe, err := os.Pipe()
	if err != nil {
		return
	}
	cmd := exec.Command(g.argv[0], g.argv[1:]...) //nolint:noctx // it has to outlive us
	cmd.Stdin, cmd.Stdout = in, t.inFile
	apart(cmd)
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		_ = pipe.Close()
		return
	}
	g.pipe = pipe
	_, _ = pipe.Write(append(first, '\n'))
	t.tell(func(ours bool) {
		word := []byte{terminalTheirs}
		if ours {
			word[0] = terminalOurs
		}
		_, _ = pipe.Write(word)
	})
}

// catchStack makes the runtime write a stack that nobody can catch to a file too: on the screen it would be lost.
func (g *guard) catchStack(file string) {
	if file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	if debug.SetCrashOutput(f, debug.CrashOptions{}) != nil {
		_ = f.Close()
		return
	}
	g.crash = f
}

// done lets the guard go.
func (g *guard) done() {
	if g.pipe != nil {
		_ = g.pipe.Close()
	}
	if g.crash == nil {
		return
	}
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
	if info, err := g.crash.Stat(); err == nil && info.Size() == 0 {
		_ = os.Remove(g.crash.Name())
	}
	_ = g.crash.Close()
}

// ResetTerminal is the guard's whole life, behind the hidden command reset-terminal: it waits until in ends, and puts
// tty back if the screen ended while the terminal was its own. It touches no terminal that somebody else has changed
// since: the shell may be there already.
func ResetTerminal(in io.Reader, tty *os.File) error {
	signal.Ignore(deafGuard...)
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return err
	}
	var c charge
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	last := byte(terminalTheirs)
	for {
		b, err := r.ReadByte()
		if err != nil {
			break
		}
		last = b
	}
	if last != terminalOurs {
		return nil
	}
	return c.putBack(tty)
}

func (c charge) putBack(tty *os.File) error {
	if _, err := io.WriteString(tty, mouseOff+leaveModes); err != nil {
		return err
	}
	now, err := term.GetState(tty.Fd())
	if err != nil {
		return err
	}
	if reflect.DeepEqual(now, c.Ours) {
		if err := term.Restore(tty.Fd(), c.Before); err != nil {
			return err
		}
	}
	said := "berth: ended without warning; sandboxes that were up still are: berth ls"
	if info, err := os.Stat(c.Crash); err == nil && info.Size() > 0 {
		said += "\nberth: the report is in " + c.Crash
	}
	_, err = fmt.Fprintln(tty, said)
	return err
}
