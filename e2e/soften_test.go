package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"

	"berth/e2e/internal/rig"
	"berth/hardening"
	"berth/internal/sandbox"
)

// body is what a container is made from.
type body struct {
	Config *container.Config
	Host   *container.HostConfig
	Net    *network.NetworkingConfig
}

// softened is one field that somebody changed behind berth's back, and the rules that must fail for it, no others.
type softened struct {
	rules  string // separated by blanks; more than one only where the engine ties the fields together
	change func(*body)
}

// soften has a row for every rule that a container can break. other stands for another container of the test.
func soften(other, otherImage string) []softened {
	host := func(rules string, change func(*container.HostConfig)) softened {
		return softened{rules, func(b *body) { change(b.Host) }}
	}
	config := func(rules string, change func(*container.Config)) softened {
		return softened{rules, func(b *body) { change(b.Config) }}
	}
	return []softened{
		config("identity", func(c *container.Config) { c.Labels[sandbox.LabelProfile] = "strict" }),
		config("image-by-id", func(c *container.Config) { c.Image = otherImage }),
		config("not-host-root", func(c *container.Config) { c.User = "0:0" }),
		host("groups", func(h *container.HostConfig) { h.GroupAdd = []string{"27"} }),
		config("command", func(c *container.Config) { c.Cmd = append(c.Cmd, "--verbose") }),
		host("init", func(h *container.HostConfig) { h.Init = nil }),
		config("no-tty", func(c *container.Config) { c.Tty = true }),
		config("stop-signal", func(c *container.Config) { c.StopSignal = "SIGKILL" }),
		config("stop-timeout", func(c *container.Config) { c.StopTimeout = ptr(600) }),
		config("healthcheck", func(c *container.Config) { c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/bin/true"}} }),
		host("no-privileged", func(h *container.HostConfig) { h.Privileged = true }),
		host("cap-drop", func(h *container.HostConfig) { h.CapDrop = nil }),
		host("cap-add", func(h *container.HostConfig) { h.CapAdd = []string{"SYS_PTRACE"} }),
		host("no-new-privileges", func(h *container.HostConfig) { h.SecurityOpt = without(h.SecurityOpt, "no-new-privileges") }),
		host("seccomp", func(h *container.HostConfig) {
			h.SecurityOpt = append(without(h.SecurityOpt, "seccomp"), "seccomp=unconfined")
		}),
		host("pid-namespace", func(h *container.HostConfig) { h.PidMode = "host" }),
		{"uts-namespace hostname", func(b *body) { b.Host.UTSMode, b.Config.Hostname = "host", "" }},
		host("ipc-namespace", func(h *container.HostConfig) { h.IpcMode = "shareable" }),
		host("cgroup-namespace", func(h *container.HostConfig) { h.CgroupnsMode = "host" }),
		host("user-namespace", func(h *container.HostConfig) { h.UsernsMode = "host" }),
		host("cgroup-parent", func(h *container.HostConfig) { h.CgroupParent = "/berth-e2e" }),
		{"no-links", func(b *body) {
			for _, end := range b.Net.EndpointsConfig {
				end.Links = []string{other + ":other"}
			}
		}},
		host("no-volumes-from", func(h *container.HostConfig) { h.VolumesFrom = []string{other} }),
		host("no-devices", func(h *container.HostConfig) {
			h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/more", CgroupPermissions: "rwm"}}
		}),
		host("no-gpu", func(h *container.HostConfig) {
			h.DeviceRequests = []container.DeviceRequest{{Count: -1, Capabilities: [][]string{{"gpu"}}}}
		}),
		host("runtime", func(h *container.HostConfig) { h.Runtime = "io.containerd.runc.v2" }),
		host("sysctls", func(h *container.HostConfig) { h.Sysctls = map[string]string{"net.ipv4.ping_group_range": "0 0"} }),
		host("no-restart", func(h *container.HostConfig) { h.RestartPolicy = container.RestartPolicy{Name: "always"} }),
		host("no-auto-remove", func(h *container.HostConfig) { h.AutoRemove = true }),
		host("no-engine-socket", func(h *container.HostConfig) {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: "/var/run/docker.sock", Target: "/engine.sock"})
		}),
		host("mounts", func(h *container.HostConfig) { at(h, "/data").ReadOnly = false }),
		host("own-mounts-readonly", func(h *container.HostConfig) { at(h, "/etc/passwd").ReadOnly = false }),
		host("home", func(h *container.HostConfig) { at(h, "/home").Source = other }),
		config("mounts", func(c *container.Config) { c.Volumes = map[string]struct{}{"/more": {}} }),
		host("image-volumes", func(h *container.HostConfig) { delete(h.Tmpfs, rig.StandinVolume) }),
		host("tmpfs", func(h *container.HostConfig) { h.Tmpfs["/more"] = "exec" }),
		host("masked-paths", func(h *container.HostConfig) { h.MaskedPaths = []string{} }),
		host("read-only-paths", func(h *container.HostConfig) { h.ReadonlyPaths = []string{} }),
		{"own-network joined-networks", func(b *body) {
			b.Host.NetworkMode = "bridge"
			b.Net.EndpointsConfig = nil
		}},
		host("loopback-ports", func(h *container.HostConfig) {
			for port := range h.PortBindings {
				h.PortBindings[port] = []nat.PortBinding{{HostIP: "0.0.0.0", HostPort: h.PortBindings[port][0].HostPort}}
			}
		}),
		host("no-publish-all", func(h *container.HostConfig) { h.PublishAllPorts = true }),
		config("hostname", func(c *container.Config) { c.Hostname = "bank" }),
		host("extra-hosts", func(h *container.HostConfig) { h.ExtraHosts = append(h.ExtraHosts, "bank:127.0.0.1") }),
		host("dns", func(h *container.HostConfig) { h.DNS = []string{"192.0.2.1"} }),
		host("dns-search", func(h *container.HostConfig) { h.DNSSearch = []string{"example.test"} }),
		host("limit-memory", func(h *container.HostConfig) { h.Memory = h.MemorySwap / 2 }),
		host("limit-swap", func(h *container.HostConfig) { h.MemorySwap *= 2 }),
		host("limit-cpus", func(h *container.HostConfig) { h.NanoCPUs = 0 }),
		host("limit-cpu-shares", func(h *container.HostConfig) { h.CPUShares = 2048 }),
		host("limit-pids", func(h *container.HostConfig) { h.PidsLimit = ptr(int64(100000)) }),
		host("limit-nofile", func(h *container.HostConfig) { h.Ulimits = limited(h.Ulimits, "nofile", 17000) }),
		host("limit-core", func(h *container.HostConfig) { h.Ulimits = limited(h.Ulimits, "core", 1<<20) }),
		host("limit-others", func(h *container.HostConfig) { h.Ulimits = limited(h.Ulimits, "nproc", 4000) }),
		host("limit-shm", func(h *container.HostConfig) { h.ShmSize = 1 << 30 }),
		host("limit-log", func(h *container.HostConfig) { h.LogConfig = container.LogConfig{Type: "json-file"} }),
		host("oom-score", func(h *container.HostConfig) { h.OomScoreAdj = 0 }),
		host("oom-kill", func(h *container.HostConfig) { h.OomKillDisable = ptr(true) }),
	}
}

