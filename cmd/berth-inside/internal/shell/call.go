package shell

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// call sees every command before it runs and gives what runs instead: this is where the language's missing builtins are.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	if body, pending := s.traps.next(); pending {
		return []string{"eval", body + "\n" + words(args)}, nil
	}
	hc := interp.HandlerCtx(ctx)
	switch args[0] {
	case backgroundCall:
		return s.background(ctx, args[1], args[2:]), nil
	case "eval":
		return []string{"eval", s.jobs.rewriteText(strings.Join(args[1:], " "))}, nil
	case "wait":
		return status(s.wait(args[1:])), nil
	case "jobs":
		s.jobs.running(hc.Stdout)
		return status(0), nil
	case "kill":
		s.traps.expect(args)
		// The interpreter reserves the name without having it: the program is this one.
		return append([]string{self}, s.jobs.pids(args)...), nil
	case "trap":
		if rest := s.traps.set(args); rest != nil {
			return rest, nil
		}
		return status(0), nil
	case "printf":
		return printf(hc.Stdout, hc.Stderr, args[1:]), nil
	case "umask":
		return s.umask(hc, args[1:]), nil
	}
	return args, nil
}

// status is a command with that exit code.
func status(code uint8) []string {
	if code == 0 {
		return []string{"true"}
	}
	return []string{"eval", fmt.Sprintf("(exit %d)", code)}
}

func words(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = quote(arg)
	}
	return strings.Join(quoted, " ")
}

// umask shows or sets the mask; files that the shell itself makes are made in this process.
func (s *shell) umask(hc interp.HandlerContext, args []string) []string {
	if len(args) == 0 {
		mask := unix.Umask(0)
		unix.Umask(mask)
		fmt.Fprintf(hc.Stdout, "%04o\n", mask)
		return status(0)
	}
	mask, err := strconv.ParseUint(args[0], 8, 12)
	if err != nil || mask > 0o777 {
		fmt.Fprintf(hc.Stderr, "umask: %s: octal number out of range\n", args[0])
		return status(1)
	}
	unix.Umask(int(mask))
	return status(0)
}
