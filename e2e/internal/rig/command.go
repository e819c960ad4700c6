package rig

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Command is berth with its arguments, not started yet.
type Command struct {
	Args  []string
	Dir   string
	Env   []string // on top of the home's; "NAME" alone takes a variable away
	Stdin io.Reader
	Limit time.Duration // how long it may take
	home  *Home
}

// Command prepares a command of berth's in the home folder.
func (h *Home) Command(args ...string) *Command {
	return &Command{Args: args, Dir: h.Dir, Limit: 2 * time.Minute, home: h}
}

// Berth starts a command of berth's in the home folder and waits for its end.
func (h *Home) Berth(args ...string) Result {
	h.t.Helper()
	return h.Command(args...).Run()
}

// With adds to the environment.
func (c *Command) With(env ...string) *Command {
	c.Env = append(c.Env, env...)
	return c
}

// Result is how a command ended.
type Result struct {
	Code   int // 128 plus the signal's number when one killed it
	Out    string
	Err    string
	Took   time.Duration
	Events []Event
	t      testing.TB
	args   []string
}

// Event is a line of --json's stream.
type Event struct {
	Schema  string
	T       time.Time
	Sandbox string
	Step    string
	Stage   string
	Text    string
	Error   string
	Cur     int64
	Total   int64
	Layers  []struct{ ID, Phase string }
	Kind    string // of an error
	Message string // of an error
	Hint    string // of an error
}

// Run starts the command and waits for its end.
func (c *Command) Run() Result {
	c.home.t.Helper()
	return c.Start().Wait()
}

// Process is a command under way.
type Process struct {
	command  *Command
	cmd      *exec.Cmd
	began    time.Time
	out, err bytes.Buffer
	mu       sync.Mutex
	events   []Event
	news     chan struct{} // has something whenever an event came
	read     sync.WaitGroup
	ended    chan struct{}
	result   Result
}

// Start starts the command.
func (c *Command) Start() *Process {
	t := c.home.t
	t.Helper()
	p := &Process{command: c, news: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd = c.exec(t)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.read.Add(2)
	go func() { defer p.read.Done(); _, _ = io.Copy(&p.out, stdout) }()
	go func() { defer p.read.Done(); p.follow(stderr) }()
	go p.reap()
	return p
}

// exec gives the command as the standard library starts it, for tests that wire its streams themselves.
func (c *Command) exec(t testing.TB) *exec.Cmd {
	t.Helper()
	env := environ(c.home.Env, c.Env)
	cmd := c.home.User.become(c.Dir, env, Binary(t), c.Args)
	cmd.Stdin = c.Stdin
	return cmd
}

// Run gives another program than berth, for the home's user to run in the home folder.
func (h *Home) Run(program string, args ...string) *exec.Cmd {
	return h.User.become(h.Dir, h.Env, program, args)
}

// Exec gives the command as the standard library starts it, for tests that wire its streams themselves.
func (c *Command) Exec() *exec.Cmd {
	c.home.t.Helper()
	return c.exec(c.home.t)
}

// environ puts more over base; a bare name takes a variable away.
func environ(base, more []string) []string {
	var out []string
	for _, pair := range base {
		name, _, _ := strings.Cut(pair, "=")
		if !mentions(more, name) {
			out = append(out, pair)
		}
	}
	for _, pair := range more {
		if strings.Contains(pair, "=") {
			out = append(out, pair)
		}
	}
	return out
}

func mentions(pairs []string, name string) bool {
	for _, pair := range pairs {
		if other, _, _ := strings.Cut(pair, "="); other == name {
			return true
		}
	}
	return false
}

// follow keeps the words on stderr and reads the events among them.
func (p *Process) follow(stderr io.Reader) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadBytes('\n')
		p.mu.Lock()
		p.err.Write(line)
		var e Event
		if json.Unmarshal(line, &e) == nil {
			p.events = append(p.events, e)
		}
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (p *Process) reap() {
	p.read.Wait()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			code = 128 + int(status.Signal())
		}
	} else if err != nil {
		code = -1
	}
	p.result = Result{
		Code: code, Out: p.out.String(), Err: p.err.String(), Took: time.Since(p.began), Events: p.events,
		t: p.command.home.t, args: p.command.Args,
	}
	close(p.ended)
}

// Wait waits for the end; a command that takes too long is killed, and the test fails.
func (p *Process) Wait() Result {
	t := p.command.home.t
	t.Helper()
	late := time.NewTimer(p.command.Limit)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		words := p.words()
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // Go prints where it hangs
		<-p.ended
		t.Fatalf("berth %s: no end after %s\n%s\n%.3000s", strings.Join(p.command.Args, " "), p.command.Limit, words, strings.TrimPrefix(p.result.Err, words))
	}
	return p.result
}

// Signal sends a signal; a process that has ended already gets none.
func (p *Process) Signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has come to its end.
func (p *Process) Done() <-chan struct{} { return p.ended }

// Until waits for an event; false when the process ends without it.
func (p *Process) Until(is func(Event) bool) bool {
	t := p.command.home.t
	t.Helper()
	late := time.NewTimer(p.command.Limit)
	defer late.Stop()
	for {
		if p.happened(is) {
			return true
		}
		select {
		case <-p.news:
		case <-p.ended:
			return p.happened(is)
		case <-late.C:
			t.Fatalf("berth %s: the event did not come\n%s", strings.Join(p.command.Args, " "), p.words())
		}
	}
}

func (p *Process) happened(is func(Event) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if is(e) {
			return true
		}
	}
	return false
}

func (p *Process) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err.String()
}

// Begins waits until a step begins; false when the process ends before.
func (p *Process) Begins(step string) bool {
	p.command.home.t.Helper()
	return p.Until(func(e Event) bool { return e.Step == step && e.Stage == "begin" })
}

// Exits demands an exit code.
func (r Result) Exits(code int) Result {
	r.t.Helper()
	if r.Code != code {
		r.t.Fatalf("berth %s: exit %d, want %d\nstdout: %s\nstderr: %s", strings.Join(r.args, " "), r.Code, code, r.Out, r.Err)
	}
	return r
}

// JSON decodes what was printed.
func (r Result) JSON(into any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.Out), into); err != nil {
		r.t.Fatalf("berth %s: %v in %q", strings.Join(r.args, " "), err, r.Out)
	}
}
