package engine

import (
	"context"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// CreateNetwork makes a bridge. A subnet that is in use is a Conflict.
func (e *Engine) CreateNetwork(ctx context.Context, n sandbox.NetworkSpec) error {
	subject := "network " + n.Name
	noIPv6 := false
	options := network.CreateOptions{
		Driver: "bridge", EnableIPv6: &noIPv6, Internal: n.Internal, Options: n.Options, Labels: n.Labels,
	}
	if n.Subnet != "" {
		options.IPAM = &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: n.Subnet}}}
	}
	return e.whole(ctx, subject, sandbox.NetworkObject, func(ctx context.Context) (string, error) {
		made, err := e.docker.NetworkCreate(ctx, n.Name, options)
		return made.ID, e.explain(subject, err)
	})
}

// CreateVolume makes an empty volume, or takes the one of this name that the same sandbox already has. A volume of
// anybody else, or one that is a folder of the host in disguise, is a Conflict.
func (e *Engine) CreateVolume(ctx context.Context, name string, labels map[string]string) error {
	subject := "volume " + name
	_, err := e.docker.VolumeInspect(ctx, name)
	if err != nil && !notFound(err) {
		return e.explain(subject, err)
	}
	existed := err == nil
	return e.whole(ctx, subject, sandbox.VolumeObject, func(ctx context.Context) (string, error) {
		v, err := e.docker.VolumeCreate(ctx, volume.CreateOptions{Name: name, Driver: "local", Labels: labels})
		if err != nil {
			return "", e.explain(subject, err)
		}
		foreign := v.Driver != "local" || len(v.Options) > 0
		for _, label := range []string{sandbox.LabelSandbox, sandbox.LabelOwner} {
			foreign = foreign || v.Labels[label] != labels[label]
		}
		if foreign {
			return "", fault.New(fault.Conflict, "docker volume rm "+name+", or choose another name for the sandbox",
				"%s: there already is one, and it is not this sandbox's", subject)
		}
		if existed {
			return "", nil // what was there before is not taken away when ctx ends
		}
		return name, nil
	})
}
