package probe

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// inChild makes a child with clone flags, lets it do one thing and waits for it. The child has one thread and no Go runtime to speak of, so act must be a plain call that never grows the stack.
func inChild(flags uintptr, act func()) (unix.WaitStatus, error) {
	pid, errno := fork(flags|uintptr(unix.SIGCHLD), act)
	if errno != 0 {
		return 0, errno
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		if err != unix.EINTR {
			return status, err
		}
	}
}

//go:norace
func fork(flags uintptr, act func()) (pid int, errno syscall.Errno) {
	got, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if errno != 0 || got != 0 {
		return int(got), errno
	}
	act()
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}
