package launch

import (
	"context"
	"net/netip"
	"sync"

	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/network"
)

// runSteps is what each step does. Pull and load are not here: they come before the plan can be whole (see Up).
var runSteps = map[StepKind]func(*run, context.Context) error{
	StepNetwork: (*run).network,
	StepVolume:  (*run).volume,
	StepRelays:  (*run).relays,
	StepCreate:  (*run).create,
	StepHome:    (*run).home,
	StepStart:   (*run).start,
	StepTunnel:  (*run).tunnel,
	StepMounts:  (*run).mounts,
	StepAudit:   (*run).audit,
	StepReady:   (*run).ready,
	StepLinks:   (*run).prove,
}

// subnetTries is how many launches may win a subnet that this one had picked.
const subnetTries = 16

// network makes the sandbox's own bridge. Another launch may have taken the subnet since it was picked: then the next.
func (r *run) network(ctx context.Context) error {
	n := *r.plan.Network
	r.removes(sandbox.NetworkObject, n.Name)
	var lost []netip.Prefix
	for {
		err := r.Runtime.CreateNetwork(ctx, n)
		if err == nil || fault.KindOf(err) != fault.Conflict || len(lost) == subnetTries {
			return err
		}
		now, gone := r.Runtime.ListNetworks(ctx)
		taken, bad := netip.ParsePrefix(n.Subnet)
		if gone != nil || bad != nil {
			return err
		}
		lost = append(lost, taken)
		next, full := network.PickSubnet(r.plan.SubnetPool, append(used(now, n.Name), lost...), r.Host.Routes)
		if full != nil {
			return full
		}
		n.Subnet = next.Prefix.String()
	}
}

// volume makes the home, or makes sure that the one which is there is this user's. It is only taken back when this launch made it: a home holds the user's work.
func (r *run) volume(ctx context.Context) error {
	name := sandbox.HomeVolume(r.plan.Spec.Name)
	if !hasVolume(r.before, name) {
		r.removes(sandbox.VolumeObject, name)
	}
	return r.Runtime.CreateVolume(ctx, name, r.plan.Spec.Labels)
}

func (r *run) create(ctx context.Context) error {
	if err := r.writeFiles(ctx, r.plan); err != nil {
		return err
	}
	if err := r.mountpoints(); err != nil {
		return err
	}
	r.removes(sandbox.ContainerObject, sandbox.ContainerName(r.plan.Spec.Name))
	var preparing sync.WaitGroup
	if len(r.plan.Spec.Network.Ports) == 0 {
		preparing.Go(func() { r.opening = r.Reach.Prepare(r.plan.Spec.Name) })
	}
	id, err := r.Runtime.Create(ctx, r.plan.Spec)
	preparing.Wait()
	if r.id = id; err == nil {
		close(r.created)
	}
	return err
}

// home makes the user's own home in the volume, which a new volume gives to root; of an old one it makes sure that it is
// the user's.
func (r *run) home(ctx context.Context) error {
	p := r.plan
	folder := sandbox.Folder{
		Volume: sandbox.HomeVolume(p.Spec.Name), Parent: "home", Name: "agent", Arch: p.Arch, UID: p.User.UID, GID: p.User.GID, Mode: 0o700,
	}
	if !hasVolume(r.before, folder.Volume) {
		if filled, err := r.Runtime.FillVolume(ctx, folder, p.Spec.Labels); filled || err != nil {
			return err
		}
	}
	select {
	case <-r.created:
	case <-ctx.Done():
		return ctx.Err()
	}
	return r.Runtime.PutFolder(ctx, r.id, folder)
}

func (r *run) start(ctx context.Context) error {
	if err := r.hold(); err != nil {
		return err
	}
	if err := r.Runtime.Start(ctx, r.id); err != nil {
		return err
	}
	seen, err := r.Runtime.Inspect(ctx, r.id)
	if err != nil {
		return err
	}
	r.seen = seen
	if seen.State != sandbox.Up && seen.State != sandbox.Starting {
		return r.ended(ctx, seen)
	}
	return nil
}

// tunnel opens the way into the sandbox: its gateway listens for the links before any of them is shown.
func (r *run) tunnel(ctx context.Context) error {
	name := r.plan.Spec.Name
	r.undo.add("gateway of "+name, func(ctx context.Context) error { return r.Reach.Close(ctx, name) })
	open := r.Reach.Open
	if r.opening != nil {
		open = r.opening.Join
	}
	how, err := open(ctx, r.seen)
	if err == nil {
		r.note(StepTunnel, "%s", how)
	}
	return err
}

// dropOpening ends a tunnel that waits for a start which does not come.
func (r *run) dropOpening() {
	if r.opening != nil {
		r.opening.Drop()
	}
}

// removes promises to take an object back if the launch fails. The promise comes before the call that makes it: a
// call that was cut off may still have worked.
func (r *run) removes(kind sandbox.ObjectKind, name string) {
	r.undo.add(string(kind)+" "+name, func(ctx context.Context) error {
		return r.removeOwn(ctx, kind, name)
	})
}
