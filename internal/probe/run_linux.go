package probe

import (
	"errors"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attack does one probe's work. It may spoil the thread it runs on.
type attack func() (Result, string)

// Run attacks with every probe, in the table's order, as whoever runs the program; it takes less than a second.
func Run() []Outcome {
	outcomes := make([]Outcome, len(table))
	for i, p := range table {
		result, evidence := Unknown, "no attack for it"
		if a := attacks[p.ID]; a != nil {
			result, evidence = onOwnThread(a)
		}
		outcomes[i] = Outcome{p.ID, p.Class, result, evidence}
	}
	return outcomes
}

// onOwnThread runs an attack on a thread that ends with it, so that what it changed of itself (user, priority, personality) goes away.
func onOwnThread(a attack) (result Result, evidence string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread is thrown away
		result, evidence = a()
	}()
	<-done
	return result, evidence
}

// attacks are keyed by probe ID.
var attacks = join(identityAttacks, namespaceAttacks, mountAttacks, kernelAttacks, fileAttacks, callAttacks(), socketAttacks(), resourceAttacks, secretAttacks, networkAttacks)

func join(sets ...map[string]attack) map[string]attack {
	all := map[string]attack{}
	for _, set := range sets {
		for id, a := range set {
			all[id] = a
		}
	}
	return all
}

// refused tells how a call ended that the kernel or a filter should have refused. Each call is made so that, where it is allowed, it fails for another reason or changes nothing.
func refused(err error) (Result, string) {
	var errno syscall.Errno
	switch {
	case err == nil:
		return Open, "allowed"
	case !errors.As(err, &errno):
		return Unknown, err.Error()
	case slices.Contains(refusals, errno):
		return Closed, unix.ErrnoName(errno)
	}
	return Open, "reached the kernel: " + unix.ErrnoName(errno)
}

// refusals are the errors by which a filter, a missing right or a missing feature answers.
var refusals = []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EROFS}

// call makes a system call and gives its error. An argument is an int, a string (the kernel gets a C string) or a pointer.
func call(number uintptr, args ...any) error {
	var a [6]uintptr
	var held [6]*byte // keeps the strings alive until the call is over
	for i, arg := range args {
		switch v := arg.(type) {
		case int:
			a[i] = uintptr(v)
		case string:
			p, err := unix.BytePtrFromString(v)
			if err != nil {
				return err
			}
			held[i], a[i] = p, uintptr(unsafe.Pointer(p))
		case *int32:
			a[i] = uintptr(unsafe.Pointer(v))
		}
	}
	got, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	runtime.KeepAlive(held)
	runtime.KeepAlive(args)
	if errno != 0 {
		return errno
	}
	if slices.Contains(makesDescriptor, number) {
		unix.Close(int(got))
	}
	return nil
}

// makesDescriptor are the calls here whose result has to be closed.
var makesDescriptor = []uintptr{unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_USERFAULTFD, unix.SYS_FANOTIFY_INIT, unix.SYS_MEMFD_SECRET, unix.SYS_IO_URING_SETUP, unix.SYS_PERF_EVENT_OPEN, unix.SYS_BPF}
