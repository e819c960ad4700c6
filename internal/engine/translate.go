package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// request is the body of one create call, and what has to follow it before the start.
type request struct {
	name     string
	config   *container.Config
	host     *container.HostConfig
	networks *network.NetworkingConfig
	platform *ocispec.Platform
	connect  []sandbox.Attachment // joined one by one below API 1.44
}

// Labels that say what an inspect cannot: they are the engine room's own and never part of a Spec.
const (
	labelRef      = sandbox.LabelPrefix + "image.ref"
	labelDigest   = sandbox.LabelPrefix + "image.digest"
	labelPlatform = sandbox.LabelPrefix + "image.platform"
	labelDefaults = sandbox.LabelPrefix + "defaults" // fields of the Spec that were left to the image or the engine
)

// severalEndpoints is the API from which a create call takes more than one network.
const severalEndpoints = "1.44"

// gatewayPriority is the API from which an endpoint has a priority for the default route.
const gatewayPriority = "1.48"

// translate writes a Spec in Docker's words. It is pure; what cannot be said on this engine is a fault.
func translate(s sandbox.Spec, d dialect) (request, error) {
	s = s.Normalise()
	mounts, binds, err := translateMounts(s.Mounts, d)
	if err != nil {
		return request{}, err
	}
	platform, err := parsePlatform(s.Image.Platform)
	if err != nil {
		return request{}, err
	}
	host := translateHost(s)
	host.Mounts, host.Binds = mounts, binds
	networks, connect := translateNetworks(s.Network, d)
	return request{
		name: sandbox.ContainerName(s.Name), config: translateConfig(s), host: host,
		networks: networks, platform: platform, connect: connect,
	}, nil
}

func translateConfig(s sandbox.Spec) *container.Config {
	c := &container.Config{
		Hostname:    s.Network.Hostname,
		User:        s.Process.User,
		Tty:         s.Process.TTY,
		Env:         translateEnv(s.Env),
		Cmd:         s.Process.Cmd,
		Entrypoint:  s.Process.Entrypoint,
		WorkingDir:  s.Process.WorkDir,
		Image:       s.Image.ID,
		Labels:      translateLabels(s),
		StopSignal:  s.Process.StopSignal,
		Healthcheck: translateHealth(s.Process.Health),
	}
	if c.Image == "" {
		c.Image = s.Image.Ref
	}
	if s.Process.StopTimeout > 0 {
		seconds := int((s.Process.StopTimeout + time.Second - 1) / time.Second)
		c.StopTimeout = &seconds
	}
	for _, p := range s.Network.Ports {
		if c.ExposedPorts == nil {
			c.ExposedPorts = nat.PortSet{}
		}
		c.ExposedPorts[tcpPort(p.Container)] = struct{}{}
	}
	return c
}

func translateHost(s sandbox.Spec) *container.HostConfig {
	return &container.HostConfig{
		Resources:       translateLimits(s),
		LogConfig:       container.LogConfig{Type: s.Log.Driver, Config: s.Log.Options},
		NetworkMode:     container.NetworkMode(s.Network.Mode),
		PortBindings:    translatePorts(s.Network.Ports),
		RestartPolicy:   container.RestartPolicy{Name: container.RestartPolicyMode(s.Restart)},
		AutoRemove:      s.AutoRemove,
		VolumesFrom:     s.VolumesFrom,
		CapAdd:          s.CapAdd,
		CapDrop:         s.CapDrop,
		CgroupnsMode:    container.CgroupnsMode(s.CgroupnsMode),
		DNS:             s.Network.DNS,
		DNSSearch:       s.Network.DNSSearch,
		ExtraHosts:      s.Network.ExtraHosts,
		GroupAdd:        s.Process.Groups,
		IpcMode:         container.IpcMode(s.IpcMode),
		Links:           s.Links,
		OomScoreAdj:     s.OomScoreAdj,
		PidMode:         container.PidMode(s.PidMode),
		Privileged:      s.Privileged,
		PublishAllPorts: s.PublishAllPorts,
		ReadonlyRootfs:  s.ReadonlyRootfs,
		SecurityOpt:     translateSecurity(s.Isolation),
		Tmpfs:           translateTmpfs(s.Tmpfs),
		UTSMode:         container.UTSMode(s.UTSMode),
		UsernsMode:      container.UsernsMode(s.UsernsMode),
		ShmSize:         s.Limits.Shm,
		Sysctls:         s.Sysctls,
		Runtime:         s.Runtime,
		MaskedPaths:     s.MaskedPaths,
		ReadonlyPaths:   s.ReadonlyPaths,
		Init:            &s.Process.Init, // never left to the engine's own default
	}
}

