package engine

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
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
	host := translateHost(s, d)
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

func translateHost(s sandbox.Spec, d dialect) *container.HostConfig {
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
		Tmpfs:           translateTmpfs(s.Tmpfs, d),
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
