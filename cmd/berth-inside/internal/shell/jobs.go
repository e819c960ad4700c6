package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// The interpreter runs "cmd &" in a thread of its own: no process number, and gone when the shell ends. Here each such command becomes a shell of its own, so that $!, kill and wait mean what they say and a server outlives the shell that started it. Before a program runs, "cmd &" is rewritten to a call of backgroundCall and "$!" to lastJob.
const (
	backgroundCall = "__berth_background"
	lastJob        = "__berth_last_job"
	firstShell     = "__berth_shell" // what $$ is in a job: the number of the shell that started it all
	jobFlag        = "--berth-job"   // stands for -c in a shell that is a job
)

// jobs are the shell's background processes.
type jobs struct {
	mu    sync.Mutex
	list  []*job
	inJob bool // this shell is one itself
}

type job struct {
	pid  int
	done chan struct{} // closed when it has ended
	code uint8         // then its exit code
}

// rewrite replaces background statements and $! in a program.
func (j *jobs) rewrite(file *syntax.File) {
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Stmt:
			if n.Background && !n.Coprocess {
				j.rewriteStmt(n)
			}
		case *syntax.ParamExp:
			if n.Param != nil && n.Param.Value == "!" && !n.Excl {
				n.Param.Value, n.Short = lastJob, false
			}
			if n.Param != nil && n.Param.Value == "$" && j.inJob {
				n.Param.Value, n.Short = firstShell, false
			}
		}
		return true
	})
}

// rewriteStmt leaves the redirections where they are, so that the new shell is born with them and holds no other stream open.
func (j *jobs) rewriteStmt(s *syntax.Stmt) {
	plain := *s
	plain.Background, plain.Redirs = false, nil
	var text strings.Builder
	if err := syntax.NewPrinter().Print(&text, &plain); err != nil {
		return // left to the interpreter's own way
	}
	call, err := syntax.NewParser().Parse(strings.NewReader(backgroundCall+" "+quote(text.String())+` "$@"`), "")
	if err != nil {
		return
	}
	s.Cmd, s.Negated, s.Background = call.Stmts[0].Cmd, false, false
}

// rewriteText does it for text that is run later, by eval.
func (j *jobs) rewriteText(text string) string {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return text // the interpreter will say what is wrong with it
	}
	j.rewrite(file)
	var out strings.Builder
	if err := syntax.NewPrinter().Print(&out, file); err != nil {
		return text
	}
	return out.String()
}

// background starts a shell for text with this one's variables, functions and parameters, and gives what to run here: the setting of $!.
func (s *shell) background(ctx context.Context, text string, params []string) []string {
	hc := interp.HandlerCtx(ctx)
	program := s.state(hc.Env) + text
	cmd := &exec.Cmd{Path: self, Args: append([]string{"sh", jobFlag, program, s.name}, params...), Env: environment(hc.Env), Dir: hc.Dir, Stdout: hc.Stdout, Stderr: hc.Stderr}
	if null, err := os.Open(os.DevNull); err == nil { // POSIX: a background command does not take the shell's input
		defer null.Close()
		cmd.Stdin = null
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(hc.Stderr, "%s: %s\n", s.name, reason(err))
		return []string{"false"}
	}
	s.jobs.add(cmd)
	return []string{"eval", lastJob + "=" + strconv.Itoa(cmd.Process.Pid)}
}

func (j *jobs) add(cmd *exec.Cmd) {
	one := &job{pid: cmd.Process.Pid, done: make(chan struct{})}
	j.mu.Lock()
	j.list = append(j.list, one)
	j.mu.Unlock()
	go func() {
		one.code = exitCode(cmd.Wait())
		close(one.done)
	}()
}

// ownVariables are set by every shell for itself.
var ownVariables = []string{"PWD", "OPTIND", "UID", "EUID", "GID"}

// state gives a text that sets what a child shell does not have from its environment.
func (s *shell) state(env expand.Environ) string {
	var b strings.Builder
	if !s.isJob {
		fmt.Fprintf(&b, "%s=%d\n", firstShell, os.Getpid())
	}
	env.Each(func(name string, v expand.Variable) bool {
		if v.Exported || v.ReadOnly || !v.Set || !syntax.ValidName(name) || slices.Contains(ownVariables, name) {
			return true
		}
		switch v.Kind {
		case expand.String:
			if name == "IFS" && v.Str == " \t\n" {
				return true
			}
			fmt.Fprintf(&b, "%s=%s\n", name, quote(v.Str))
		case expand.Indexed:
			fmt.Fprintf(&b, "%s=(", name)
			for _, item := range v.List {
				b.WriteString(quote(item) + " ")
			}
			b.WriteString(")\n")
		case expand.Associative:
			fmt.Fprintf(&b, "declare -A %s=(", name)
			for key, item := range v.Map {
				fmt.Fprintf(&b, "[%s]=%s ", quote(key), quote(item))
			}
			b.WriteString(")\n")
		}
		return true
	})
	printer := syntax.NewPrinter()
	for name, body := range s.runner.Funcs {
		fmt.Fprintf(&b, "%s() ", name)
		if printer.Print(&b, body) == nil {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// wait waits for the named jobs, or all, and gives the last one's exit code. A trapped signal ends the wait.
func (s *shell) wait(args []string) uint8 {
	var chosen []*job
	s.jobs.mu.Lock()
	for _, one := range s.jobs.list {
		if len(args) == 0 {
			chosen = append(chosen, one)
		}
	}
	for _, arg := range args {
		if one := s.jobs.find(arg); one != nil {
			chosen = append(chosen, one)
		}
	}
	s.jobs.mu.Unlock()
	if len(args) > 0 && len(chosen) == 0 {
		fmt.Fprintf(s.errOut, "wait: %s: not a child of this shell\n", args[0])
		return exitNotFound
	}
	code := uint8(0)
	for _, one := range chosen {
		if signal := s.traps.waitFor(one.done); signal != 0 {
			return uint8(exitSignal + signal)
		}
		code = one.code
	}
	if len(args) == 0 {
		return 0
	}
	return code
}

// find gives a job by process number or by "%n". The lock is held.
func (j *jobs) find(arg string) *job {
	number, isJob := strings.CutPrefix(arg, "%")
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil
	}
	for i, one := range j.list {
		if isJob && i+1 == n || !isJob && one.pid == n {
			return one
		}
	}
	return nil
}

// pids replaces "%n" by process numbers, for kill.
func (j *jobs) pids(args []string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, arg := range args {
		if one := j.find(arg); one != nil && strings.HasPrefix(arg, "%") {
			args[i] = strconv.Itoa(one.pid)
		}
	}
	return args
}

// running prints the jobs that have not ended.
func (j *jobs) running(out io.Writer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, one := range j.list {
		select {
		case <-one.done:
		default:
			fmt.Fprintf(out, "[%d] Running %d\n", i+1, one.pid)
		}
	}
}

// isOneCommand tells whether a job's program is one simple command after the setting of its state.
func isOneCommand(file *syntax.File) bool {
	calls := 0
	for i, stmt := range file.Stmts {
		switch cmd := stmt.Cmd.(type) {
		case *syntax.FuncDecl, *syntax.DeclClause:
		case *syntax.CallExpr:
			if len(cmd.Args) == 0 {
				continue
			}
			calls++
			if i != len(file.Stmts)-1 || stmt.Negated {
				return false
			}
		default:
			return false
		}
	}
	return calls == 1
}