// untouchable are the rules that no change of a container can break.
var untouchable = map[string]string{
	"engine-closed":   "is about the engine's address",
	"lsm":             "this engine may have none; where it has, the row seccomp's way is the same",
	"bridge-options":  "is the network's: TestSofteningTheNetwork",
	"joined-networks": "is the network's: TestSofteningTheNetwork",
}

func ptr[T any](v T) *T { return &v }

func without(list []string, what string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.HasPrefix(s, what) })
}

func at(h *container.HostConfig, target string) *mount.Mount {
	return &h.Mounts[slices.IndexFunc(h.Mounts, func(m mount.Mount) bool { return m.Target == target })]
}

func limited(list []*units.Ulimit, name string, value int64) []*units.Ulimit {
	out := slices.DeleteFunc(slices.Clone(list), func(u *units.Ulimit) bool { return u.Name == name })
	return append(out, &units.Ulimit{Name: name, Soft: value, Hard: value})
}

// TestSofteningOneRule: whatever one field is changed by hand, exactly that rule fails.
func TestSofteningOneRule(t *testing.T) {
	s := launch(t, rig.Standin(t))
	docker, ctx := rig.Docker(t), rig.Context(t)
	other, image := another(t, docker, s), rig.Standin(t, "-delay", "1ms")
	original := readBack(t, docker, s.Name)
	rows := soften(other, image)
	for _, row := range rows {
		t.Run(row.rules, func(t *testing.T) {
			changed := original.copy(t)
			row.change(&changed)
			replace(t, ctx, docker, s.Name, changed)
			want := strings.Fields(row.rules)
			if got := broken(t, s, 5); !slices.Equal(sorted(got), sorted(want)) {
				t.Errorf("these rules fail: %v", got)
			}
		})
	}
	replace(t, ctx, docker, s.Name, original)
	if got := broken(t, s, 0); len(got) > 0 {
		t.Errorf("as it was, these rules fail: %v", got)
	}
	covered := map[string]bool{}
	for _, row := range rows {
		for _, rule := range strings.Fields(row.rules) {
			covered[rule] = true
		}
	}
	for _, rule := range hardening.Rules(hardening.Standard) {
		if !covered[rule.ID] && untouchable[rule.ID] == "" {
			t.Errorf("%s: nothing here softens it", rule.ID)
		}
	}
}

