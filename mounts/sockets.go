package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"berth/internal/host"
)

// wellKnownSockets answer commands as the user, or as root: whoever reaches one needs no sandbox. A path that begins with
// "~" is in each home.
var wellKnownSockets = []string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/buildkit/buildkitd.sock", "/run/crio/crio.sock",
	"/run/snapd.socket", "/run/dbus/system_bus_socket", "/run/systemd/private", "/tmp/.X11-unix/X0", "/tmp/.X11-unix/X1",
	"~/.docker/run/docker.sock", "~/.docker/desktop/docker.sock", "~/.colima/default/docker.sock", "~/.orbstack/run/docker.sock", "~/.rd/docker.sock",
	"~/.gnupg/S.gpg-agent", "~/.gnupg/S.gpg-agent.ssh", "~/.gnupg/S.gpg-agent.extra",
}

// sessionSockets are those below XDG_RUNTIME_DIR.
var sessionSockets = []string{"docker.sock", "podman/podman.sock", "buildkit/buildkitd.sock", "bus", "wayland-0", "keyring/ssh", "keyring/control",
	"gnupg/S.gpg-agent", "gnupg/S.gpg-agent.ssh", "gnupg/S.gpg-agent.extra"}

// socketsNamed gives the sockets of agents, screens and engines that an environment points to.
func socketsNamed(env host.Env) []string {
	out := []string{env["SSH_AUTH_SOCK"]}
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "BUILDKIT_HOST", "CONTAINERD_ADDRESS"} {
		out = append(out, strings.TrimPrefix(env[name], "unix://"))
	}
	if dir := env["XDG_RUNTIME_DIR"]; dir != "" {
		for _, name := range append(sessionSockets, env["WAYLAND_DISPLAY"]) {
			out = append(out, dir+"/"+name)
		}
	}
	if _, display, ok := strings.Cut(env["DISPLAY"], ":"); ok {
		number, _, _ := strings.Cut(display, ".")
		out = append(out, "/tmp/.X11-unix/X"+number)
	}
	return slices.DeleteFunc(out, func(p string) bool { return !strings.HasPrefix(p, "/") })
}

func (h Host) knownSockets() []string {
	out := slices.Clone(h.Sockets)
	if h.Engine.Socket != "" {
		out = append(out, h.Engine.Socket)
	}
	for _, p := range wellKnownSockets {
		if !strings.HasPrefix(p, "~") {
			out = append(out, p)
			continue
		}
		for _, home := range h.homes() {
			out = append(out, home+p[1:])
		}
	}
	return out
}

// gitSocket is git's own file watcher; it answers only which files changed.
const gitSocket = ".git/fsmonitor--daemon.ipc"

// found is a socket or device inside a folder.
type found struct {
	path  string
	kind  host.FileKind
	known bool
}

// socketsIn gives the worst socket or device in the two top levels of a folder. A folder in it that cannot be listed is
// left out: the sandbox, being the same user, cannot list it either. The error is that the source itself cannot be.
func (g *guard) socketsIn(at place) (found, bool, error) {
	var worst found
	any := false
	look := func(dir string, entries []host.DirEntry) {
		for _, e := range entries {
			p := strings.TrimSuffix(dir, "/") + "/" + e.Name
			if e.Kind != host.Socket && e.Kind != host.Device || strings.HasSuffix(p, "/"+gitSocket) {
				continue
			}
			stat, err := g.h.Files.Lstat(g.h.native(p))
			known := err == nil && holds(g.sockets, stat)
			if !any || known && !worst.known {
				worst, any = found{p, e.Kind, known}, true
			}
		}
	}
	top, err := g.h.Files.ReadDir(g.h.native(at.path))
	if errors.Is(err, fs.ErrPermission) {
		return worst, false, err
	}
	look(at.path, top)
	for _, e := range top {
		if e.Kind == host.Dir {
			dir := strings.TrimSuffix(at.path, "/") + "/" + e.Name
			entries, _ := g.h.Files.ReadDir(g.h.native(dir))
			look(dir, entries)
		}
	}
	return worst, any, nil
}

// checkSockets refuses a folder through which an engine, an agent or a device is reached. The second answer is what
// allow_paths gave up.
func (g *guard) checkSockets(e Entry, at place) (*PolicyError, string) {
	f, ok, err := g.socketsIn(at)
	switch {
	case err != nil:
		return e.refuse(Unreadable, e.source, fmt.Sprintf("%s cannot be read: it belongs to %d:%d, mode %04o", g.show(at.path), at.stat().UID, at.stat().GID, at.stat().Mode.Perm()),
			"run berth as the user who owns it"), ""
	case !ok:
		return nil, ""
	case f.known:
		return e.refuse(SocketSource, e.source, fmt.Sprintf("%s contains the socket %s: whoever reaches it commands this machine", g.show(at.path), g.show(f.path)), ""), ""
	}
	reason := fmt.Sprintf("%s contains the %s %s", g.show(at.path), f.kind, g.show(f.path))
	if g.allowed(at) {
		return nil, reason
	}
	return e.refuse(Denied, e.source, reason+", through which the host may be reached", g.allowHint(at)), ""
}

// allowed tells whether allow_paths names the source's real path.
func (g *guard) allowed(at place) bool {
	return slices.ContainsFunc(g.h.Allow, func(p string) bool { return cleanPath(g.h.slashed(p)) == at.path })
}

func (g *guard) allowHint(at place) string {
	p := g.h.native(at.path)
	return fmt.Sprintf("--allow-path %s, or allow_paths = [%s] in your own configuration", shellWord(p), quote(p))
}
