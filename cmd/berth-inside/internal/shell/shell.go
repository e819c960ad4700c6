// Package shell is the starter image's sh and bash: mvdan.cc/sh runs the language, this package gives it processes, jobs, signals and a prompt.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Exit codes that POSIX gives a shell.
const (
	exitUsage      = 2
	exitNotRunable = 126
	exitNotFound   = 127
	exitSignal     = 128 // plus the signal's number
)

// invocation is what the arguments ask for.
type invocation struct {
	text        string   // of -c
	hasText     bool     //
	file        string   // script to run; "" reads standard input
	args        []string // positional parameters
	name        string   // $0
	options     []string // for set: "-e", "-o", "pipefail", …
	interactive bool
	isJob       bool // a background command of another shell
}

// Main runs a shell named name ("sh", "bash") with its arguments and gives its exit code.
func Main(name string, args []string) int {
	in, err := parse(name, args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return exitUsage
	}
	s, err := newShell(in, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return exitUsage
	}
	switch {
	case in.hasText:
		return s.run(strings.NewReader(in.text), in.name)
	case in.file != "":
		return s.runFile(in.file)
	case in.interactive:
		return s.prompt(os.Stdin, os.Stdout)
	}
	return s.run(os.Stdin, in.name)
}

// Builtin runs one of the language's own commands (echo, printf, test, [ …) as a program of that name.
func Builtin(name string, args []string) int {
	in := invocation{name: name, args: args, text: quote(name) + ` "$@"`}
	s, err := newShell(in, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return exitUsage
	}
	return s.run(strings.NewReader(in.text), name)
}

// parse reads arguments as POSIX sh and bash do: options may stand together ("-euxc"), -c takes the first operand.
func parse(name string, args []string) (invocation, error) {
	in := invocation{name: name}
	takesText := false
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if arg == jobFlag {
			takesText, in.isJob = true, true
			continue
		}
		if strings.HasPrefix(arg, "--") {
			continue // bash's long options (--norc, --login, …) change nothing here
		}
		for _, letter := range arg[1:] {
			switch letter {
			case 'c':
				takesText = true
			case 'i':
				in.interactive = true
			case 'l', 's':
			case 'o':
				if len(args) == 0 {
					return in, errors.New("-o: needs the name of an option")
				}
				in.options = append(in.options, arg[:1]+"o", args[0])
				args = args[1:]
			default:
				in.options = append(in.options, arg[:1]+string(letter))
			}
		}
	}
	switch {
	case takesText && len(args) == 0:
		return in, errors.New("-c: needs a text to run")
	case takesText:
		in.text, in.hasText, args = args[0], true, args[1:]
		if len(args) > 0 {
			in.name, args = args[0], args[1:]
		}
	case len(args) > 0:
		in.file, in.name, args = args[0], args[0], args[1:]
	default:
		in.interactive = in.interactive || isTerminal(os.Stdin)
	}
	in.args = args
	return in, nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// shell is one running shell.
type shell struct {
	runner *interp.Runner
	errOut io.Writer
	name   string
	isJob  bool
	become bool // the next program takes this process over: it is the one command of a job
	jobs   jobs
	traps  traps
}

func newShell(in invocation, stdin, stdout, stderr *os.File) (*shell, error) {
	s := &shell{errOut: stderr, name: in.name, isJob: in.isJob}
	s.jobs.inJob = in.isJob
	s.traps.bodies = map[os.Signal]string{}
	s.traps.came = make(chan os.Signal, 16)
	var err error
	s.runner, err = interp.New(
		interp.StdIO(stdin, stdout, stderr),
		interp.Params(append(append(in.options, "--"), in.args...)...),
		interp.CallHandler(s.call),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
	)
	return s, err
}

func (s *shell) runFile(name string) int {
	f, err := os.Open(name)
	if err != nil {
		fmt.Fprintf(s.errOut, "%s: %s: %s\n", s.name, name, reason(err))
		if errors.Is(err, os.ErrNotExist) {
			return exitNotFound
		}
		return exitNotRunable
	}
	defer f.Close()
	return s.run(f, name)
}

// run reads a whole program, then runs it.
func (s *shell) run(r io.Reader, name string) int {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(r, name)
	if err != nil {
		fmt.Fprintf(s.errOut, "%v\n", err)
		return exitUsage
	}
	s.jobs.rewrite(file)
	s.become = s.isJob && isOneCommand(file)
	code := s.code(s.runner.Run(context.Background(), file))
	for !s.runner.Exited() {
		body, pending := s.traps.next()
		if !pending {
			break
		}
		code = s.runText(body)
	}
	return code
}

func (s *shell) runText(text string) int {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), s.name)
	if err != nil {
		fmt.Fprintf(s.errOut, "%v\n", err)
		return exitUsage
	}
	s.jobs.rewrite(file)
	return s.code(s.runner.Run(context.Background(), file))
}

// code gives the exit code of a run; what is no exit code is an error of the language, and said.
func (s *shell) code(err error) int {
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintf(s.errOut, "%s: %v\n", s.name, err)
	return 1
}

// prompt talks to a person, a line at a time. An interrupt ends the command, not the shell.
func (s *shell) prompt(in io.Reader, out io.Writer) int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
	fmt.Fprint(out, "$ ")
	code := 0
	parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
	for stmts, err := range parser.InteractiveSeq(in) {
		if err != nil {
			fmt.Fprintf(s.errOut, "%v\n", err)
			code = exitUsage
			fmt.Fprint(out, "$ ")
			continue
		}
		if parser.Incomplete() {
			fmt.Fprint(out, "> ")
			continue
		}
		file := &syntax.File{Name: s.name, Stmts: stmts}
		s.jobs.rewrite(file)
		code = s.code(s.runner.Run(context.Background(), file))
		if s.runner.Exited() {
			return code
		}
		fmt.Fprint(out, "$ ")
	}
	return code
}

// reason words an error as other shells do, without Go's prefix.
func reason(err error) string {
	var errno syscall.Errno
	text := err.Error()
	if errors.As(err, &errno) {
		text = errno.Error()
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// quote makes one word of the language of any text without NUL.
func quote(text string) string {
	if quoted, err := syntax.Quote(text, syntax.LangBash); err == nil {
		return quoted
	}
	return "''"
}
