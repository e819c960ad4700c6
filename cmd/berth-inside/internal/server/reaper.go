package server

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// reaper starts and waits for the server's own children, and as PID 1 collects those it inherited, without taking the former from os/exec.
type reaper struct {
	mu  sync.Mutex
	own map[int]bool
}

// start starts cmd; its pid is known as our own before any orphan is collected.
func (r *reaper) start(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if r.own == nil {
		r.own = map[int]bool{}
	}
	r.own[cmd.Process.Pid] = true
	return nil
}

// wait gives the exit code, or -n when signal n ended it.
func (r *reaper) wait(cmd *exec.Cmd) int {
	err := cmd.Wait()
	r.mu.Lock()
	delete(r.own, cmd.Process.Pid)
	r.mu.Unlock()
	// While our own child stood first in line, orphans behind it were not seen.
	if os.Getpid() == 1 {
		r.collect()
	}
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	if !errors.As(err, &exit) {
		return -1
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return exit.ExitCode()
}

// watch collects orphans for as long as the program runs.
func (r *reaper) watch() {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	go func() {
		for range died {
			r.collect()
		}
	}()
}

// collect waits for every child that has ended and is not our own. It looks first (WNOWAIT), so that os/exec still finds its own.
func (r *reaper) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		pid := childOf(&info)
		if err != nil || pid == 0 || r.own[pid] {
			return
		}
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil {
			return
		}
	}
}
