package probe

import (
	"golang.org/x/sys/unix"
)

var fileAttacks = map[string]attack{
	"write-root":     writable("/"),
	"write-etc":      writable("/etc", "/etc/hosts.allow", "/etc/profile", "/etc/ld.so.preload"),
	"write-programs": writable("/bin", "/usr/bin", "/usr/local/bin", "/lib", "/usr/lib", "/openhands", "/.berth", "/.berth/starter"),
	"write-passwd":   writable("/etc/passwd", "/etc/group"),
	"write-berth":    writable("/.berth/inside"),
	"setuid-in-tmp":  flagged("/tmp", unix.ST_NOSUID, "nosuid"),
	"exec-in-tmp":    flagged("/tmp", unix.ST_NOEXEC, "noexec"),
}

// writable asks the kernel whether this user could write, and writes nothing. What does not exist cannot be written.
func writable(paths ...string) attack {
	return func() (Result, string) {
		for _, p := range paths {
			if unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS) == nil {
				return Open, p
			}
		}
		return Closed, "not writable"
	}
}

func flagged(folder string, flag int64, name string) attack {
	return func() (Result, string) {
		var s unix.Statfs_t
		if err := unix.Statfs(folder, &s); err != nil {
			return Closed, folder + ": " + err.Error()
		}
		if int64(s.Flags)&flag != 0 {
			return Closed, folder + " is " + name
		}
		return Open, folder + " is not " + name
	}
}
