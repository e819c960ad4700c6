package hardening

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"berth/internal/sandbox"
)

type hardeningCase struct {
	spec, hardened sandbox.Spec
	profile        Profile
	giveUp         []GiveUp
	facts          Facts
}

func anyProfile(t *rapid.T) Profile { return rapid.SampledFrom(Profiles()).Draw(t, "profile") }

func anyCase(t *rapid.T) hardeningCase { return anyCaseOf(t, anyProfile(t)) }

func anyCaseOf(t *rapid.T, p Profile) hardeningCase {
	c := hardeningCase{spec: anySpec(t), profile: p, facts: anyFacts(t)}
	if rapid.IntRange(0, 3).Draw(t, "give up") == 0 {
		c.giveUp = []GiveUp{{Rule: "limit-nofile", Value: "256"}, {Rule: "cap-drop"}}
	}
	if policies[p].rank >= policies[Strict].rank {
		c.facts.Engine.CanLimitCPU = true // else refused
	}
	if p == Compat {
		makeReadOnly(&c.spec)
	}
	c.harden(t)
	return c
}

func makeReadOnly(s *spec) {
	for i := range s.Mounts {
		s.Mounts[i].ReadOnly = s.Mounts[i].ReadOnly || s.Mounts[i].Kind == sandbox.Bind
	}
}

func (c *hardeningCase) harden(t interface{ Fatal(...any) }) {
	var err error
	c.hardened, _, err = Harden(c.spec, c.profile, c.giveUp, c.facts)
	if err != nil {
		t.Fatal(err)
	}
}

// direct asks for a bridge with NAT, as the planner does for a user who wants egress direct.
func (c *hardeningCase) direct() {
	c.facts.Reach.Egress = Direct
	c.spec.Network.Mode = sandbox.OwnNetwork(c.spec.Name)
	c.giveUp = Asked(c.spec, c.profile, c.giveUp, c.facts, func(string) string { return "egress" })
}

func plainCase(t *testing.T, p Profile) hardeningCase {
	t.Helper()
	c := hardeningCase{profile: p, facts: Facts{Engine: modernEngine(), Image: image(), Networks: bridges(sandbox.Docker)}}
	c.spec = sandbox.Spec{
		Name: "shop", Image: sandbox.Image{Ref: "acme/agent:1", ID: imageDigest, Platform: "linux/amd64"},
		Mounts: []sandbox.Mount{
			{Kind: sandbox.Bind, Source: "/srv/shop", Target: "/workspace"},
			{Kind: sandbox.Bind, Source: "/srv/state/passwd", Target: "/etc/passwd", ReadOnly: true},
			{Kind: sandbox.Bind, Source: "/srv/cache/inside", Target: "/.berth/inside", ReadOnly: true},
		},
	}
	c.spec.Process.User = "1000:1000"
	c.spec.Network.Ports = []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("127.0.0.1:8010")}}
	if p == Compat {
		makeReadOnly(&c.spec)
	}
	c.harden(t)
	return c
}

var imageDigest = "sha256:" + strings.Repeat("9b1f42c0", 8)

func image() sandbox.LocalImage {
	return sandbox.LocalImage{
		Volumes: []string{"/tmp", "/var/lib/state"}, Entrypoint: []string{"/usr/bin/tini", "--"},
		Labels: map[string]string{"dev.berth.contract": "openhands", "maintainer": "me"},
	}
}

func modernEngine() sandbox.Engine {
	return sandbox.Engine{
		Kind: sandbox.Docker, Version: "28.5.2", API: "1.51", Endpoint: "unix:///var/run/docker.sock", Kernel: "6.1.0",
		CPUs: 8, Memory: 16 * gib, CgroupVersion: "2", Security: []string{"seccomp", "apparmor", "cgroupns"},
		Runtimes: []string{"runc"}, DefaultRuntime: "runc", RuncVersion: "1.3.6",
		CanLimitMemory: true, CanLimitCPU: true, CanLimitPids: true,
	}
}

func bridges(kind sandbox.EngineKind) []sandbox.NetworkInfo {
	n := OwnBridge("shop", sandbox.Engine{Kind: kind})
	return []sandbox.NetworkInfo{{Name: "bridge"}, {Name: n.Name, Options: n.Options}}
}

