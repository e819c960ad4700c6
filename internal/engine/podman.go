package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/strslice"

	"berth/internal/fault"
)

// podmanCaps are the capabilities that Podman gives when nothing is asked for (containers.conf, default_capabilities).
var podmanCaps = []string{
	"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// signalNames are those an image or a Spec may ask for as a stop signal; Podman tells only numbers.
var signalNames = map[string]string{
	"1": "SIGHUP", "2": "SIGINT", "3": "SIGQUIT", "9": "SIGKILL", "10": "SIGUSR1", "12": "SIGUSR2", "15": "SIGTERM",
	"28": "SIGWINCH", "37": "SIGRTMIN+3",
}

// anonymous is the name of a volume that an engine made for an image's VOLUME.
var anonymous = regexp.MustCompile(`^[0-9a-f]{64}$`)

// likeDocker makes of Podman's inspect what Docker's would say of the same container (Podman 4.3 and 5.8).
func likeDocker(c *container.InspectResponse) {
	if c.Config == nil || c.HostConfig == nil {
		return
	}
	h := c.HostConfig
	if name, known := signalNames[c.Config.StopSignal]; known {
		c.Config.StopSignal = name
	}
	if h.Runtime == "oci" { // whichever it is
		h.Runtime = ""
	}
	if h.PidMode == "private" {
		h.PidMode = ""
	}
	if h.UTSMode == "private" {
		h.UTSMode = ""
	}
	h.NetworkMode = podmanNetwork(c)
	uid, gid, numeric := strings.Cut(c.Config.User, ":")
	for target, options := range h.Tmpfs {
		if numeric {
			h.Tmpfs[target] = strings.Replace(options, ",U", ",uid="+uid+",gid="+gid, 1)
		}
	}
	h.Mounts, h.Binds = podmanMounts(c.Mounts, h.Binds)
	h.Ulimits = podmanUlimits(h.Ulimits)
	h.CapDrop, h.CapAdd = podmanCapabilities(h.CapDrop, h.CapAdd)
}

// seccompOption begins the option of a create call that holds a filter.
const seccompOption = "seccomp="

// storeFilters puts filters into files of the caller's folder, named by content: Podman's API takes only a path, on
// its own machine, where Docker's takes the filter itself.
func (e *Engine) storeFilters(options []string) error {
	for i, option := range options {
		filter, ok := strings.CutPrefix(option, seccompOption)
		if !ok || !strings.HasPrefix(filter, "{") {
			continue
		}
		if e.options.Filters == "" || e.at.remote() {
			return fault.New(fault.Engine, "use a local engine", "%s: Podman reads seccomp filters only from files of its own machine", e.at.label)
		}
		path := filepath.Join(e.options.Filters, fmt.Sprintf("seccomp-%x.json", sha256.Sum256([]byte(filter))))
		if have, err := os.ReadFile(path); err != nil || string(have) != filter {
			if err := writeWhole(path, filter); err != nil {
				return fault.New(fault.Failure, "", "seccomp filter: %w", err)
			}
		}
		options[i] = seccompOption + path
	}
	return nil
}

// writeWhole writes a file aside and renames it, so that nobody reads half of it.
func writeWhole(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(path), ".seccomp-")
	if err != nil {
		return err
	}
	_, err = aside.WriteString(content)
	err = errors.Join(err, aside.Chmod(0o644), aside.Close()) // a filter is no secret, and the service may be another user's
	if err == nil {
		err = os.Rename(aside.Name(), path)
	}
	if err != nil {
		os.Remove(aside.Name())
	}
	return err
}

// readFilters puts the content of a stored filter where Podman tells its path. A file that cannot be read stays a path,
// which is not the filter that was asked for.
func (e *Engine) readFilters(options []string) {
	for i, option := range options {
		path, ok := strings.CutPrefix(option, seccompOption)
		if !ok || e.options.Filters == "" || filepath.Dir(path) != filepath.Clean(e.options.Filters) {
			continue
		}
		if filter, err := os.ReadFile(path); err == nil {
			options[i] = seccompOption + string(filter)
		}
	}
}

// podmanNetwork gives the network that stands behind "bridge", the word for all of them: the first by name, as ours is.
func podmanNetwork(c *container.InspectResponse) container.NetworkMode {
	mode := c.HostConfig.NetworkMode
	if mode != "bridge" || c.NetworkSettings == nil || c.NetworkSettings.Networks["bridge"] != nil {
		return mode
	}
	for _, name := range sortedKeys(c.NetworkSettings.Networks) {
		return container.NetworkMode(name)
	}
	return mode
}

// podmanMounts takes the mounts from where a colon in a path does no harm. Binds tell of each again, and alone the
// SELinux label; volumes that an engine made for an image's VOLUME are nobody's wish.
func podmanMounts(points []container.MountPoint, binds []string) (mounts []mount.Mount, labelled []string) {
	for _, p := range points {
		source := p.Source
		if p.Type == mount.TypeVolume {
			source = p.Name
		}
		if p.Type != mount.TypeBind && p.Type != mount.TypeVolume || anonymous.MatchString(source) {
			continue
		}
		at := slices.IndexFunc(binds, func(b string) bool { return strings.HasPrefix(b, source+":"+p.Destination+":") })
		if at >= 0 && observeBind(binds[at]).SELinux != "" {
			labelled = append(labelled, binds[at])
			continue
		}
		mounts = append(mounts, mount.Mount{Type: p.Type, Source: source, Target: p.Destination, ReadOnly: !p.RW})
	}
	return mounts, labelled
}

// podmanUlimits drops the limit of processes that Podman adds to every container, and gives the others their names.
func podmanUlimits(list []*container.Ulimit) []*container.Ulimit {
	var out []*container.Ulimit
	for _, u := range list {
		u.Name = strings.ToLower(strings.TrimPrefix(u.Name, "RLIMIT_"))
		if u.Name != "nproc" {
			out = append(out, u)
		}
	}
	return out
}

// podmanCapabilities says by what is kept what Podman says by what it takes from its own set, when any is taken.
func podmanCapabilities(drop, add strslice.StrSlice) (strslice.StrSlice, strslice.StrSlice) {
	if len(drop) == 0 {
		return drop, add
	}
	dropped, kept := observeCaps(drop), observeCaps(add)
	for _, name := range podmanCaps {
		if !slices.Contains(dropped, name) && !slices.Contains(dropped, "ALL") && !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return strslice.StrSlice{"ALL"}, kept
}
