//go:build unix

package tui

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// resized is the signal of a new size; hungUp that of a terminal that is gone.
const (
	resized = syscall.SIGWINCH
	hungUp  = syscall.SIGHUP
)

// deafGuard are the signals that must not end or stop a guard.
var deafGuard = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTTOU, syscall.SIGTSTP}

// apart keeps a command out of our process group: no signal meant for us reaches it.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// stopSelf stops our process group, as the terminal would have on ctrl+z, and returns when the shell continues it.
func stopSelf() error {
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	defer signal.Stop(woken)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	select {
	case <-woken:
	case <-time.After(200 * time.Millisecond): // no shell is there to stop us for
	}
	return nil
}
