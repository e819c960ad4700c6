package engine

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/api/types/volume"

	"berth/internal/sandbox"
)

// parallel bounds the requests that a survey makes at once.
const parallel = 8

// Observe reads what the engine has, all at once; refs are the images the plan may need. It takes as long as its
// slowest question, Info (8 ms on Docker 20.10): lists of sandboxes alone come from Sandboxes.
func (e *Engine) Observe(ctx context.Context, refs ...string) (sandbox.Observation, error) {
	var (
		out      sandbox.Observation
		info     system.Info
		version  types.Version
		networks []network.Summary
		volumes  volume.ListResponse
		list     []container.Summary
		found    []container.InspectResponse
		images   = make([]sandbox.LocalImage, len(refs))
	)
	questions := []func() error{
		func() (err error) { info, err = e.docker.Info(ctx); return err },
		func() (err error) { version, err = e.docker.ServerVersion(ctx); return err },
		func() (err error) { networks, err = e.docker.NetworkList(ctx, network.ListOptions{}); return err },
		func() (err error) { volumes, err = e.docker.VolumeList(ctx, volume.ListOptions{}); return err },
		func() (err error) {
			if list, err = e.docker.ContainerList(ctx, container.ListOptions{All: true}); err != nil {
				return err
			}
			found, err = e.inspectAll(ctx, ours(list))
			return err
		},
	}
	for i, ref := range refs {
		questions = append(questions, func() (err error) { images[i], err = e.localImage(ctx, ref); return err })
	}
	if err := together(questions); err != nil {
		return sandbox.Observation{}, e.explain(e.at.label, err)
	}
	e.runtime.Store(&info.DefaultRuntime)
	out.Engine, out.Sandboxes = e.observeEngine(info, version), e.observeAll(found)
	out.Networks, out.Volumes, out.Containers = observeNetworks(networks), observeVolumes(volumes), labelsOf(list)
	out.Images = map[string]sandbox.LocalImage{}
	for i, ref := range refs {
		if images[i].ID != "" {
			out.Images[ref] = images[i]
		}
	}
	return out, nil
}

// Sandboxes reads back the containers with a berth label, of every owner: two round trips, for lists.
func (e *Engine) Sandboxes(ctx context.Context) ([]sandbox.Observed, error) {
	list, err := e.docker.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", sandbox.LabelSandbox)),
	})
	if err != nil {
		return nil, e.explain(e.at.label, err)
	}
	found, err := e.inspectAll(ctx, list)
	return e.observeAll(found), e.explain(e.at.label, err)
}

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

// inspectAll inspects at once; a container that is gone meanwhile is left out.
func (e *Engine) inspectAll(ctx context.Context, list []container.Summary) ([]container.InspectResponse, error) {
	found := make([]container.InspectResponse, len(list))
	var questions []func() error
	for i, c := range list {
		questions = append(questions, func() (err error) {
			found[i], err = e.docker.ContainerInspect(ctx, c.ID)
			return absent(err)
		})
	}
	err := together(questions)
	return slices.DeleteFunc(found, func(c container.InspectResponse) bool { return c.ContainerJSONBase == nil }), err
}

// observeAll reads containers back, in the order of their names.
func (e *Engine) observeAll(found []container.InspectResponse) []sandbox.Observed {
	var out []sandbox.Observed
	for _, c := range found {
		out = append(out, e.observe(c))
	}
	slices.SortStableFunc(out, func(a, b sandbox.Observed) int { return strings.Compare(a.Spec.Name, b.Spec.Name) })
	return out
}

// observe reads a container back as this engine tells it.
func (e *Engine) observe(c container.InspectResponse) sandbox.Observed {
	if e.dialect.podman {
		likeDocker(&c)
		if c.HostConfig != nil {
			e.readFilters(c.HostConfig.SecurityOpt)
		}
	}
	return observe(c, e.defaultRuntime())
}

// defaultRuntime is the OCI runtime that the engine takes when none is asked for; "" before it was told.
func (e *Engine) defaultRuntime() string {
	if name := e.runtime.Load(); name != nil {
		return *name
	}
	return ""
}

// localImage gives the zero image when there is none.
func (e *Engine) localImage(ctx context.Context, ref string) (sandbox.LocalImage, error) {
	found, err := e.docker.ImageInspect(ctx, ref)
	if err != nil {
		return sandbox.LocalImage{}, absent(err)
	}
	return observeImage(ref, found), nil
}

// absent makes "there is none" an answer.
func absent(err error) error {
	if notFound(err) {
		return nil
	}
	return err
}

// together asks all questions at once, a few at a time, and gives the first error in their order.
func together(questions []func() error) error {
	errs := make([]error, len(questions))
	gate := make(chan struct{}, parallel)
	var wait sync.WaitGroup
	for i, ask := range questions {
		wait.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			errs[i] = ask()
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func ours(list []container.Summary) []container.Summary {
	return slices.DeleteFunc(slices.Clone(list), func(c container.Summary) bool {
		_, has := c.Labels[sandbox.LabelSandbox]
		return !has
	})
}

func labelsOf(list []container.Summary) []sandbox.ContainerLabels {
	var out []sandbox.ContainerLabels
	for _, c := range list {
		if len(c.Names) > 0 {
			out = append(out, sandbox.ContainerLabels{Name: strings.TrimPrefix(c.Names[0], "/"), Labels: c.Labels})
		}
	}
	slices.SortFunc(out, func(a, b sandbox.ContainerLabels) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func observeNetworks(list []network.Summary) []sandbox.NetworkInfo {
	var out []sandbox.NetworkInfo
	for _, n := range list {
		info := sandbox.NetworkInfo{
			ID: n.ID, Name: n.Name, Driver: n.Driver, Scope: n.Scope, Internal: n.Internal, Attachable: n.Attachable,
			ConfigOnly: n.ConfigOnly, IPv6: n.EnableIPv6, Labels: n.Labels, Options: n.Options,
		}
		for _, c := range n.IPAM.Config {
			if subnet, err := netip.ParsePrefix(c.Subnet); err == nil {
				info.Subnets = append(info.Subnets, subnet)
			}
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b sandbox.NetworkInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func observeVolumes(list volume.ListResponse) []sandbox.VolumeInfo {
	var out []sandbox.VolumeInfo
	for _, v := range list.Volumes {
		out = append(out, sandbox.VolumeInfo{
			Name: v.Name, Driver: v.Driver, Options: v.Options, Labels: v.Labels, Created: parseTime(v.CreatedAt),
		})
	}
	slices.SortFunc(out, func(a, b sandbox.VolumeInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
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
