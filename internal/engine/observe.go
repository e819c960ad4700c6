package engine

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"berth/internal/sandbox"
)

// fillable are the fields that an image or an engine fills in when a Spec leaves them: their own values then are what
// was asked for. (An inspect alone cannot tell "left" from "asked for".) Two at the end Podman does not tell.
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
	{"stop-timeout", func(s sandbox.Spec) bool { return s.Process.StopTimeout == 0 }, func(s *sandbox.Spec) { s.Process.StopTimeout = 0 }},
	{"ports", func(s sandbox.Spec) bool { return allChosen(s.Network.Ports) }, func(s *sandbox.Spec) { s.Network.Ports = unchosen(s.Network.Ports) }},
	{"nocopy", func(s sandbox.Spec) bool { return noCopies(s.Mounts) }, func(s *sandbox.Spec) { setNoCopy(s.Mounts) }},
	{"ulimits", func(s sandbox.Spec) bool { return len(s.Limits.Ulimits) == 0 }, func(s *sandbox.Spec) { s.Limits.Ulimits = nil }},
	{"shm", func(s sandbox.Spec) bool { return s.Limits.Shm == 0 }, func(s *sandbox.Spec) { s.Limits.Shm = 0 }},
	{"ipc", func(s sandbox.Spec) bool { return s.IpcMode == "" }, func(s *sandbox.Spec) { s.IpcMode = "" }},
	{"cgroupns", func(s sandbox.Spec) bool { return s.CgroupnsMode == "" }, func(s *sandbox.Spec) { s.CgroupnsMode = "" }},
	{"runtime", func(s sandbox.Spec) bool { return s.Runtime == "" }, func(s *sandbox.Spec) { s.Runtime = "" }},
	{"restart", func(s sandbox.Spec) bool { return s.Restart == "" }, func(s *sandbox.Spec) { s.Restart = "" }},
	{"log", func(s sandbox.Spec) bool { return s.Log.Driver == "" }, func(s *sandbox.Spec) { s.Log = sandbox.Log{} }},
	{"masked", func(s sandbox.Spec) bool { return s.MaskedPaths == nil }, func(s *sandbox.Spec) { clearOwn(&s.MaskedPaths, "/proc/kcore") }},
	{"readonly", func(s sandbox.Spec) bool { return s.ReadonlyPaths == nil }, func(s *sandbox.Spec) { clearOwn(&s.ReadonlyPaths, "/proc/sys") }},
}

// allChosen tells whether the engine is to choose every host port.
func allChosen(ports []sandbox.Port) bool {
	return len(ports) > 0 && !slices.ContainsFunc(ports, func(p sandbox.Port) bool { return p.Host.Port() != 0 })
}

// unchosen forgets the choice: Podman tells it where the wish was.
func unchosen(ports []sandbox.Port) []sandbox.Port {
	for i := range ports {
		ports[i].Host = netip.AddrPortFrom(ports[i].Host.Addr(), 0)
	}
	return ports
}

// noCopies tells whether there are volumes, and the image's files are to be copied into none of them.
func noCopies(mounts []sandbox.Mount) bool {
	volume := func(m sandbox.Mount) bool { return m.Kind == sandbox.Volume }
	copies := func(m sandbox.Mount) bool { return volume(m) && !m.NoCopy }
	return slices.ContainsFunc(mounts, volume) && !slices.ContainsFunc(mounts, copies)
}

// setNoCopy says what Podman does not tell.
func setNoCopy(mounts []sandbox.Mount) {
	for i := range mounts {
		mounts[i].NoCopy = mounts[i].Kind == sandbox.Volume
	}
}

// clearOwn takes a list for the engine's own only if it has what every engine's has: somebody may have made the
// container anew with another.
func clearOwn(list *[]string, sign string) {
	if slices.Contains(*list, sign) {
		*list = nil
	}
}

// observe reads a container back into berth's words. It is pure, and undoes what the engine rewrites. runtime is the
// engine's default, "" when that is not known.
func observe(c container.InspectResponse, runtime string) sandbox.Observed {
	o := sandbox.Observed{ID: c.ID, Created: parseTime(c.Created), State: sandbox.Created}
	if c.State != nil {
		o.State = stateOf(c.State)
		o.Started, o.Ended = parseTime(c.State.StartedAt), parseTime(c.State.FinishedAt)
		o.ExitCode, o.OOMKilled, o.Error, o.Pid = c.State.ExitCode, c.State.OOMKilled, words(c.State.Error), c.State.Pid
	}
	if c.NetworkSettings != nil {
		o.Published = observePorts(c.NetworkSettings.Ports)
	}
	o.Spec = observeSpec(c, runtime)
	return o
}

func observeSpec(c container.InspectResponse, runtime string) sandbox.Spec {
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
		Mounts:    observeMounts(host, c.Mounts),
		Tmpfs:     observeTmpfs(host.Tmpfs),
		Network:   observeNetwork(c, config, host),
		Limits:    observeLimits(host),
		Isolation: observeIsolation(host),
		Log:       sandbox.Log{Driver: host.LogConfig.Type, Options: host.LogConfig.Config},
		Labels:    observeLabels(config.Labels),
	}
	s.Links = append(s.Links, endpointLinks(c.NetworkSettings)...)
	if s.Image.Ref == "" {
		s.Image.Ref = config.Image
	}
	left := strings.Fields(config.Labels[labelDefaults])
	if runtime != "" && s.Runtime != runtime { // the container was made anew by hand
		left = slices.DeleteFunc(left, func(name string) bool { return name == "runtime" })
	}
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
