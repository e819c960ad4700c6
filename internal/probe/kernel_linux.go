package probe

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
)

var kernelAttacks = map[string]attack{
	"kernel-memory":    readable("/proc/kcore"),
	"kernel-keys":      readable("/proc/keys"),
	"kernel-timers":    readable("/proc/timer_list"),
	"kernel-addresses": kernelAddresses,
	"firmware":         readable("/sys/firmware"),
	"kernel-debug":     readable("/sys/kernel/debug", "/sys/kernel/tracing"),
	"cgroup-path":      cgroupPath,
	"interrupts":       readable("/proc/interrupts"),
	"disks":            readable("/proc/partitions", "/proc/diskstats", "/sys/block"),
	"machine-identity": readable("/sys/class/dmi", "/sys/devices/virtual/dmi"),
	"kernel-modules":   readable("/proc/modules", "/sys/module"),
}

// readable is open if one of the paths shows anything: a masked file is empty, a masked folder too.
func readable(paths ...string) attack {
	return func() (Result, string) {
		for _, p := range paths {
			if shows(p) {
				return Open, p
			}
		}
		return Closed, "masked, empty or absent"
	}
}

func shows(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	if info.IsDir() {
		names, _ := f.Readdirnames(1) // one is enough
		return len(names) > 0
	}
	n, _ := f.Read(make([]byte, 1)) // so is one byte
	return n > 0
}

// kernelAddresses reads the first symbols: an address of zero is hidden.
func kernelAddresses() (Result, string) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return Closed, err.Error()
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 4096))
	for lines.Scan() {
		address, _, _ := strings.Cut(lines.Text(), " ")
		if strings.Trim(address, "0") != "" {
			return Open, "/proc/kallsyms shows addresses"
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return Closed, err.Error()
	}
	return Closed, "hidden"
}

// cgroupPath is the host's if it is more than the root of its own view.
func cgroupPath() (Result, string) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Closed, err.Error()
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && parts[2] != "/" {
			return Open, parts[2]
		}
	}
	return Closed, "/"
}
