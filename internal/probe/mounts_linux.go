package probe

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var mountAttacks = map[string]attack{
	"make-device":     makeDevice,
	"devices":         devices,
	"kernel-settings": openForWriting("/proc/sys/kernel/core_pattern"),
	"sysrq":           openForWriting("/proc/sysrq-trigger"),
	"sysfs-writable":  sysfsWritable,
	"cgroup-writable": cgroupWritable,
	"engine-socket":   present(engineSockets...),
	"shared-mounts":   sharedMounts,
}

var engineSockets = []string{"/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/buildkit/buildkitd.sock"}

// makeDevice makes a node for /dev/null's device where it can write, and removes it.
func makeDevice() (Result, string) {
	for _, folder := range []string{"/tmp", "/dev/shm", "/var/tmp", "/run"} {
		if unix.Access(folder, unix.W_OK) != nil {
			continue
		}
		name := filepath.Join(folder, ".berth-probe-device")
		err := unix.Mknod(name, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
		if err == nil {
			unix.Unlink(name)
		}
		return refused(err)
	}
	return Closed, "no folder to make it in"
}

// ordinaryDevices are what every container has in /dev.
var ordinaryDevices = []string{"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"}

func devices() (Result, string) {
	entries, err := os.ReadDir("/dev")
	if err != nil {
		return Closed, err.Error()
	}
	var odd []string
	for _, e := range entries {
		if e.Type()&fs.ModeDevice != 0 && !slices.Contains(ordinaryDevices, e.Name()) {
			odd = append(odd, e.Name())
		}
	}
	if len(odd) > 0 {
		return Open, "/dev/" + strings.Join(odd[:min(5, len(odd))], " /dev/")
	}
	return Closed, "only the usual ones"
}

// openForWriting opens a file that must not be writable, and writes nothing.
func openForWriting(name string) attack {
	return func() (Result, string) {
		fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return Closed, name + ": " + err.Error()
		}
		unix.Close(fd)
		return Open, name + " opens for writing"
	}
}

// present is open if one of the paths exists.
func present(paths ...string) attack {
	return func() (Result, string) {
		for _, p := range paths {
			if _, err := os.Stat(p); err == nil {
				return Open, p
			}
		}
		return Closed, "none"
	}
}

func sysfsWritable() (Result, string) {
	var s unix.Statfs_t
	if err := unix.Statfs("/sys", &s); err != nil {
		return Closed, err.Error()
	}
	if s.Flags&unix.ST_RDONLY != 0 {
		return Closed, "/sys is read-only"
	}
	return Open, "/sys is writable"
}

func cgroupWritable() (Result, string) {
	for _, name := range []string{"cgroup.procs", "pids/cgroup.procs", "memory/cgroup.procs", "cpu/cgroup.procs"} {
		full := filepath.Join("/sys/fs/cgroup", name)
		if unix.Access(full, unix.W_OK) == nil {
			return Open, full + " is writable"
		}
	}
	return Closed, "read-only"
}

// sharedMounts looks for mounts that pass new mounts on to the host (proc_pid_mountinfo(5), optional fields).
func sharedMounts() (Result, string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Unknown, err.Error()
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for _, f := range fields[min(6, len(fields)):] {
			if f == "-" {
				break
			}
			if strings.HasPrefix(f, "shared:") {
				return Open, fields[4]
			}
		}
	}
	return Closed, "none"
}
