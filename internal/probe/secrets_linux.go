package probe

import (
	"os"
	"path/filepath"
	"strings"
)

var secretAttacks = map[string]attack{
	"host-variables":  hostVariables,
	"mounted-secrets": present("/var/run/secrets", "/run/secrets"),
	"host-agents":     hostAgents,
}

// hostNames begin the names of variables that lead to the host user's session; none of them means anything inside.
var hostNames = []string{"SSH_AUTH_SOCK=", "SSH_AGENT_PID=", "GPG_AGENT_INFO=", "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=", "WAYLAND_DISPLAY=", "XAUTHORITY=", "KUBECONFIG=", "DOCKER_HOST=", "DOCKER_CONFIG=", "SUDO_USER="}

// hostVariables looks at its own environment and at the main process's, where that can be read.
func hostVariables() (Result, string) {
	main, _ := os.ReadFile("/proc/1/environ") // another user's is closed to us
	for _, v := range append(os.Environ(), strings.Split(string(main), "\x00")...) {
		for _, name := range hostNames {
			if strings.HasPrefix(v, name) {
				return Open, strings.TrimSuffix(name, "=")
			}
		}
	}
	return Closed, "none"
}

// hostAgents looks for sockets where a host keeps those of its user.
func hostAgents() (Result, string) {
	for _, pattern := range []string{"/run/user/*/bus", "/run/user/*/gnupg/S.*", "/run/user/*/keyring/*", "/tmp/ssh-*/agent.*", "/ssh-agent", "/run/host-services/ssh-auth.sock"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return Open, found[0]
		}
	}
	return Closed, "none"
}
