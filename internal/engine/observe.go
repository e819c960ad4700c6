package engine

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"berth/internal/sandbox"
)

// fillable are the fields that an image or an engine fills in when a Spec leaves them: their own values then are what
// was asked for. (An inspect alone cannot tell "left" from "asked for".)
var fillable = []struct {
	name  string
	empty func(sandbox.Spec) bool
	clear func(*sandbox.Spec)
}{
	{"entrypoint", func(s sandbox.Spec) bool { return s.Process.Entrypoint == nil }, func(s *sandbox.Spec) { s.Process.Entrypoint = nil }},
	{"cmd", func(s sandbox.Spec) bool { return s.Process.Cmd == nil }, func(s *sandbox.Spec) { s.Process.Cmd = nil }},
	{"workdir", func(s sandbox.Spec) bool { return s.Process.WorkDir == "" }, func(s *sandbox.Spec) { s.Process.WorkDir = "" }},
	{"user", func(s sandbox.Spec) bool { return s.Process.User == "" }, func(s *sandbox.Spec) { s.Process.User = "" }},
	{"stop-signal", func(s sandbox.Spec) bool { return s.Process.StopSignal == "" }, func(s *sandbox.Spec) { s.Process.StopSignal = "" }},
	{"hostname", func(s sandbox.Spec) bool { return s.Network.Hostname == "" }, func(s *sandbox.Spec) { s.Network.Hostname = "" }},
	{"network", func(s sandbox.Spec) bool { return s.Network.Mode == "" }, func(s *sandbox.Spec) { s.Network.Mode, s.Network.Attached = "", nil }},
	{"shm", func(s sandbox.Spec) bool { return s.Limits.Shm == 0 }, func(s *sandbox.Spec) { s.Limits.Shm = 0 }},
	{"ipc", func(s sandbox.Spec) bool { return s.IpcMode == "" }, func(s *sandbox.Spec) { s.IpcMode = "" }},
	{"cgroupns", func(s sandbox.Spec) bool { return s.CgroupnsMode == "" }, func(s *sandbox.Spec) { s.CgroupnsMode = "" }},
	{"runtime", func(s sandbox.Spec) bool { return s.Runtime == "" }, func(s *sandbox.Spec) { s.Runtime = "" }},
	{"restart", func(s sandbox.Spec) bool { return s.Restart == "" }, func(s *sandbox.Spec) { s.Restart = "" }},
	{"log", func(s sandbox.Spec) bool { return s.Log.Driver == "" }, func(s *sandbox.Spec) { s.Log = sandbox.Log{} }},
	{"masked", func(s sandbox.Spec) bool { return s.MaskedPaths == nil }, func(s *sandbox.Spec) { s.MaskedPaths = nil }},
	{"readonly", func(s sandbox.Spec) bool { return s.ReadonlyPaths == nil }, func(s *sandbox.Spec) { s.ReadonlyPaths = nil }},
}

// observe reads a container back into berth's words. It is pure, and undoes what the engine rewrites.
func observe(c container.InspectResponse) sandbox.Observed {
	o := sandbox.Observed{ID: c.ID, Created: parseTime(c.Created), State: sandbox.Created}
	if c.State != nil {
		o.State = stateOf(c.State)
		o.Started, o.Ended = parseTime(c.State.StartedAt), parseTime(c.State.FinishedAt)
		o.ExitCode, o.OOMKilled, o.Error, o.Pid = c.State.ExitCode, c.State.OOMKilled, words(c.State.Error), c.State.Pid
	}
	if c.NetworkSettings != nil {
		o.Published = observePorts(c.NetworkSettings.Ports)
	}
	o.Spec = observeSpec(c)
	return o
}

