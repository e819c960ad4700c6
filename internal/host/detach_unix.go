//go:build unix

package host

import (
	"os/exec"
	"syscall"
)

// Detach keeps a Ctrl-C in berth's terminal away from a command, and lets it outlive berth.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
