package server

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Commands are ended in two steps: TERM to the whole group, so that traps can run, then KILL.
const killAfter = time.Second

// bash runs commands and keeps their events. Several can run at once.
type bash struct {
	shell  []string
	env    []string
	events store
	reap   reaper

	mu      sync.Mutex
	running map[string]*command // by id, until the final event is kept
	closed  bool
}

// command is one running shell.
type command struct {
	id      string
	request started
	done    chan struct{} // closed when the final event is kept

	mu      sync.Mutex
	group   int           // process group, 0 before the start
	stopped bool          // a stop came, perhaps before the start
	exited  chan struct{} // closed when the shell itself has ended
}

func newBash(shell, env []string) *bash {
	return &bash{shell: shell, env: env, running: map[string]*command{}}
}

// start keeps the command's event and runs it in the background.
func (b *bash) start(request started) (event, *command) {
	e := b.events.add(event{Kind: "BashCommand", started: &request})
	c := &command{id: e.ID, request: request, done: make(chan struct{}), exited: make(chan struct{})}
	b.mu.Lock()
	b.running[c.id] = c
	b.mu.Unlock()
	go b.run(c)
	return e, c
}

func (b *bash) run(c *command) {
	defer close(c.done)
	defer func() {
		b.mu.Lock()
		delete(b.running, c.id)
		b.mu.Unlock()
	}()
	out := &collector{keep: func(o output) {
		o.CommandID = c.id
		b.events.add(event{Kind: "BashOutput", output: &o})
	}}
	code, err := b.execute(c, out)
	if err != nil {
		failure := "Error executing command: " + systemError(err, text(c.request.Cwd))
		out.keep(output{ExitCode: &code, Stderr: &failure})
		return
	}
	out.finish(code)
}

// execute starts the shell and waits until it and both of its streams have ended, or for the time-out.
// A background child that holds a stream is waited for too; the time-out then leaves it alone, since its shell has gone.
func (b *bash) execute(c *command, out *collector) (int, error) {
	cmd := exec.Command(b.shell[0], append(b.shell[1:len(b.shell):len(b.shell)], "-c", c.request.Command)...)
	cmd.Args[0], cmd.Env, cmd.Dir = "sh", b.env, "/"
	if dir := text(c.request.Cwd); dir != "" {
		cmd.Dir = dir
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	streams, err := pipes(cmd)
	if err != nil {
		return -1, err
	}
	defer streams.close()
	if strings.ContainsRune(c.request.Command, 0) {
		return -1, errors.New("embedded null byte")
	}
	if err := usable(cmd.Dir); err != nil {
		return -1, err
	}
	if err := b.reap.start(cmd); err != nil {
		return -1, err
	}
	streams.closeWriters()
	c.began(cmd.Process.Pid)

	timeout := time.NewTimer(timeoutOf(c.request.Timeout))
	defer timeout.Stop()
	var ended sync.WaitGroup
	ended.Go(func() { out.read(streams.out, false) })
	ended.Go(func() { out.read(streams.err, true) })
	code := make(chan int, 1)
	ended.Go(func() {
		code <- b.reap.wait(cmd)
		close(c.exited)
	})
	all := make(chan struct{})
	go func() { ended.Wait(); close(all) }()
	select {
	case <-all:
		return <-code, nil
	case <-timeout.C:
		out.stop()
		c.end()
		return -1, nil
	}
}

// usable gives the reason why a folder cannot be worked in; the shell's own start error would not tell it from a missing shell.
func usable(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	return err
}

// timeoutOf keeps far-off ends from overflowing.
func timeoutOf(seconds int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(seconds, most)) * time.Second
}

func (c *command) began(group int) {
	c.mu.Lock()
	c.group = group
	stopped := c.stopped
	c.mu.Unlock()
	if stopped {
		go c.end()
	}
}

// end stops a command's group and returns when its shell has ended, after two seconds at most. Before the start it is only noted.
func (c *command) end() {
	c.mu.Lock()
	group := c.group
	c.stopped = true
	c.mu.Unlock()
	if group == 0 {
		return
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-c.exited:
			return
		default:
		}
		_ = syscall.Kill(-group, signal) // gone already is as good
		select {
		case <-c.exited:
			return
		case <-time.After(killAfter):
		}
	}
}

// killAll ends every command now: the server itself has been told to end.
func (b *bash) killAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, c := range b.running {
		c.mu.Lock()
		c.stopped = true
		if c.group != 0 {
			_ = syscall.Kill(-c.group, syscall.SIGKILL)
		}
		c.mu.Unlock()
	}
}

// ends are both ends of a command's two streams.
type ends struct {
	out, err   *os.File
	outW, errW *os.File
}

func pipes(cmd *exec.Cmd) (*ends, error) {
	e := &ends{}
	var err error
	if e.out, e.outW, err = os.Pipe(); err != nil {
		return nil, err
	}
	if e.err, e.errW, err = os.Pipe(); err != nil {
		e.close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = e.outW, e.errW
	return e, nil
}

func (e *ends) closeWriters() {
	for _, f := range []*os.File{e.outW, e.errW} {
		if f != nil {
			f.Close()
		}
	}
}

func (e *ends) close() {
	e.closeWriters()
	for _, f := range []*os.File{e.out, e.err} {
		if f != nil {
			f.Close()
		}
	}
}

func (s *Server) executeCommand(w http.ResponseWriter, r *http.Request) {
	s.active.touch()
	request, ok := readRequest(w, r)
	if !ok {
		return
	}
	_, c := s.bash.start(request)
	<-c.done // not the request's context: the command goes on without its asker, as in the agent server
	answer(w, http.StatusOK, s.bash.joined(c.id))
}

func (s *Server) startCommand(w http.ResponseWriter, r *http.Request) {
	s.active.touch()
	request, ok := readRequest(w, r)
	if !ok {
		return
	}
	e, _ := s.bash.start(request)
	answer(w, http.StatusOK, e)
}

// joined gives a finished command's last event with the text of all its pieces.
func (b *bash) joined(id string) event {
	page, _ := b.events.search(query{kind: "BashOutput", commandID: id, from: -1, limit: maxEvents})
	if len(page) == 0 {
		code := -1
		return event{Kind: "BashOutput", ID: newID(), Timestamp: timestamp(time.Now()), output: &output{CommandID: id, ExitCode: &code}}
	}
	var stdout, stderr strings.Builder
	for _, e := range page {
		stdout.WriteString(text(e.Stdout))
		stderr.WriteString(text(e.Stderr))
	}
	last := page[len(page)-1]
	whole := *last.output
	whole.Stdout, whole.Stderr = orNil(stdout.String()), orNil(stderr.String())
	last.output = &whole
	return last
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *Server) stopCommand(w http.ResponseWriter, r *http.Request) {
	given := segment(r, "/api/bash/bash_commands/{id}/stop")
	if bad := checkUUID(given, "path", "command_id"); bad != nil {
		invalid(w, *bad)
		return
	}
	s.active.touch()
	id := hexID(given)
	s.bash.mu.Lock()
	c := s.bash.running[id]
	s.bash.mu.Unlock()
	if c != nil {
		c.end()
	} else if _, known := s.bash.events.get(id); !known {
		detail(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, map[string]bool{"success": true})
}