func observeSpec(c container.InspectResponse) sandbox.Spec {
	config, host := c.Config, c.HostConfig
	if config == nil {
		config = &container.Config{}
	}
	if host == nil {
		host = &container.HostConfig{}
	}
	s := sandbox.Spec{
		Name: strings.TrimPrefix(strings.TrimPrefix(c.Name, "/"), sandbox.ContainerName("")),
		Image: sandbox.Image{
			Ref: config.Labels[labelRef], ID: c.Image,
			Digest: config.Labels[labelDigest], Platform: config.Labels[labelPlatform],
		},
		Process:   observeProcess(config, host),
		Env:       observeEnv(config.Env),
		Mounts:    observeMounts(host),
		Tmpfs:     observeTmpfs(host.Tmpfs),
		Network:   observeNetwork(c, config, host),
		Limits:    observeLimits(host),
		Isolation: observeIsolation(host),
		Log:       sandbox.Log{Driver: host.LogConfig.Type, Options: host.LogConfig.Config},
		Labels:    observeLabels(config.Labels),
	}
	if s.Image.Ref == "" {
		s.Image.Ref = config.Image
	}
	left := strings.Fields(config.Labels[labelDefaults])
	for _, f := range fillable {
		if slices.Contains(left, f.name) {
			f.clear(&s)
		}
	}
	return s.Normalise()
}

func observeProcess(config *container.Config, host *container.HostConfig) sandbox.Process {
	p := sandbox.Process{
		User: config.User, Groups: host.GroupAdd,
		Entrypoint: notNil(config.Entrypoint), Cmd: notNil(config.Cmd), WorkDir: config.WorkingDir,
		Init: host.Init != nil && *host.Init, TTY: config.Tty,
		StopSignal: config.StopSignal, Health: observeHealth(config.Healthcheck),
	}
	if config.StopTimeout != nil {
		p.StopTimeout = time.Duration(*config.StopTimeout) * time.Second
	}
	return p
}

func observeHealth(h *container.HealthConfig) *sandbox.Health {
	if h == nil || len(h.Test) == 0 || h.Test[0] == "NONE" {
		return nil
	}
	command := h.Test[1:]
	if h.Test[0] == "CMD-SHELL" {
		command = append([]string{"/bin/sh", "-c"}, command...)
	}
	return &sandbox.Health{Command: command, Interval: h.Interval, Timeout: h.Timeout}
}

func observeEnv(lines []string) []sandbox.Env {
	var env []sandbox.Env
	for _, line := range lines {
		name, value, set := strings.Cut(line, "=")
		env = append(env, sandbox.Env{Name: name, Value: value, Unset: !set})
	}
	return env
}

// observeLabels keeps berth's labels, without the engine room's own.
func observeLabels(all map[string]string) map[string]string {
	labels := maps.Clone(all)
	maps.DeleteFunc(labels, func(name, _ string) bool {
		switch name {
		case labelRef, labelDigest, labelPlatform, labelDefaults:
			return true
		}
		return !strings.HasPrefix(name, sandbox.LabelPrefix)
	})
	if len(labels) == 0 {
		return nil
	}
	return labels
}

