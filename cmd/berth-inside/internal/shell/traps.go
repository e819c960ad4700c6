package shell

import (
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// traps holds what `trap` said for signals; the interpreter itself knows EXIT and ERR only. A trapped signal's text runs before the next command, or when the program has come to its end.
type traps struct {
	mu     sync.Mutex
	bodies map[os.Signal]string
	came   chan os.Signal
	due    atomic.Bool // this shell has just signalled itself: the signal is on its way
}

// set takes the signals out of a trap's arguments and heeds them; rest is what the interpreter has to do, or nil. An unknown name stays in rest, so that the interpreter refuses it.
func (t *traps) set(args []string) (rest []string) {
	args = slices.Clone(args)
	if len(args) > 1 && args[1] == "--" {
		args = slices.Delete(args, 1, 2)
	}
	if len(args) < 2 {
		return args
	}
	body, names := args[1], args[2:]
	if len(names) == 0 { // "trap NAME" is "trap - NAME"
		body, names = "-", args[1:]
	}
	for _, name := range names {
		sig := signalOf(name)
		if sig == 0 {
			rest = append(rest, exitName(name))
			continue
		}
		t.heed(sig, body)
	}
	if len(rest) == 0 {
		return nil
	}
	return append([]string{"trap", body}, rest...)
}

func exitName(name string) string {
	if name == "0" {
		return "EXIT"
	}
	return name
}

func (t *traps) heed(sig unix.Signal, body string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.bodies, sig)
	switch body {
	case "-":
		signal.Reset(sig)
	case "":
		signal.Ignore(sig) // children ignore it too
	default:
		t.bodies[sig] = body
		signal.Notify(t.came, sig)
	}
}

// delivery is how long a signal to itself may take from the kernel to here.
const delivery = 50 * time.Millisecond

// next gives the text for a signal that has come, if one has.
func (t *traps) next() (body string, pending bool) {
	var patience <-chan time.Time
	if t.due.Swap(false) {
		patience = time.After(delivery)
	}
	select {
	case sig := <-t.came:
		return t.body(sig)
	default:
	}
	if patience == nil {
		return "", false
	}
	select {
	case sig := <-t.came:
		return t.body(sig)
	case <-patience:
		return "", false
	}
}

func (t *traps) body(sig os.Signal) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	body, pending := t.bodies[sig]
	return body, pending
}

// expect notes that a kill names this very process. Another thread may have to be woken for the signal, even for one that ends the shell: the next command must not run before it.
func (t *traps) expect(args []string) {
	t.due.Store(slices.Contains(args, strconv.Itoa(os.Getpid())) && !slices.Contains(args, "-0"))
}

// waitFor returns 0 when done is closed, or the number of a signal that came before; the signal is kept for next.
func (t *traps) waitFor(done <-chan struct{}) int {
	select {
	case <-done:
		return 0
	case sig := <-t.came:
		select {
		case t.came <- sig:
		default: // full: others are waiting already
		}
		if n, ok := sig.(unix.Signal); ok {
			return int(n)
		}
		return 0
	}
}

// signalOf knows "TERM", "SIGTERM", "term" and "15"; 0 is none.
func signalOf(name string) unix.Signal {
	if n, err := strconv.Atoi(name); err == nil {
		if n > 0 && n < 65 {
			return unix.Signal(n)
		}
		return 0
	}
	upper := strings.ToUpper(name)
	if !strings.HasPrefix(upper, "SIG") {
		upper = "SIG" + upper
	}
	return unix.SignalNum(upper)
}