// TestSofteningTheNetwork: the same for what is not the container's own.
func TestSofteningTheNetwork(t *testing.T) {
	s := launch(t, rig.Starter)
	docker, ctx := rig.Docker(t), rig.Context(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	own := sandbox.OwnNetwork(s.Name)
	seen, err := docker.NetworkInspect(ctx, own, network.InspectOptions{})
	must(err)
	mine := map[string]string{sandbox.LabelOwner: s.Owner}
	extra, err := docker.NetworkCreate(ctx, s.Name+"-extra", network.CreateOptions{Labels: mine})
	must(err)
	defer func() { must(docker.NetworkRemove(context.Background(), extra.ID)) }()
	must(docker.NetworkConnect(ctx, extra.ID, sandbox.ContainerName(s.Name), nil))
	if got := broken(t, s, 5); !slices.Equal(got, []string{"joined-networks"}) {
		t.Errorf("joined to another network, these rules fail: %v", got)
	}
	must(docker.NetworkDisconnect(ctx, extra.ID, sandbox.ContainerName(s.Name), true))

	b := readBack(t, docker, s.Name)
	must(docker.ContainerRemove(ctx, sandbox.ContainerName(s.Name), container.RemoveOptions{Force: true}))
	must(docker.NetworkRemove(ctx, own))
	options := maps.Clone(seen.Options)
	options["com.docker.network.bridge.enable_icc"] = "true"
	_, err = docker.NetworkCreate(ctx, own, network.CreateOptions{Driver: seen.Driver, IPAM: &seen.IPAM, Options: options, Labels: seen.Labels})
	must(err)
	create(t, ctx, docker, s.Name, b)
	if got := broken(t, s, 5); !slices.Equal(got, []string{"bridge-options"}) {
		t.Errorf("with neighbours on its bridge, these rules fail: %v", got)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// broken gives the rules that an audit finds broken, and looks that its code says so.
func broken(t *testing.T, s up, code int) []string {
	t.Helper()
	r := s.Berth("audit", s.Name, "--json")
	var a audit
	r.JSON(&a)
	var rules []string
	for _, f := range a.Findings {
		if !f.Good() {
			rules = append(rules, f.Rule)
		}
	}
	if r.Code != code {
		t.Errorf("the audit's exit code is %d, want %d; broken: %v", r.Code, code, rules)
	}
	return rules
}

// another makes a container and a volume that do nothing but be there, under one name.
func another(t *testing.T, docker *client.Client, s up) string {
	t.Helper()
	b := readBack(t, docker, s.Name)
	name := s.Name + "-other"
	made, err := docker.ContainerCreate(rig.Context(t), &container.Config{Image: b.Config.Image, Labels: map[string]string{sandbox.LabelOwner: s.Owner}},
		&container.HostConfig{NetworkMode: b.Host.NetworkMode, Tmpfs: map[string]string{rig.StandinVolume: ""}}, nil, nil, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = docker.VolumeRemove(context.Background(), name, true) // one row makes it
		if err := docker.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	if err := docker.ContainerStart(rig.Context(t), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return name
}

type endpoint = network.EndpointSettings

// readBack gives what the engine would need to make the sandbox's container once more.
func readBack(t *testing.T, docker *client.Client, name string) body {
	t.Helper()
	seen, err := docker.ContainerInspect(rig.Context(t), sandbox.ContainerName(name))
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]*network.EndpointSettings{}
	for network, end := range seen.NetworkSettings.Networks {
		// From the short id on they are the engine's own.
		asked := max(0, slices.Index(end.Aliases, seen.ID[:12]))
		ends[network] = &endpoint{Aliases: end.Aliases[:asked]}
	}
	return body{seen.Config, seen.HostConfig, &network.NetworkingConfig{EndpointsConfig: ends}}
}

// copy goes through and through: rows change a body in depth.
func (b body) copy(t *testing.T) body {
	t.Helper()
	var out body
	text, err := json.Marshal(b)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// replace makes the container anew.
func replace(t *testing.T, ctx context.Context, docker *client.Client, name string, b body) {
	t.Helper()
	err := docker.ContainerRemove(ctx, sandbox.ContainerName(name), container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) {
		t.Fatal(err)
	}
	create(t, ctx, docker, name, b)
}

// create makes the container and starts it. One that cannot start here is audited as it is.
func create(t *testing.T, ctx context.Context, docker *client.Client, name string, b body) {
	t.Helper()
	made, err := docker.ContainerCreate(ctx, b.Config, b.Host, b.Net, nil, sandbox.ContainerName(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		t.Log("not started: ", err)
	}
}