func observeMounts(host *container.HostConfig) []sandbox.Mount {
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

func observeNetwork(c container.InspectResponse, config *container.Config, host *container.HostConfig) sandbox.Network {
	n := sandbox.Network{
		Mode:       string(host.NetworkMode),
		Ports:      observePorts(host.PortBindings),
		Hostname:   config.Hostname,
		ExtraHosts: host.ExtraHosts,
		DNS:        orNil(host.DNS),
		DNSSearch:  orNil(host.DNSSearch),
	}
	if c.NetworkSettings == nil {
		return n
	}
	for name, settings := range c.NetworkSettings.Networks {
		if name != "none" { // the engine's own word for no network
			n.Attached = append(n.Attached, observeEndpoint(name, settings, c.ID))
		}
	}
	return n
}

// observeEndpoint leaves out the aliases that the engine adds after those asked for: the short id, then the hostname.
func observeEndpoint(name string, settings *network.EndpointSettings, id string) sandbox.Attachment {
	a := sandbox.Attachment{Name: name}
	if settings == nil {
		return a
	}
	a.Priority = settings.GwPriority
	for _, alias := range settings.Aliases {
		if len(alias) == 12 && strings.HasPrefix(id, alias) {
			break
		}
		a.Aliases = append(a.Aliases, alias)
	}
	return a
}

func observePorts(ports nat.PortMap) []sandbox.Port {
	var out []sandbox.Port
	for port, bindings := range ports {
		for _, b := range bindings {
			address, err := netip.ParseAddr(b.HostIP)
			if err != nil {
				address = netip.IPv4Unspecified() // "" is every address of the host
			}
			host, _ := strconv.ParseUint(b.HostPort, 10, 16)
			out = append(out, sandbox.Port{Container: uint16(port.Int()), Host: netip.AddrPortFrom(address, uint16(host))})
		}
	}
	return out
}

func observeLimits(host *container.HostConfig) sandbox.Limits {
	l := sandbox.Limits{
		Memory: host.Memory, MemorySwap: max(host.MemorySwap, 0), NanoCPUs: host.NanoCPUs,
		CPUShares: host.CPUShares, Shm: host.ShmSize,
	}
	if host.PidsLimit != nil {
		l.Pids = max(*host.PidsLimit, 0)
	}
	for _, u := range host.Ulimits {
		l.Ulimits = append(l.Ulimits, sandbox.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return l
}

func observeIsolation(host *container.HostConfig) sandbox.Isolation {
	i := sandbox.Isolation{
		Privileged:      host.Privileged,
		PidMode:         string(host.PidMode),
		UTSMode:         string(host.UTSMode),
		IpcMode:         string(host.IpcMode),
		CgroupnsMode:    string(host.CgroupnsMode),
		UsernsMode:      string(host.UsernsMode),
		CgroupParent:    host.CgroupParent,
		Links:           orNil(host.Links),
		VolumesFrom:     orNil(host.VolumesFrom),
		PublishAllPorts: host.PublishAllPorts,
		CapDrop:         observeCaps(host.CapDrop),
		CapAdd:          observeCaps(host.CapAdd),
		ReadonlyRootfs:  host.ReadonlyRootfs,
		MaskedPaths:     notNil(host.MaskedPaths),
		ReadonlyPaths:   notNil(host.ReadonlyPaths),
		Devices:         observeDevices(host.Devices),
		GPU:             len(host.DeviceRequests) > 0,
		Runtime:         host.Runtime,
		OomScoreAdj:     host.OomScoreAdj,
		OomKillDisable:  host.OomKillDisable != nil && *host.OomKillDisable,
		Restart:         string(host.RestartPolicy.Name),
		AutoRemove:      host.AutoRemove,
		Sysctls:         host.Sysctls,
	}
	if i.Restart == "" {
		i.Restart = string(container.RestartPolicyDisabled)
	}
	observeSecurity(&i, host.SecurityOpt)
	return i
}

// observeSecurity reads both separators that engines accept, "=" and the older ":".
func observeSecurity(i *sandbox.Isolation, options []string) {
	for _, option := range options {
		name, value := option, ""
		if at := strings.IndexAny(option, "=:"); at >= 0 {
			name, value = option[:at], option[at+1:]
		}
		switch name {
		case "no-new-privileges":
			i.NoNewPrivileges = value != "false"
		case "seccomp":
			i.Seccomp = value
		case "apparmor":
			i.AppArmor = value
		case "label":
			i.SELinuxLabels = append(i.SELinuxLabels, value)
		}
	}
}

// observeCaps takes off the prefix that the client puts before every name but ALL.
func observeCaps(caps []string) []string {
	var out []string
	for _, name := range caps {
		out = append(out, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	}
	return out
}

func observeDevices(list []container.DeviceMapping) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.PathOnHost+":"+d.PathInContainer+":"+d.CgroupPermissions)
	}
	return out
}

func stateOf(s *container.State) sandbox.State {
	switch s.Status {
	case container.StateCreated:
		return sandbox.Created
	case container.StateRunning:
		return sandbox.Up
	case container.StatePaused:
		return sandbox.Paused
	case container.StateRestarting:
		return sandbox.Starting
	case container.StateRemoving, container.StateDead:
		return sandbox.Gone
	}
	return sandbox.Stopped
}

// parseTime gives the zero time for the engine's "never", year 1.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}

func orNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// notNil says "none" where an inspect has null: an engine that was left the choice would have told its own list.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
