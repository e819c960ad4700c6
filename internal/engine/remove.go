package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Remove takes an object away: a container by force with its anonymous volumes, a network, a volume, an image. What is
// not there is no failure; what is in use is a Conflict that says by whom.
func (e *Engine) Remove(ctx context.Context, kind sandbox.ObjectKind, name string) error {
	var err error
	switch kind {
	case sandbox.ContainerObject:
		err = e.removeContainer(ctx, name)
	case sandbox.NetworkObject:
		err = e.docker.NetworkRemove(ctx, name)
	case sandbox.VolumeObject:
		err = e.docker.VolumeRemove(ctx, name, false)
	case sandbox.ImageObject:
		_, err = e.docker.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
	default:
		return fault.New(fault.Failure, "", "%s: no such kind of object", kind)
	}
	if err == nil || notFound(err) {
		return nil
	}
	subject := string(kind) + " " + name
	if users := e.usersOf(ctx, kind, name); len(users) > 0 {
		return &fault.Fault{
			Kind: fault.Conflict, Cause: err, Hint: "remove what uses it first",
			Message: subject + ": in use by " + strings.Join(users, ", "),
		}
	}
	return e.explain(subject, err)
}

// removeContainer leaves extra networks first: else the engine programs every published port anew for each of them
// (5.1 against 2.2 times a plain removal). A removal that is under way elsewhere is waited for.
func (e *Engine) removeContainer(ctx context.Context, id string) error {
	c, err := e.docker.ContainerInspect(ctx, id)
	if err != nil {
		return err
	}
	if c.NetworkSettings != nil && c.HostConfig != nil && c.State != nil && c.State.Running {
		e.leaveExtras(ctx, c.ID, string(c.HostConfig.NetworkMode), c.NetworkSettings.Networks)
	}
	err = e.docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || !strings.Contains(err.Error(), "is already in progress") {
		return err
	}
	gone, failed := e.docker.ContainerWait(ctx, c.ID, container.WaitConditionRemoved)
	select {
	case <-gone:
		return nil
	case err := <-failed:
		return err
	}
}

// leaveExtras only saves time: the removal that follows tells what is wrong, if anything is.
func (e *Engine) leaveExtras(ctx context.Context, id, first string, joined map[string]*network.EndpointSettings) {
	if len(joined) < 2 {
		return
	}
	for name := range joined {
		if name != first {
			_ = e.docker.NetworkDisconnect(ctx, name, id, true)
		}
	}
}

// usersOf names the containers that keep a network or a volume.
func (e *Engine) usersOf(ctx context.Context, kind sandbox.ObjectKind, name string) []string {
	var users []string
	switch kind {
	case sandbox.NetworkObject:
		n, err := e.docker.NetworkInspect(ctx, name, network.InspectOptions{})
		if err != nil {
			return nil
		}
		for _, endpoint := range n.Containers {
			users = append(users, "container "+endpoint.Name)
		}
	case sandbox.VolumeObject:
		list, err := e.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("volume", name))})
		if err != nil {
			return nil
		}
		users = namesOf(list)
	}
	slices.Sort(users)
	return users
}
