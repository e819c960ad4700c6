package host

import (
	"fmt"
	"os"
	"strings"
)

// ShiftedUID gives the uid that this machine sees where a process of another user namespace (userns-remap, rootless)
// has inside. A process that is not here, or not readable, is taken for one that shifts nothing.
func ShiftedUID(pid int, inside uint32) uint32 {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", pid))
	if err != nil {
		return inside
	}
	return shifted(string(table), inside)
}

// shifted reads user_namespaces(7)'s table: first id inside, first id outside as the reader sees it, how many.
func shifted(table string, inside uint32) uint32 {
	for line := range strings.Lines(table) {
		var first, outside, count uint64
		if n, err := fmt.Sscan(line, &first, &outside, &count); n != 3 || err != nil {
			continue
		}
		if id := uint64(inside); id >= first && id-first < count {
			return uint32(outside + id - first)
		}
	}
	return inside
}
