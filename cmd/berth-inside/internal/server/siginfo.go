package server

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// childOf reads si_pid, which x/sys does not name: in siginfo_t of 64-bit Linux it follows three ints and padding.
func childOf(info *unix.Siginfo) int {
	const siPID = 16
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), siPID)))
}
