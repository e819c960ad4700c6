package hardening

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/sandbox"
)

func TestWhatIsSaidOfEnginesThatExist(t *testing.T) {
	modern := modernEngine()
	modern.RuncVersion, modern.Version, modern.API = "1.5.3", "29.1.0", "1.52"
	rootless := modern
	rootless.Kind, rootless.CanLimitCPU, rootless.CanLimitMemory, rootless.CanLimitPids = sandbox.DockerRootless, false, false, false
	podman := sandbox.Engine{
		Kind: sandbox.Podman, Version: "4.3.1", API: "1.41", Kernel: "6.1.0", Security: []string{"seccomp", "apparmor"},
		CanLimitMemory: true, CanLimitCPU: true, CanLimitPids: true, CgroupVersion: "2",
	}
	desktop := modern
	desktop.Kind, desktop.OperatingSystem = sandbox.DockerDesktop, "Docker Desktop 4.40.0 (187762)"
	bare := modern
	bare.Endpoint, bare.Security, bare.Kind = "tcp://192.0.2.7:2375", nil, sandbox.DockerUserns
	bare.Remote = true
	for name, c := range map[string]struct {
		engine sandbox.Engine
		want   string
	}{
		"Debian 12": {debian(), `runc-2024-21626 runc-2025-31133 loopback-open bridge-open runc-2026-41579 no-lsm dns-leak
			no-checkpoint one-endpoint no-gateway-priority ro-not-recursive cgroup-v1`},
		"the newest":           {modern, ""},
		"rootless":             {rootless, "no-cpu-limit no-memory-limit no-pids-limit"},
		"Podman":               {podman, "podman-open one-endpoint no-gateway-priority"},
		"an old Desktop":       {desktop, "desktop-api"},
		"open, bare, remapped": {bare, "no-seccomp open-tcp userns-remap remote no-lsm"},
	} {
		var have []string
		for _, g := range Gates(c.engine) {
			have = append(have, g.ID)
		}
		if !slices.Equal(have, strings.Fields(c.want)) {
			t.Errorf("%s: %s", name, strings.Join(have, " "))
		}
	}
}

func TestGatesAreInTheOrderOfTheirSeverity(t *testing.T) {
	order := []Severity{Refuse, Danger, Warn, Note}
	if !slices.IsSortedFunc(gates, func(a, b Gate) int { return slices.Index(order, a.Severity) - slices.Index(order, b.Severity) }) {
		t.Error("they are not")
	}
	for _, g := range gates {
		if g.Fact == "" || g.Berth == "" || (g.Severity != Note && g.Severity != Warn && g.Fix == "") {
			t.Errorf("%s says too little", g.ID)
		}
	}
}

func TestAFixPerBranch(t *testing.T) {
	for _, c := range []struct {
		version string
		fixes   string
		before  bool
	}{
		{"1.1.11", "1.1.12", true}, {"1.1.12", "1.1.12", false}, {"1.2.0", "1.1.12", false}, {"1.1.5+ds1", "1.1.12", true},
		{"1.1.99", "1.2.8 1.3.3", true}, {"1.2.7", "1.2.8 1.3.3", true}, {"1.2.8", "1.2.8 1.3.3", false},
		{"1.3.2", "1.2.8 1.3.3", true}, {"1.3.3", "1.2.8 1.3.3", false}, {"1.4.0", "1.2.8 1.3.3", false},
		{"24.0.9", "23.0.11 25.0.5 26.0", true}, {"23.0.11", "23.0.11 25.0.5 26.0", false}, {"26.0.0", "23.0.11 25.0.5 26.0", false},
		{"20.10.24+dfsg1", "28.0", true}, {"28.0.0-rc.1", "28.0", false}, {"v28.5.2", "28.0", false}, {"1.47", "1.48", true},
		{"1.5", "1.48", true}, {"", "28.0", true}, {"unknown", "28.0", true}, {"6.1.0-18-cloud-amd64", "5.12", false},
	} {
		if have := before(c.version, strings.Fields(c.fixes)...); have != c.before {
			t.Errorf("%q before %s: %v", c.version, c.fixes, have)
		}
	}
}

// debian is what Debian 12 installs, without AppArmor and on control groups v1.
func debian() sandbox.Engine {
	return sandbox.Engine{
		Kind: sandbox.Docker, Version: "20.10.24+dfsg1", API: "1.41", Endpoint: "unix:///var/run/docker.sock",
		Kernel: "6.1.0-18-cloud-amd64", CgroupVersion: "1", Security: []string{"seccomp"}, RuncVersion: "1.1.5+ds1",
		Runtimes: []string{"io.containerd.runc.v2", "io.containerd.runtime.v1.linux", "runc"}, DefaultRuntime: "runc",
		CanLimitMemory: true, CanLimitCPU: true, CanLimitPids: true, NofileMax: 524288,
	}
}
