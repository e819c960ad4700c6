package tui

import (
	"os"
	"os/exec"
	"syscall"
)

// Windows has neither signal; these are never sent there, and the size is asked at each key.
const (
	resized = syscall.Signal(0x7e)
	hungUp  = syscall.SIGHUP
)

// deafGuard are the signals that must not end a guard.
var deafGuard = []os.Signal{os.Interrupt}

func apart(*exec.Cmd) {}

func stopSelf() error { return nil }