// anyFacts are of any engine that can run every profile but for what is unsupported.
func anyFacts(t *rapid.T) Facts {
	some := rapid.Bool()
	e := modernEngine()
	e.Kind = rapid.SampledFrom([]sandbox.EngineKind{
		sandbox.Docker, sandbox.DockerRootless, sandbox.DockerUserns, sandbox.Podman, sandbox.PodmanRootless, sandbox.DockerDesktop,
	}).Draw(t, "kind")
	e.Version = rapid.SampledFrom([]string{"20.10.24+dfsg1", "26.1.5", "28.5.2", ""}).Draw(t, "version")
	e.CPUs = rapid.IntRange(0, 64).Draw(t, "cpus")
	e.Memory = rapid.SampledFrom([]int64{0, 1 * gib, 16 * gib}).Draw(t, "memory")
	e.NofileMax = rapid.SampledFrom([]int64{0, 512, 1024, 5000, 1 << 20}).Draw(t, "nofile max")
	e.CanLimitMemory, e.CanLimitCPU, e.CanLimitPids = some.Draw(t, "can memory"), some.Draw(t, "can cpu"), some.Draw(t, "can pids")
	if some.Draw(t, "runsc") {
		e.Runtimes = []string{"runc", "runsc"}
	}
	if some.Draw(t, "no lsm") {
		e.Security = []string{"seccomp"}
	}
	return Facts{Engine: e, Image: image(), Networks: bridges(e.Kind)}
}

// anySpec is what a planner might hand over, and a good deal that it should not have.
func anySpec(t *rapid.T) sandbox.Spec {
	s := plainSpec()
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	word := func(name string, words ...string) string { return rapid.SampledFrom(append(words, "")).Draw(t, name) }
	number := func(name string) int64 { return rapid.SampledFrom([]int64{-1, 0, 1, 64, gib, 64 * gib}).Draw(t, name) }
	s.Privileged, s.PublishAllPorts, s.AutoRemove, s.OomKillDisable = flag("a"), flag("b"), flag("c"), flag("d")
	s.Process.TTY, s.Process.Init, s.ReadonlyRootfs, s.GPU = flag("e"), flag("f"), flag("g"), flag("h")
	s.PidMode, s.UTSMode, s.IpcMode = word("pid", "host"), word("uts", "host"), word("ipc", "host", "shareable")
	s.CgroupnsMode, s.UsernsMode, s.CgroupParent = word("cg", "host"), word("us", "host"), word("cp", "/x")
	s.Seccomp, s.AppArmor, s.Runtime = word("sec", "unconfined"), word("aa", "unconfined"), word("rt", "runsc", "x")
	s.Network.Hostname, s.Restart = word("hn", "laptop"), word("re", "always")
	s.Network.Mode = word("mode", "host", "bridge", "0berth-shop")
	s.Limits.Memory, s.Limits.MemorySwap, s.Limits.Pids = number("mem"), number("swap"), number("pids")
	s.Limits.NanoCPUs, s.Limits.CPUShares, s.Limits.Shm = number("cpus"), number("shares"), number("shm")
	if flag("lists") {
		s.CapAdd, s.CapDrop, s.Links, s.Devices = []string{"SYS_ADMIN"}, []string{"MKNOD"}, []string{"db"}, []string{"/dev/kvm"}
		s.MaskedPaths, s.ReadonlyPaths, s.Network.DNS = []string{}, []string{}, []string{"1.1.1.1"}
		s.Limits.Ulimits = []sandbox.Ulimit{{Name: "memlock", Soft: -1, Hard: -1}, {Name: "nofile", Soft: -1, Hard: 64}}
		s.Tmpfs = []sandbox.Tmpfs{{Target: "/cache", Exec: true, Size: gib, Mode: "1777"}, {Target: "/tmp", Size: 1}}
		s.Process.Entrypoint = []string{"/sbin/tini", "--", "server"}
		s.Labels["dev.berth.contract"] = "starter"
		s.Process.Health = &sandbox.Health{Command: []string{"/.berth/inside", "health", "8001"}, Interval: time.Hour}
	}
	return s
}

func plainSpec() sandbox.Spec {
	s := sandbox.Spec{
		Name: "shop", Image: sandbox.Image{Ref: "acme/agent:1", ID: imageDigest, Platform: "linux/amd64"},
		Labels: maps.Clone(map[string]string{"dev.berth.id": "0123456789abcdef"}),
		Mounts: []sandbox.Mount{
			{Kind: sandbox.Bind, Source: "/srv/shop", Target: "/workspace"},
			{Kind: sandbox.Bind, Source: "/srv/state/passwd", Target: "/etc/passwd", ReadOnly: true},
		},
	}
	s.Process.User = "1000:1000"
	s.Network.Ports = []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("127.0.0.1:0")}}
	return s
}
