// Trycalls makes system calls and prints how each ended. It runs under a filter, in a container without privileges.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// Numbers that package syscall does not have. From 424 on all architectures share them.
const clone3, ioUringSetup = 435, 425

var sysSocket, sysSetns = numbers[runtime.GOARCH][0], numbers[runtime.GOARCH][1]

var numbers = map[string][2]uintptr{"amd64": {41, 308}, "arm64": {198, 268}, "386": {359, 346}, "arm": {281, 375}}

// high lies above what the kernel looks at in a 32-bit argument. (On a 32-bit machine it is nothing.)
var high = uint64(1) << 32

// tries are named as the test names them.
var tries = []struct {
	name string
	call func() error
}{
	{"unix", socket(1, syscall.SOCK_STREAM, 0)},
	{"inet", socket(2, syscall.SOCK_STREAM, 0)},
	{"inet6", socket(10, syscall.SOCK_STREAM, 0)},
	{"netlink-route", socket(16, syscall.SOCK_RAW, 0)},
	{"netlink-uevent", socket(16, syscall.SOCK_RAW, 15)},
	{"packet", socket(17, syscall.SOCK_RAW, 0)},
	{"alg", socket(38, syscall.SOCK_SEQPACKET, 0)},
	{"vsock", socket(40, syscall.SOCK_STREAM, 0)},
	{"vsock-high-bits", socket(uintptr(high)|40, syscall.SOCK_STREAM, 0)},
	{"unix-high-bits", socket(uintptr(high)|1, syscall.SOCK_STREAM, 0)},
	{"personality-ask", func() error { return call(syscall.SYS_PERSONALITY, 0xffffffff, 0, 0) }},
	{"personality-no-aslr", func() error { return call(syscall.SYS_PERSONALITY, 0x40000, 0, 0) }},
	{"unshare", func() error { return call(syscall.SYS_UNSHARE, 0, 0, 0) }},
	{"setns", func() error { return call(sysSetns, ^uintptr(0), 0, 0) }},
	{"clone3", func() error { return call(clone3, 0, 0, 0) }},
	{"io-uring", func() error { return call(ioUringSetup, 0, 0, 0) }},
	{"keyctl", func() error { return call(syscall.SYS_KEYCTL, 0, 0, 0) }},
	{"vmsplice", func() error { return call(syscall.SYS_VMSPLICE, ^uintptr(0), 0, 0) }},
	{"ptrace", func() error { return call(syscall.SYS_PTRACE, syscall.PTRACE_CONT, uintptr(os.Getpid()), 0) }},
	{"fifo", func() error { return syscall.Mknod("/tmp/fifo", syscall.S_IFIFO|0o600, 0) }},
}

func main() {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for line := range strings.Lines(string(status)) {
		if mode, ok := strings.CutPrefix(line, "Seccomp:"); ok {
			fmt.Println("filter:", strings.TrimSpace(mode))
		}
	}
	for _, try := range tries {
		fmt.Printf("%s: %v\n", try.name, try.call())
	}
}

func socket(family, kind, protocol uintptr) func() error {
	return func() error { return call(sysSocket, family, kind, protocol) }
}

func call(number, a, b, c uintptr) error {
	if _, _, errno := syscall.RawSyscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}
