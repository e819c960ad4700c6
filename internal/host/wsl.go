package host

import (
	"os"
	"strings"
)

// WSL describes the Windows Subsystem for Linux; its zero value means "not there".
type WSL struct {
	Distro    string // this distribution's name, as in \\wsl.localhost\NAME
	Automount string // where drives are mounted, with a slash at the end; "/mnt/" by default
}

// Present tells whether this is WSL at all.
func (w WSL) Present() bool { return w.Automount != "" }

func readWSL(env Env) WSL {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return WSL{}
	}
	conf, _ := os.ReadFile("/etc/wsl.conf")
	return wslFrom(string(release), string(conf), env)
}

// wslFrom decides by the kernel's name: WSL_DISTRO_NAME alone is inherited by containers and ssh sessions.
func wslFrom(release, conf string, env Env) WSL {
	if !strings.Contains(strings.ToLower(release), "microsoft") {
		return WSL{}
	}
	return WSL{Distro: env["WSL_DISTRO_NAME"], Automount: automountRoot(conf)}
}

// automountRoot reads "root" of the section [automount] of /etc/wsl.conf
// (https://learn.microsoft.com/windows/wsl/wsl-config).
func automountRoot(conf string) string {
	root, section := "/mnt/", ""
	for line := range strings.Lines(conf) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.ToLower(strings.Trim(line, "[]"))
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && section == "automount" && strings.EqualFold(strings.TrimSpace(key), "root") {
			root = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return strings.TrimRight(root, "/") + "/"
}
