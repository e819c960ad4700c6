package engine

import (
	"context"
	"maps"
	"net/netip"
	"slices"
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
			if list, err = e.list(ctx, container.ListOptions{All: true}); err != nil {
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
	out.Networks, out.Volumes, out.Containers = observeNetworks(networks), observeVolumes(volumes), observeContainers(list)
	out.Images = map[string]sandbox.LocalImage{}
	for i, ref := range refs {
		if images[i].ID != "" {
			out.Images[ref] = images[i]
		}
	}
	return out, nil
}

// ListNetworks reads the networks alone: a millisecond, where Info takes ten.
func (e *Engine) ListNetworks(ctx context.Context) ([]sandbox.NetworkInfo, error) {
	networks, err := e.docker.NetworkList(ctx, network.ListOptions{})
	return observeNetworks(networks), e.explain(e.at.label, err)
}

// Sandboxes reads back the containers with a berth label, of every owner: two round trips, for lists.
func (e *Engine) Sandboxes(ctx context.Context) ([]sandbox.Observed, error) {
	list, err := e.list(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", sandbox.LabelSandbox)),
	})
	if err != nil {
		return nil, e.explain(e.at.label, err)
	}
	found, err := e.inspectAll(ctx, list)
	return e.observeAll(found), e.explain(e.at.label, err)
}

// listTries is how often a list is asked for anew: Podman gives none at all when a container goes while it is made.
const listTries = 5

func (e *Engine) list(ctx context.Context, o container.ListOptions) (found []container.Summary, err error) {
	for range listTries {
		found, err = e.docker.ContainerList(ctx, o)
		if err == nil || !e.dialect.podman || !strings.Contains(err.Error(), "no such container") {
			break
		}
	}
	return found, err
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

func observeContainers(list []container.Summary) []sandbox.Container {
	var out []sandbox.Container
	for _, c := range list {
		if len(c.Names) == 0 {
			continue
		}
		seen := sandbox.Container{Name: strings.TrimPrefix(c.Names[0], "/"), Labels: c.Labels, Running: c.State == container.StateRunning}
		if c.NetworkSettings != nil {
			seen.Networks = slices.Sorted(maps.Keys(c.NetworkSettings.Networks))
		}
		for _, p := range c.Ports {
			if p.Type == "tcp" {
				seen.Ports = append(seen.Ports, p.PrivatePort)
			}
		}
		slices.Sort(seen.Ports)
		seen.Ports = slices.Compact(seen.Ports)
		out = append(out, seen)
	}
	slices.SortFunc(out, func(a, b sandbox.Container) int { return strings.Compare(a.Name, b.Name) })
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
