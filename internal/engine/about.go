package engine

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/system"

	"berth/internal/sandbox"
)

// Describe tells what the engine is and can do; it runs binaries on the engine's side, so it is for doctor and plans.
func (e *Engine) Describe(ctx context.Context) (sandbox.Engine, error) {
	var info system.Info
	var version types.Version
	err := together([]func() error{
		func() (err error) { info, err = e.docker.Info(ctx); return err },
		func() (err error) { version, err = e.docker.ServerVersion(ctx); return err },
	})
	if err != nil {
		return sandbox.Engine{}, e.explain(e.at.label, err)
	}
	return e.observeEngine(info, version), nil
}

func (e *Engine) observeEngine(info system.Info, version types.Version) sandbox.Engine {
	out := sandbox.Engine{
		Version: version.Version, API: e.dialect.api, Endpoint: e.at.Host, Remote: e.at.remote(),
		OS: version.Os, Arch: goArch(version.Arch), Kernel: version.KernelVersion, OperatingSystem: info.OperatingSystem,
		CPUs: info.NCPU, Memory: info.MemTotal, CgroupVersion: info.CgroupVersion,
		Runtimes: sortedKeys(info.Runtimes), DefaultRuntime: info.DefaultRuntime, RootDir: info.DockerRootDir,
		CanLimitMemory: info.MemoryLimit, CanLimitCPU: info.CPUCfsQuota, CanLimitPids: info.PidsLimit, Warnings: info.Warnings,
	}
	for _, option := range info.SecurityOptions {
		name, _, _ := strings.Cut(strings.TrimPrefix(option, "name="), ",")
		out.Security = append(out.Security, name)
	}
	for _, c := range version.Components {
		if c.Name == "runc" {
			out.RuncVersion = c.Version
		}
	}
	if !out.Remote {
		out.NofileMax = e.nofileMax()
	}
	out.Kind = e.kindOf(out)
	if out.Kind == sandbox.PodmanRootless && out.CgroupVersion == "1" { // it says it can, and drops every limit in silence
		out.CanLimitMemory, out.CanLimitCPU, out.CanLimitPids = false, false, false
	}
	return out
}

func (e *Engine) kindOf(about sandbox.Engine) sandbox.EngineKind {
	has := func(name string) bool { return slices.Contains(about.Security, name) }
	switch {
	case e.dialect.podman && has("rootless"):
		return sandbox.PodmanRootless
	case e.dialect.podman:
		return sandbox.Podman
	case strings.Contains(about.OperatingSystem, "Docker Desktop"):
		return sandbox.DockerDesktop
	case has("rootless"):
		return sandbox.DockerRootless
	case has("userns"):
		return sandbox.DockerUserns
	}
	return sandbox.Docker
}

// goArch translates what uname says, which Info uses, into Go's words, which Version uses.
func goArch(arch string) string {
	switch arch {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return arch
}

// nofileMax reads the hard limit of open files of a daemon on this machine, 0 if that cannot be known. A daemon that
// may not raise limits fails at start with more.
func (e *Engine) nofileMax() int64 {
	socket, _ := strings.CutPrefix(e.at.Host, "unix://")
	pid, err := os.ReadFile(strings.TrimSuffix(socket, ".sock") + ".pid")
	if err != nil {
		return 0
	}
	process := filepath.Join("/proc", strings.TrimSpace(string(pid)))
	name, err := os.ReadFile(filepath.Join(process, "comm"))
	if err != nil || strings.TrimSpace(string(name)) != "dockerd" {
		return 0
	}
	limits, err := os.ReadFile(filepath.Join(process, "limits"))
	if err != nil {
		return 0
	}
	return hardLimit(string(limits), "Max open files")
}

// hardLimit finds a row of /proc/PID/limits: name, soft, hard, unit; 0 also for "unlimited".
func hardLimit(table, row string) int64 {
	for line := range strings.Lines(table) {
		if rest, ok := strings.CutPrefix(line, row); ok {
			if fields := strings.Fields(rest); len(fields) > 1 {
				hard, _ := strconv.ParseInt(fields[1], 10, 64)
				return hard
			}
		}
	}
	return 0
}
