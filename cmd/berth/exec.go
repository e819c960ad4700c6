package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/sandbox"
)

// workFolder is where commands run inside unless told otherwise.
const workFolder = "/workspace"

// execFlags say how a command runs inside.
type execFlags struct {
	stdin, tty bool
	user, dir  string
}

func (a *app) execCommand() *cobra.Command {
	var o execFlags
	c := &cobra.Command{
		Use:   "exec [NAME] -- CMD...",
		Short: "Run a command in a sandbox",
		Example: `  berth exec shop -- make test
  berth exec -- git status               in this folder's sandbox
  echo hello | berth exec -i shop -- cat
  berth exec -w /data shop -- ls -l`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			names, command, err := splitCommand(cmd, args)
			if err != nil {
				return err
			}
			if len(command) == 0 {
				return usage("berth exec shop -- ls", "exec: the command is missing: it goes behind --")
			}
			s, status, err := a.inside(cmd.Context(), names)
			if err != nil {
				return err
			}
			return a.exec(cmd.Context(), s, status, command, o)
		},
	}
	execVars(c, &o)
	c.Flags().BoolVarP(&o.stdin, "interactive", "i", false, "connect stdin")
	c.Flags().BoolVarP(&o.tty, "tty", "t", false, "give the command a terminal")
	return c
}

func execVars(c *cobra.Command, o *execFlags) {
	c.Flags().SortFlags = false
	c.Flags().StringVarP(&o.user, "user", "u", "", "`uid:gid` whom to run as instead of the sandbox's own, in numbers")
	c.Flags().StringVarP(&o.dir, "workdir", "w", "", "`folder` where to run, instead of /workspace")
}

// inside finds a sandbox in which commands can be run.
func (a *app) inside(ctx context.Context, args []string) (*session, launch.Status, error) {
	s, name, err := a.attendOne(ctx, args)
	if err != nil {
		return nil, launch.Status{}, err
	}
	status, err := s.Status(ctx, name)
	if err == nil && !running(status.State) {
		hint := "berth start " + name
		if status.State == sandbox.Paused {
			hint = "berth resume " + name
		}
		err = fault.New(fault.Conflict, hint, "%s: it is %s, not up", name, status.State)
	}
	return s, status, err
}

// exec runs a command inside, with the user's streams, and gives its exit code as a status.
func (a *app) exec(ctx context.Context, s *session, in launch.Status, command []string, o execFlags) error {
	if o.tty && !host.IsTerminal(a.stdin) {
		return usage("leave -t out", "-t: stdin is no terminal")
	}
	x := sandbox.Exec{User: o.user, Dir: cmp.Or(o.dir, workFolder), Command: command, TTY: o.tty, Stdout: a.stdout, Stderr: a.stderr}
	if o.stdin || o.tty {
		x.Stdin = a.stdin
	}
	if o.tty {
		restore, err := a.lendTerminal(&x)
		if err != nil {
			return fault.New(fault.Failure, "", "terminal: %w", err)
		}
		defer restore()
	}
	result, err := s.Runtime.Exec(ctx, in.Observed.ID, x)
	switch {
	case err != nil:
		return execFault(err, result.Code)
	case result.Code != 0:
		return status(result.Code)
	}
	return nil
}

// lendTerminal hands the user's terminal to a command inside: raw keys, its size and its changes of size.
func (a *app) lendTerminal(x *sandbox.Exec) (restore func(), err error) {
	size := func() [2]uint {
		columns, rows := host.TerminalSize(a.stdin)
		return [2]uint{uint(rows), uint(columns)}
	}
	back, err := host.RawTerminal(a.stdin)
	if err != nil {
		return nil, err
	}
	changed, resized := make(chan os.Signal, 1), make(chan [2]uint, 1)
	notifyResize(changed)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-changed:
				select {
				case resized <- size():
				case <-done:
				}
			case <-done:
				return
			}
		}
	}()
	x.Size, x.Resize = size(), resized
	return func() { signal.Stop(changed); close(done); _ = back() }, nil
}

// execFault keeps the shell's codes: 126 and 127 as the engine found, 125 for what is berth's own.
func execFault(err error, code int) error {
	var f *fault.Fault
	switch {
	case errors.Is(err, syscall.EPIPE):
		return status(exitSignal + int(syscall.SIGPIPE))
	case code == exitInvoke, code == exitNoCmd:
		return coded{err, code}
	case errors.As(err, &f) && f.Kind != fault.Failure && f.Kind != fault.Conflict:
		return err
	}
	return coded{err, exitExec}
}

// coded is a fault with an exit code of its own.
type coded struct {
	error
	code int
}

// Unwrap keeps kind and hint within reach.
func (c coded) Unwrap() error { return c.error }
