package launch

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"berth/hardening"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// relayGrace is what a relay gets to end: it holds nothing that could be lost.
const relayGrace = time.Second

// relays starts the containers through which the sandbox reaches its sidecars. At a restart they are there already;
// one that is not as planned, or was removed by hand, is made anew.
func (r *run) relays(ctx context.Context) error {
	specs, err := r.relaySpecs(ctx)
	if err != nil {
		return err
	}
	r.plan.RelaySpecs = specs
	if err := r.amendPlan(func(kept *Plan) { kept.RelaySpecs = specs }); err != nil {
		return err
	}
	for _, s := range specs {
		if err := r.relay(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// relaySpecs are what the relays are made from, now that the sandbox's network has its range.
func (r *run) relaySpecs(ctx context.Context) ([]sandbox.Spec, error) {
	ref := r.Names["starter"]
	now, err := r.Runtime.Observe(ctx, ref)
	if err != nil {
		return nil, err
	}
	image, err := r.relayImage(ctx, now, ref)
	if err != nil {
		return nil, err
	}
	own := sandbox.OwnNetwork(r.plan.Spec.Name)
	subnet := ownRange(now, own)
	if !subnet.IsValid() {
		return nil, fault.New(fault.NotFound, "berth up --recreate", "network %s: it is gone", own)
	}
	var specs []sandbox.Spec
	for _, relay := range r.plan.Relays {
		specs = append(specs, relay.Spec(image, subnet, r.plan.Spec.Labels, now.Engine))
	}
	return specs, nil
}

// relayImage gives berth's own image, which holds the program and nothing else; where the engine has none it is loaded.
func (r *run) relayImage(ctx context.Context, now sandbox.Observation, ref string) (sandbox.Image, error) {
	key, err := r.StarterKey(r.plan.Arch)
	if err != nil {
		return sandbox.Image{}, err
	}
	local, here := now.Images[ref]
	if here && (key == "" || local.Labels[sandbox.LabelKey] == key) {
		return local.Image, nil
	}
	if err := r.loadStarter(ctx, r.plan.Arch); err != nil {
		return sandbox.Image{}, err
	}
	if now, err = r.Runtime.Observe(ctx, ref); err != nil {
		return sandbox.Image{}, err
	}
	if local, here = now.Images[ref]; !here {
		return sandbox.Image{}, fault.New(fault.Image, "berth image ls", "%s: the engine does not have it, although it was loaded", ref)
	}
	return local.Image, nil
}

// relay makes one relay run, unless it does.
func (r *run) relay(ctx context.Context, s sandbox.Spec) error {
	seen, err := r.Runtime.Inspect(ctx, sandbox.ContainerName(s.Name))
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return err
	case err == nil && !r.ours(seen):
		return fault.New(fault.Conflict, "berth up another name", "%s: somebody else has a container of that name", s.Name)
	case err == nil && len(sandbox.Diff(s, seen.Spec)) == 0:
		if seen.State == sandbox.Up {
			return nil
		}
		return r.Runtime.Start(ctx, seen.ID)
	case err == nil:
		if err := r.Runtime.Remove(ctx, sandbox.ContainerObject, seen.ID); err != nil {
			return err
		}
	}
	r.removes(sandbox.ContainerObject, sandbox.ContainerName(s.Name))
	id, err := r.Runtime.Create(ctx, s)
	if err != nil {
		return err
	}
	return r.Runtime.Start(ctx, id)
}

// relaysOf are the relays of a sandbox of this user's, as the engine has them.
func (l *Launcher) relaysOf(ctx context.Context, name string) ([]sandbox.Observed, error) {
	all, err := l.servants(ctx, name)
	return slices.DeleteFunc(all, func(o sandbox.Observed) bool { return o.Spec.Labels[sandbox.LabelKind] != sandbox.KindRelay }), err
}

// servants are all containers that serve a sandbox of this user's and are none.
func (l *Launcher) servants(ctx context.Context, name string) ([]sandbox.Observed, error) {
	all, err := l.Runtime.Sandboxes(ctx)
	return slices.DeleteFunc(all, func(o sandbox.Observed) bool {
		return !l.ours(o) || !o.Helper() || o.Spec.Labels[sandbox.LabelSandbox] != name
	}), err
}

// stopRelays ends a sandbox's relays once it is down. They let nobody in, so one that cannot be stopped is only told.
func (l *Launcher) stopRelays(ctx context.Context, of sandbox.Observed) error {
	if !of.OnOwnNetwork() {
		return nil
	}
	relays, err := l.relaysOf(ctx, of.Spec.Name)
	if err != nil {
		return err
	}
	for _, o := range relays {
		if err := l.Runtime.Signal(ctx, o.ID, sandbox.Stop, relayGrace); err != nil {
			l.Sink(event.Event{Time: time.Now().UTC(), Sandbox: of.Spec.Name, Step: string(StepRelays), Stage: event.Warning, Text: err.Error()})
		}
	}
	return nil
}

// removeServants takes a sandbox's relays away, and what a launch that died was reading its image through.
func (l *Launcher) removeServants(ctx context.Context, name string) error {
	list, err := l.servants(ctx, name)
	if err != nil {
		return err
	}
	for _, o := range list {
		if err := l.Runtime.Remove(ctx, sandbox.ContainerObject, o.ID); err != nil {
			return err
		}
	}
	return nil
}

// auditRelays compares a sandbox's relays with its plan; ok is false where it has none.
func (l *Launcher) auditRelays(ctx context.Context, p *Plan, seen sandbox.Observed) (f hardening.Finding, ok bool, err error) {
	if len(p.Relays) == 0 {
		return f, false, nil
	}
	relays, err := l.relaysOf(ctx, p.Spec.Name)
	if err != nil {
		return f, false, err
	}
	byName := map[string]sandbox.Observed{}
	for _, o := range relays {
		byName[o.Spec.Name] = o
	}
	return hardening.AuditRelays(p.RelaySpecs, byName, seen.State == sandbox.Up), true, nil
}

// ownRange is the range of a network that the engine has; the zero value where it has none.
func ownRange(o sandbox.Observation, name string) netip.Prefix {
	for _, n := range o.Networks {
		if n.Name == name && len(n.Subnets) > 0 {
			return n.Subnets[0]
		}
	}
	return netip.Prefix{}
}
