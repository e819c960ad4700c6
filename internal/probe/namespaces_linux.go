package probe

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var namespaceAttacks = map[string]attack{
	"new-user-namespace":  newNamespace(unix.CLONE_NEWUSER),
	"new-mount-namespace": newNamespace(unix.CLONE_NEWNS),
	"new-net-namespace":   newNamespace(unix.CLONE_NEWNET),
	"new-pid-namespace":   newNamespace(unix.CLONE_NEWPID),
	"join-namespace":      joinNamespace,
	"host-processes":      hostProcesses,
}

// newNamespace makes a child in a namespace of its own, which ends at once. A thread of a Go program could not: the kernel wants a process with one thread.
func newNamespace(flag uintptr) attack {
	return func() (Result, string) {
		_, err := inChild(flag, func() {})
		return refused(err)
	}
}

// joinNamespace joins the namespace it is in, which needs the same right as any other.
func joinNamespace() (Result, string) {
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Unknown, err.Error()
	}
	defer unix.Close(fd)
	return refused(unix.Setns(fd, unix.CLONE_NEWUTS))
}

// hostProcesses looks for the kernel's own thread that is PID 2 of every host.
func hostProcesses() (Result, string) {
	name, err := os.ReadFile("/proc/2/comm")
	if err == nil && strings.TrimSpace(string(name)) == "kthreadd" {
		return Open, "the host's kernel threads are in /proc"
	}
	return Closed, "only its own"
}
