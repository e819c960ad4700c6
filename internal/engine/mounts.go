package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// translateMounts gives Mounts, and Binds where only those can say it: SELinux labels, and on Podman a path that its
// Mounts would take for options.
func translateMounts(list []sandbox.Mount, d dialect) (mounts []mount.Mount, binds []string, err error) {
	for _, m := range list {
		asBind := m.SELinux != "" || d.podman && strings.ContainsAny(m.Source+m.Target, ",\"'\n")
		switch {
		case m.Kind == sandbox.Bind && asBind:
			if strings.Contains(m.Source+m.Target, ":") {
				return nil, nil, fault.New(fault.Usage, "rename the folder, or mount the one above it",
					"%s: this engine cannot mount a path with a colon here", m.Source)
			}
			binds = append(binds, m.Source+":"+m.Target+":"+bindMode(m))
		case m.Kind == sandbox.Bind:
			mounts = append(mounts, mount.Mount{
				Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
				BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate, NonRecursive: true},
			})
		case m.Kind == sandbox.Volume:
			mounts = append(mounts, mount.Mount{
				Type: mount.TypeVolume, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
				VolumeOptions: &mount.VolumeOptions{NoCopy: m.NoCopy},
			})
		default:
			return nil, nil, fault.New(fault.Failure, "", "%s: the engine has no mount of kind %q", m.Target, m.Kind)
		}
	}
	return mounts, binds, nil
}

// bindMode names access, propagation and SELinux label in the one order that observe reads back.
func bindMode(m sandbox.Mount) string {
	words := []string{"rw", "rprivate"}
	if m.ReadOnly {
		words[0] = "ro"
	}
	if m.SELinux != "" {
		words = append(words, m.SELinux)
	}
	return strings.Join(words, ",")
}

// observeMounts reads what was asked for, and the volumes that the engine made unasked: for a VOLUME of the image's, or
// one that somebody added by hand.
func observeMounts(host *container.HostConfig, points []container.MountPoint) []sandbox.Mount {
	var out []sandbox.Mount
	for _, m := range host.Mounts {
		out = append(out, sandbox.Mount{
			Kind: kindOfMount(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
			NoCopy: m.VolumeOptions != nil && m.VolumeOptions.NoCopy,
		})
	}
	for _, text := range host.Binds {
		m := observeBind(text)
		same := func(have sandbox.Mount) bool { return have.Target == m.Target }
		if !slices.ContainsFunc(out, same) { // Podman tells each mount twice
			out = append(out, m)
		}
	}
	for _, p := range points {
		same := func(have sandbox.Mount) bool { return have.Target == p.Destination }
		if p.Type == mount.TypeVolume && !slices.ContainsFunc(out, same) {
			out = append(out, sandbox.Mount{Kind: sandbox.Volume, Source: p.Name, Target: p.Destination, ReadOnly: !p.RW})
		}
	}
	return out
}

func kindOfMount(t mount.Type) sandbox.MountKind {
	if t == mount.TypeVolume {
		return sandbox.Volume
	}
	return sandbox.MountKind(t)
}

// observeBind reads source:target[:mode]; a source that is no path names a volume.
func observeBind(text string) sandbox.Mount {
	parts := append(strings.SplitN(text, ":", 3), "", "")
	m := sandbox.Mount{Kind: sandbox.Bind, Source: parts[0], Target: parts[1]}
	if !strings.HasPrefix(m.Source, "/") {
		m.Kind = sandbox.Volume
	}
	for _, word := range strings.Split(parts[2], ",") {
		switch word {
		case "ro":
			m.ReadOnly = true
		case "z", "Z":
			m.SELinux = word
		case "nocopy":
			m.NoCopy = true
		}
	}
	return m
}

// translateTmpfs writes mount options. Podman knows no owner but the sandbox's user, whose letter is U.
func translateTmpfs(list []sandbox.Tmpfs, d dialect) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, t := range list {
		options := []string{"rw", "nosuid", "nodev", "noexec"}
		if t.Exec {
			options[3] = "exec"
		}
		if t.Size > 0 {
			options = append(options, fmt.Sprintf("size=%d", t.Size))
		}
		if t.Mode != "" {
			options = append(options, "mode="+t.Mode)
		}
		options = append(options, owner(t, d)...)
		out[t.Target] = strings.Join(options, ",")
	}
	return out
}

func owner(t sandbox.Tmpfs, d dialect) []string {
	var options []string
	switch {
	case t.UID < 0 && t.GID < 0:
		return nil
	case d.podman:
		return []string{"U"}
	}
	if t.UID >= 0 {
		options = append(options, fmt.Sprintf("uid=%d", t.UID))
	}
	if t.GID >= 0 {
		options = append(options, fmt.Sprintf("gid=%d", t.GID))
	}
	return options
}

func observeTmpfs(all map[string]string) []sandbox.Tmpfs {
	var out []sandbox.Tmpfs
	for target, options := range all {
		t := sandbox.Tmpfs{Target: target, UID: -1, GID: -1}
		for _, option := range strings.Split(options, ",") {
			name, value, _ := strings.Cut(option, "=")
			switch name {
			case "exec":
				t.Exec = true
			case "size":
				t.Size, _ = strconv.ParseInt(value, 10, 64)
			case "mode":
				t.Mode = value
			case "uid":
				t.UID = number(value)
			case "gid":
				t.GID = number(value)
			}
		}
		out = append(out, t)
	}
	return out
}
