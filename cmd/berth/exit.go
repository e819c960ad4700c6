package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"berth/internal/fault"
)

// Exit codes (design: one number a kind of trouble).
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2
	exitEngine   = 3
	exitImage    = 4
	exitFindings = 5
	exitNotFound = 6
	exitConflict = 7
	exitNotReady = 124
	exitExec     = 125 // berth could not run the command
	exitInvoke   = 126 // the command cannot be invoked
	exitNoCmd    = 127 // no such command
	exitSignal   = 128 // plus the signal's number
)

// status is an exit code that a command inside a sandbox gave; it has been reported by that command itself.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// signalled is why a context ended: a signal came.
type signalled struct{ sig syscall.Signal }

func (s signalled) Error() string { return "interrupted by " + s.sig.String() }

// A second signal within secondPress of the first ends berth without any grace; cleaning up, which is by force already,
// has lastLimit to come to its end.
const (
	secondPress = 3 * time.Second
	lastLimit   = 5 * time.Second // removing takes about 0.5 s, more on a machine at its limits
)

// end prints what went wrong and gives the exit code.
func (a *app) end(ctx context.Context, err error) int {
	a.print.Finish()
	if broken := a.print.Broken(); errors.Is(broken, syscall.EPIPE) {
		return exitSignal + int(syscall.SIGPIPE) // the reader has gone: as any program in a pipe, quietly
	} else if err == nil && broken != nil {
		err = fault.New(fault.Failure, "", "output: %w", broken)
	}
	if err == nil {
		return exitOK
	}
	var own status
	if errors.As(err, &own) {
		return int(own)
	}
	var stopped signalled
	if errors.As(context.Cause(ctx), &stopped) {
		a.print.Note("interrupted")
		return exitSignal + int(stopped.sig)
	}
	a.debugFault(err)
	a.print.Fault(err)
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return exitCode(fault.KindOf(err))
}

// exitCode maps a kind of fault to berth's exit code.
func exitCode(kind fault.Kind) int {
	switch kind {
	case fault.Usage:
		return exitUsage
	case fault.Engine:
		return exitEngine
	case fault.Image:
		return exitImage
	case fault.Findings:
		return exitFindings
	case fault.NotFound:
		return exitNotFound
	case fault.Conflict:
		return exitConflict
	case fault.NotReady:
		return exitNotReady
	case fault.Interrupted:
		return exitSignal + int(syscall.SIGINT)
	}
	return exitFailure
}

// signals gives a context that the first SIGINT, SIGTERM or SIGHUP ends, with the signal as its cause: whoever works
// then cleans up. A second one within three seconds ends berth at once. SIGPIPE is taken, so that a reader who goes
// away cannot kill a launch half-way.
func (a *app) signals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 4)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		var first time.Time
		for got := range caught {
			sig, _ := got.(syscall.Signal)
			if !first.IsZero() && time.Since(first) < secondPress {
				time.AfterFunc(lastLimit, func() { os.Exit(exitSignal + int(sig)) })
				continue
			}
			first = time.Now()
			cancel(signalled{sig})
		}
	}()
	return ctx, func() { signal.Stop(caught); cancel(nil) }
}
