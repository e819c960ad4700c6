package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var identityAttacks = map[string]attack{
	"caps-effective":    capabilities("CapEff"),
	"caps-permitted":    capabilities("CapPrm"),
	"caps-bounding":     capabilities("CapBnd"),
	"caps-ambient":      capabilities("CapAmb"),
	"new-privileges":    newPrivileges,
	"become-other-user": becomeOther,
	"give-file-away":    giveAway,
	"setuid-file":       setuidFile,
	"main-process-root": mainProcessRoot,
}

// status gives a field of a /proc/PID/status file.
func status(process, field string) (string, error) {
	text, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			return strings.TrimSpace(value), nil
		}
	}
	return "", errors.New("no " + field + " in /proc/" + process + "/status")
}

func capabilities(field string) attack {
	return func() (Result, string) {
		value, err := status("thread-self", field)
		if err != nil {
			return Unknown, err.Error()
		}
		if strings.Trim(value, "0") == "" {
			return Closed, field + " 0"
		}
		return Open, field + " " + value
	}
}

func newPrivileges() (Result, string) {
	return statusIs("NoNewPrivs", "1")
}

func seccompFilter() (Result, string) {
	return statusIs("Seccomp", "2")
}

func statusIs(field, want string) (Result, string) {
	value, err := status("thread-self", field)
	if err != nil {
		return Unknown, err.Error()
	}
	if value == want {
		return Closed, field + " " + value
	}
	return Open, field + " " + value
}

// becomeOther asks for root, or as root for somebody else. The raw call changes this thread only.
func becomeOther() (Result, string) {
	want := 0
	if os.Getuid() == 0 {
		want = 12345
	}
	return refused(call(unix.SYS_SETUID, want))
}

// giveAway changes the owner of a file that has no name to somebody who is surely not the process itself.
func giveAway() (Result, string) {
	fd, err := unix.MemfdCreate("berth-probe", unix.MFD_CLOEXEC)
	if err != nil {
		return Unknown, err.Error()
	}
	defer unix.Close(fd)
	return refused(unix.Fchown(fd, os.Getuid()+1, os.Getgid()+1))
}

// programFolders are where images keep programs.
var programFolders = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/openssh", "/usr/lib/dbus-1.0"}

func setuidFile() (Result, string) {
	value, err := status("thread-self", "NoNewPrivs")
	if err != nil {
		return Unknown, err.Error()
	}
	if value == "1" {
		return Closed, "setuid has no effect (NoNewPrivs 1)"
	}
	for _, folder := range programFolders {
		entries, _ := os.ReadDir(folder) // a folder that is not there holds no program
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
				return Open, filepath.Join(folder, e.Name())
			}
		}
	}
	return Closed, "no setuid program"
}

// mainProcessRoot looks at PID 1: is it root, and is that root the host's?
func mainProcessRoot() (Result, string) {
	uids, err := status("1", "Uid")
	if err != nil {
		return Unknown, err.Error()
	}
	uid := strings.Fields(uids)[0]
	if uid != "0" {
		return Closed, "uid " + uid
	}
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return Unknown, err.Error()
	}
	if m := strings.Fields(string(text)); len(m) >= 3 && m[0] == "0" && m[1] == "0" {
		return Open, "uid 0, which is the host's"
	}
	return Closed, "uid 0, which is another on the host"
}
