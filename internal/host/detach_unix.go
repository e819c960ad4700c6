//go:build unix

package host

import (
	"os/exec"
	"syscall"
)

// detach keeps a Ctrl-C in berth's terminal away from the command.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
