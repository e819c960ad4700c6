package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// exec runs a program as a child and gives its exit code, 128+n when signal n ended it.
func (s *shell) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	path, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
	if err != nil {
		return s.notFound(hc, args[0])
	}
	if s.become && os.Chdir(hc.Dir) == nil {
		// So that $! is the program's own number. When this fails the ordinary way says why.
		_ = syscall.Exec(path, args, environment(hc.Env))
	}
	cmd := &exec.Cmd{Path: path, Args: args, Env: environment(hc.Env), Dir: hc.Dir, Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr}
	err = cmd.Start()
	if errors.Is(err, syscall.ENOEXEC) { // a script without #! is ours to run
		cmd = &exec.Cmd{Path: self, Args: append([]string{"sh", path}, args[1:]...), Env: cmd.Env, Dir: cmd.Dir, Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr}
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: %s\n", args[0], reason(err))
		return interp.ExitStatus(exitNotRunable)
	}
	if code := exitCode(cmd.Wait()); code != 0 {
		return interp.ExitStatus(code)
	}
	return nil
}

// self is this program, for shells in processes of their own.
const self = "/proc/self/exe"

// notFound tells a name that the image does not have from a path that is not there or cannot be run.
func (s *shell) notFound(hc interp.HandlerContext, name string) error {
	if !strings.Contains(name, "/") {
		fmt.Fprintf(hc.Stderr, "%s: not in the starter image\n", name)
		return interp.ExitStatus(exitNotFound)
	}
	full := name
	if !strings.HasPrefix(full, "/") {
		full = hc.Dir + "/" + name
	}
	info, err := os.Stat(full)
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: %s\n", name, reason(err))
		return interp.ExitStatus(exitNotFound)
	}
	if info.IsDir() {
		fmt.Fprintf(hc.Stderr, "%s: Is a directory\n", name)
	} else {
		fmt.Fprintf(hc.Stderr, "%s: Permission denied\n", name)
	}
	return interp.ExitStatus(exitNotRunable)
}

func exitCode(err error) uint8 {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 1
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return uint8(exitSignal + int(status.Signal()))
	}
	return uint8(exit.ExitCode())
}

// environment gives the exported variables, for a child, and PWD, which the interpreter does not export by itself.
func environment(env expand.Environ) []string {
	var list []string
	env.Each(func(name string, v expand.Variable) bool {
		if (v.Exported || name == "PWD") && v.Kind == expand.String {
			list = append(list, name+"="+v.Str)
		}
		return true
	})
	return list
}
