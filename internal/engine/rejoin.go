package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/network"

	"berth/internal/fault"
)

// lostNetwork tells of a start that failed since a network is not there under the ID by which the container knows it.
func lostNetwork(text string) bool {
	return strings.Contains(text, "network ") && strings.Contains(text, " not found")
}

// rejoin joins a container anew to networks that were removed and made again under their names while it was stopped:
// the engine keeps an endpoint's network by ID. Names are compared here, since the engine also takes parts of IDs.
func (e *Engine) rejoin(ctx context.Context, id string) error {
	c, err := e.docker.ContainerInspect(ctx, id)
	if err != nil || c.NetworkSettings == nil {
		return e.explain(id, err)
	}
	all, err := e.docker.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return e.explain(id, err)
	}
	for name, settings := range c.NetworkSettings.Networks {
		i := slices.IndexFunc(all, func(n network.Summary) bool { return n.Name == name })
		if i < 0 {
			return fault.New(fault.NotFound, "start what made it, or leave it out: berth up --recreate",
				"network %s: it was removed since the sandbox was made", name)
		}
		if settings == nil || settings.NetworkID == all[i].ID {
			continue
		}
		if err := e.docker.NetworkDisconnect(ctx, name, c.ID, true); err != nil && !notFound(err) {
			return e.explain("network "+name, err)
		}
		again := translateEndpoint(observeEndpoint(name, settings, c.ID), e.dialect)
		if err := e.docker.NetworkConnect(ctx, name, c.ID, again); err != nil {
			return e.explain("network "+name, err)
		}
	}
	return nil
}