// translateLimits never leaves a zero to the engine: it would take twice the memory as swap.
func translateLimits(s sandbox.Spec) container.Resources {
	l := s.Limits
	r := container.Resources{
		Memory:         l.Memory,
		MemorySwap:     l.MemorySwap,
		NanoCPUs:       l.NanoCPUs,
		CPUShares:      l.CPUShares,
		CgroupParent:   s.CgroupParent,
		Devices:        translateDevices(s.Devices),
		OomKillDisable: &s.OomKillDisable,
	}
	if l.MemorySwap == 0 {
		r.MemorySwap = -1
	}
	if l.Pids > 0 {
		r.PidsLimit = &l.Pids
	}
	for _, u := range l.Ulimits {
		r.Ulimits = append(r.Ulimits, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	if s.GPU {
		r.DeviceRequests = []container.DeviceRequest{{Count: -1, Capabilities: [][]string{{"gpu"}}}}
	}
	return r
}

func translateEnv(env []sandbox.Env) []string {
	var lines []string
	for _, e := range env {
		if e.Unset {
			lines = append(lines, e.Name)
		} else {
			lines = append(lines, e.Name+"="+e.Value)
		}
	}
	return lines
}

// translateLabels adds what an inspect cannot tell. All four are always set: a container inherits its image's labels.
func translateLabels(s sandbox.Spec) map[string]string {
	labels := maps.Clone(s.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[labelRef] = s.Image.Ref
	labels[labelDigest] = s.Image.Digest
	labels[labelPlatform] = s.Image.Platform
	var left []string
	for _, f := range fillable {
		if f.empty(s) {
			left = append(left, f.name)
		}
	}
	labels[labelDefaults] = strings.Join(left, " ")
	return labels
}

// translateHealth switches the image's own check off when the Spec has none.
func translateHealth(h *sandbox.Health) *container.HealthConfig {
	if h == nil {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	return &container.HealthConfig{
		Test: append([]string{"CMD"}, h.Command...), Interval: h.Interval, Timeout: h.Timeout, Retries: 3,
	}
}

func translateSecurity(i sandbox.Isolation) []string {
	var options []string
	if i.NoNewPrivileges {
		options = append(options, "no-new-privileges:true")
	}
	if i.Seccomp != "" {
		options = append(options, "seccomp="+i.Seccomp)
	}
	if i.AppArmor != "" {
		options = append(options, "apparmor="+i.AppArmor)
	}
	for _, label := range i.SELinuxLabels {
		options = append(options, "label="+label)
	}
	return options
}

func translateTmpfs(list []sandbox.Tmpfs) map[string]string {
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
		if t.UID >= 0 {
			options = append(options, fmt.Sprintf("uid=%d", t.UID))
		}
		if t.GID >= 0 {
			options = append(options, fmt.Sprintf("gid=%d", t.GID))
		}
		out[t.Target] = strings.Join(options, ",")
	}
	return out
}

func translatePorts(ports []sandbox.Port) nat.PortMap {
	if len(ports) == 0 {
		return nil
	}
	out := nat.PortMap{}
	for _, p := range ports {
		binding := nat.PortBinding{HostIP: p.Host.Addr().String()}
		if p.Host.Port() != 0 {
			binding.HostPort = strconv.Itoa(int(p.Host.Port()))
		}
		out[tcpPort(p.Container)] = append(out[tcpPort(p.Container)], binding)
	}
	return out
}

func tcpPort(n uint16) nat.Port { return nat.Port(strconv.Itoa(int(n)) + "/tcp") }

// translateNetworks puts all endpoints into the create call where the engine takes them; else only the first, and the
// others are joined before the start. NetworkMode always has its endpoint: a mismatch is obeyed in silence.
func translateNetworks(n sandbox.Network, d dialect) (*network.NetworkingConfig, []sandbox.Attachment) {
	endpoints := map[string]*network.EndpointSettings{}
	var later []sandbox.Attachment
	for _, a := range n.Attached {
		if a.Name != n.Mode && !d.atLeast(severalEndpoints) {
			later = append(later, a)
			continue
		}
		endpoints[a.Name] = translateEndpoint(a, d)
	}
	return &network.NetworkingConfig{EndpointsConfig: endpoints}, later
}

func translateEndpoint(a sandbox.Attachment, d dialect) *network.EndpointSettings {
	settings := &network.EndpointSettings{Aliases: a.Aliases}
	if d.atLeast(gatewayPriority) {
		settings.GwPriority = a.Priority
	}
	return settings
}

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

func translateDevices(list []string) []container.DeviceMapping {
	var out []container.DeviceMapping
	for _, device := range list {
		parts := slices.Grow(strings.SplitN(device, ":", 3), 3)[:3]
		out = append(out, container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[1], CgroupPermissions: parts[2]})
	}
	return out
}

// parsePlatform reads os/arch[/variant]; "" is the engine's own.
func parsePlatform(text string) (*ocispec.Platform, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return nil, fault.New(fault.Usage, "write os/arch, e.g. linux/arm64", "%s: not a platform", text)
	}
	p := &ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}
