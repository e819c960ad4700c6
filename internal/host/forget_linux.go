package host

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// ForgetStart gives back the memory that starting a process took and waiting does not need: the heap's free pages, and
// the program's own pages, of which the kernel maps many more than are used. Those needed again come back by
// themselves. It is for processes that wait for hours; a failure costs only memory.
func ForgetStart() {
	debug.FreeOSMemory()
	self, err := os.Executable()
	if err != nil {
		return
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // proc_pid_maps(5): address perms offset dev inode pathname
		if len(fields) < 6 || fields[5] != self || strings.Contains(fields[1], "w") {
			continue
		}
		var begin, end uintptr
		if !hexRange(fields[0], &begin, &end) {
			continue
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_DONTNEED) // of a file nobody writes: only the mapping goes
	}
}

func hexRange(text string, begin, end *uintptr) bool {
	_, err := fmt.Sscanf(text, "%x-%x", begin, end)
	return err == nil
}
