package probe

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var resourceAttacks = map[string]attack{
	"limit-memory": cgroupLimit("memory.max", "memory/memory.limit_in_bytes"),
	"limit-swap":   swapLimit,
	"limit-pids":   cgroupLimit("pids.max", "pids/pids.max"),
	"limit-cpus":   cgroupLimit("cpu.max", "cpu/cpu.cfs_quota_us"),
	"limit-core":   rlimit(unix.RLIMIT_CORE, 0),
	"limit-nofile": rlimit(unix.RLIMIT_NOFILE, 16384),
	"limit-shm":    shmLimit,
	"real-time":    realTime,
	"survive-oom":  surviveOOM,
}

// unlimited is where cgroup v1 begins to mean "no limit": it rounds 2^63-1 down to a page.
const unlimited = 1 << 62

// cgroupValue reads the first word of a limit, by its cgroup v2 name or else its v1 name; ok is false where neither can be read.
func cgroupValue(v2, v1 string) (value string, ok bool) {
	for _, name := range []string{v2, v1} {
		if text, err := os.ReadFile("/sys/fs/cgroup/" + name); err == nil {
			if words := strings.Fields(string(text)); len(words) > 0 {
				return words[0], true
			}
		}
	}
	return "", false
}

func isLimit(value string) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && n >= 0 && n < unlimited
}

func cgroupLimit(v2, v1 string) attack {
	return func() (Result, string) {
		value, ok := cgroupValue(v2, v1)
		if !ok {
			return Unknown, "no " + v2 + " in /sys/fs/cgroup"
		}
		if isLimit(value) {
			return Closed, v2 + " " + value
		}
		return Open, v2 + " " + value
	}
}

// swapLimit: v2 limits swap alone, v1 memory and swap together.
func swapLimit() (Result, string) {
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.swap.max"); err == nil {
		value := strings.TrimSpace(string(text))
		if value == "0" {
			return Closed, "memory.swap.max 0"
		}
		return Open, "memory.swap.max " + value
	}
	both, ok := cgroupValue("none", "memory/memory.memsw.limit_in_bytes")
	if !ok {
		return Unknown, "the kernel does not count swap"
	}
	memory, _ := cgroupValue("none", "memory/memory.limit_in_bytes")
	if both == memory && isLimit(both) {
		return Closed, "memory and swap together " + both
	}
	return Open, fmt.Sprintf("memory %s, with swap %s", memory, both)
}

func rlimit(which int, most uint64) attack {
	return func() (Result, string) {
		var r unix.Rlimit
		if err := unix.Prlimit(0, which, nil, &r); err != nil {
			return Unknown, err.Error()
		}
		evidence := fmt.Sprintf("hard limit %d", r.Max)
		if r.Max == unix.RLIM_INFINITY {
			evidence = "no limit"
		}
		if r.Max <= most {
			return Closed, evidence
		}
		return Open, evidence
	}
}

func shmLimit() (Result, string) {
	var s unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &s); err != nil {
		return Closed, err.Error()
	}
	size := s.Blocks * uint64(s.Bsize)
	evidence := fmt.Sprintf("%d MiB", size>>20)
	if size > 0 && size <= 1<<30 {
		return Closed, evidence
	}
	return Open, evidence
}

func realTime() (Result, string) {
	priority := int32(1) // the lowest
	return refused(call(unix.SYS_SCHED_SETSCHEDULER, 0, 1 /* SCHED_FIFO */, &priority))
}

// surviveOOM looks at PID 1, from which the sandbox's processes have it.
func surviveOOM() (Result, string) {
	text, err := os.ReadFile("/proc/1/oom_score_adj")
	if err != nil {
		return Unknown, err.Error()
	}
	value := strings.TrimSpace(string(text))
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		return Closed, "oom_score_adj " + value
	}
	return Open, "oom_score_adj " + value
}
