package launch

import (
	"context"
	"errors"
	"os"
	"slices"

	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// Removal says what removing a sandbox takes away and what it leaves alone.
func (l *Launcher) Removal(ctx context.Context, name string) ([]Removal, error) {
	home := Removal{Kind: sandbox.VolumeObject, Name: sandbox.HomeVolume(name), Why: "its home: editor settings, caches, conversations"}
	if l.bereft(ctx, name) {
		return l.homeIfThere(ctx, home)
	}
	seen, err := l.find(ctx, name)
	if err != nil {
		return nil, err
	}
	out := []Removal{{Kind: sandbox.ContainerObject, Name: sandbox.ContainerName(name), Why: "the sandbox"}}
	if seen.OnOwnNetwork() {
		relays, err := l.relaysOf(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, o := range relays {
			out = append(out, Removal{Kind: sandbox.ContainerObject, Name: sandbox.ContainerName(o.Spec.Name), Why: "its relay"})
		}
		out = append(out, Removal{Kind: sandbox.NetworkObject, Name: sandbox.OwnNetwork(name), Why: "its network"})
	}
	homes, err := l.homeIfThere(ctx, home)
	if err != nil {
		return nil, err
	}
	out = append(out, homes...)
	for _, m := range seen.Spec.Mounts {
		if m.Kind == sandbox.Bind && !m.Own() {
			out = append(out, Removal{Kind: "folder", Name: m.Source, Why: "it is yours", Kept: true})
		}
	}
	return out, nil
}

// homeIfThere is the volume of a home. A sandbox whose home is in memory has none, unless it had another profile before.
func (l *Launcher) homeIfThere(ctx context.Context, home Removal) ([]Removal, error) {
	owned, err := l.owns(ctx, home.Kind, home.Name)
	if err != nil || !owned {
		return nil, err
	}
	return []Removal{home}, nil
}

// Remove takes a sandbox away with all that was made for it; a running one only with force.
func (l *Launcher) Remove(ctx context.Context, name string, force bool) error {
	unlock, err := l.lock(name, "rm")
	if err != nil {
		return err
	}
	defer unlock()
	seen, err := l.find(ctx, name)
	if l.bereft(ctx, name) {
		l.condemn(name)
		return l.removeAll(ctx, name) // its container was removed by other hands, or its replacement failed
	}
	if err != nil {
		return err
	}
	if seen.State == sandbox.Up || seen.State == sandbox.Starting || seen.State == sandbox.Paused {
		if !force {
			return fault.New(fault.Conflict, "berth rm -f "+name+"    or first: berth stop "+name, "%s: it is %s", name, seen.State)
		}
	}
	l.condemn(name)
	return l.removeAll(ctx, name)
}

// condemn lets a removal that is cut off be finished by the next launch: without it the home would look like one to
// keep. A record that cannot be written must not stop the removal.
func (l *Launcher) condemn(name string) {
	if record, err := l.Store.Record(name); err == nil {
		record.Finished, record.Home = false, false
		_ = l.Store.Save(record)
	}
}

// bereft tells whether berth knows a sandbox whose container is not there.
func (l *Launcher) bereft(ctx context.Context, name string) bool {
	_, known := l.finished(name)
	_, err := l.Runtime.Inspect(ctx, sandbox.ContainerName(name))
	return known && err != nil && fault.KindOf(err) == fault.NotFound
}

// removeAll removes everything of one name, in the order in which the engine lets go of it.
func (l *Launcher) removeAll(ctx context.Context, name string) error {
	if err := l.removeObjects(ctx, name, objects(name)); err != nil {
		return err
	}
	return l.forget(name)
}

// removeObjects ends the gateway, then removes what a list names, and what serves the sandbox before the network that it
// stands on.
func (l *Launcher) removeObjects(ctx context.Context, name string, list []Removal) error {
	if err := l.Reach.Close(ctx, name); err != nil {
		return err
	}
	for _, object := range list {
		if object.Kind == sandbox.NetworkObject {
			if err := l.removeServants(ctx, name); err != nil {
				return err
			}
		}
		if err := l.removeOwn(ctx, object.Kind, object.Name); err != nil {
			return err
		}
	}
	return nil
}

// removeOwn removes an object by its name if it is this user's. The name alone says nothing: another user of the
// engine, or the user by hand, may have made something of the same name.
func (l *Launcher) removeOwn(ctx context.Context, kind sandbox.ObjectKind, name string) error {
	own, err := l.owns(ctx, kind, name)
	if err != nil || !own {
		return err
	}
	err = l.Runtime.Remove(ctx, kind, name)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// owns tells whether there is an object of this name that has this user's label.
func (l *Launcher) owns(ctx context.Context, kind sandbox.ObjectKind, name string) (bool, error) {
	if kind == sandbox.ContainerObject {
		seen, err := l.Runtime.Inspect(ctx, name)
		if err != nil && fault.KindOf(err) == fault.NotFound {
			return false, nil
		}
		return err == nil && l.ours(seen), err
	}
	o, err := l.Runtime.Observe(ctx)
	labels := map[string]string{}
	for _, n := range o.Networks {
		if kind == sandbox.NetworkObject && n.Name == name {
			labels = n.Labels
		}
	}
	for _, v := range o.Volumes {
		if kind == sandbox.VolumeObject && v.Name == name {
			labels = v.Labels
		}
	}
	return labels[sandbox.LabelOwner] == l.Store.Owner(), err
}

// forget drops what berth itself knows of a name.
func (l *Launcher) forget(name string) error {
	if err := errors.Join(os.RemoveAll(l.dir(name)), os.RemoveAll(l.Store.Shared(name))); err != nil {
		return fault.New(fault.Failure, "remove it by hand", "%s: %w", name, err)
	}
	l.Store.SweepGateway(name)
	return l.Store.Drop(name)
}

func objects(name string) []Removal {
	return []Removal{
		{Kind: sandbox.ContainerObject, Name: sandbox.ContainerName(name)},
		{Kind: sandbox.NetworkObject, Name: sandbox.OwnNetwork(name)},
		{Kind: sandbox.VolumeObject, Name: sandbox.HomeVolume(name)},
	}
}

// Leftovers lists what launches that never finished have left: sandboxes nobody works on that were never started or
// whose launch was never recorded as finished, networks and volumes without a sandbox, records without one.
func (l *Launcher) Leftovers(ctx context.Context) ([]Removal, error) {
	observed, err := l.Runtime.Observe(ctx)
	if err != nil {
		return nil, err
	}
	return l.leftovers(observed)
}

func (l *Launcher) leftovers(o sandbox.Observation) ([]Removal, error) {
	records, err := l.Store.Records()
	if err != nil {
		return nil, err
	}
	known := map[string]state.Record{}
	for _, r := range records {
		known[r.Name] = r
	}
	served := map[string]bool{}
	for _, s := range l.mine(o) {
		served[s.Spec.Name] = true
	}
	there := map[string]bool{}
	var out []Removal
	for _, s := range l.mine(o) {
		name := s.Spec.Labels[sandbox.LabelSandbox]
		switch s.Spec.Labels[sandbox.LabelKind] {
		case sandbox.KindHelper:
			out = append(out, Removal{Kind: sandbox.ContainerObject, Name: name, ID: s.ID, Why: "a helper that was not removed"})
			continue
		case sandbox.KindRelay:
			if !served[name] {
				out = append(out, Removal{Kind: sandbox.ContainerObject, Name: name, ID: s.ID, Why: "a relay whose sandbox is gone"})
			}
			continue
		}
		there[name] = true
		switch r, recorded := known[name]; {
		case s.State == sandbox.Created:
			out = append(out, Removal{Kind: sandbox.ContainerObject, Name: name, Why: "it was never started"})
		case !recorded: // a launch writes its record first and drops it last: this one was lost by other hands
			out = append(out, Removal{Kind: sandbox.ContainerObject, Name: name, Kept: true,
				Why: "berth has lost its record: berth rm -f " + name + " removes it"})
		case !r.Finished:
			out = append(out, Removal{Kind: sandbox.ContainerObject, Name: name, Why: "its launch never finished"})
		}
	}
	homes := map[string]bool{}
	for _, r := range records {
		switch {
		case r.Engine != o.Engine.Endpoint: // a sandbox on another engine is not for this one to judge
			homes[r.Name] = true
		case there[r.Name]:
		case (r.Finished || r.Home) && hasVolume(o, sandbox.HomeVolume(r.Name)):
			homes[r.Name] = true
			out = append(out, Removal{Kind: sandbox.VolumeObject, Name: r.Name, Kept: true,
				Why: "its container is gone, its home is there: berth up " + r.Name + " uses it, berth rm " + r.Name + " removes it"})
		default:
			out = append(out, Removal{Kind: "record", Name: r.Name, Why: "there is no such sandbox"})
		}
	}
	return append(out, l.loose(o, there, homes)...), nil
}

func hasVolume(o sandbox.Observation, name string) bool {
	return slices.ContainsFunc(o.Volumes, func(v sandbox.VolumeInfo) bool { return v.Name == name })
}

// loose lists networks and volumes of ours whose sandbox is not there, but not the homes that stay.
func (l *Launcher) loose(o sandbox.Observation, there, homes map[string]bool) []Removal {
	var out []Removal
	add := func(kind sandbox.ObjectKind, labels map[string]string) {
		name := labels[sandbox.LabelSandbox]
		if labels[sandbox.LabelOwner] == l.Store.Owner() && name != "" && !there[name] {
			out = append(out, Removal{Kind: kind, Name: name, Why: "its sandbox is gone"})
		}
	}
	for _, n := range o.Networks {
		add(sandbox.NetworkObject, n.Labels)
	}
	for _, v := range o.Volumes {
		if !homes[v.Labels[sandbox.LabelSandbox]] {
			add(sandbox.VolumeObject, v.Labels)
		}
	}
	return out
}

// Prune removes what Leftovers lists, skipping names that another berth works on, and gives what is gone. Gateways that
// died are started again.
func (l *Launcher) Prune(ctx context.Context) ([]Removal, error) {
	observed, err := l.Runtime.Observe(ctx)
	if err != nil {
		return nil, err
	}
	return l.prune(ctx, observed, "")
}

func (l *Launcher) prune(ctx context.Context, o sandbox.Observation, held string) ([]Removal, error) {
	defer l.Store.Sweep(held)
	defer l.Revive(ctx, o.Sandboxes)
	left, err := l.leftovers(o)
	if err != nil {
		return nil, err
	}
	var gone []Removal
	done := map[string]bool{}
	for _, r := range left {
		if r.Kept {
			continue
		}
		removed, seen := done[r.Name]
		if r.ID != "" {
			removed, err = l.unlessHeld(r.Name, r.Name == held, func() error {
				return l.Runtime.Remove(ctx, sandbox.ContainerObject, r.ID)
			})
			if err != nil {
				return gone, err
			}
		} else if !seen {
			if removed, err = l.pruneName(ctx, o, r.Name, r.Name == held); err != nil {
				return gone, err
			}
			done[r.Name] = removed
		}
		if removed {
			gone = append(gone, r)
		}
	}
	return gone, nil
}

// pruneName clears one name, unless another berth works on it.
func (l *Launcher) pruneName(ctx context.Context, o sandbox.Observation, name string, held bool) (cleared bool, err error) {
	free, err := l.unlessHeld(name, held, func() error {
		cleared, err = l.clearOne(ctx, o, name)
		return err
	})
	return free && cleared, err
}

// unlessHeld does something about a name under its lock, and tells whether it could: another berth may hold it. held
// means that this one does.
func (l *Launcher) unlessHeld(name string, held bool, do func() error) (bool, error) {
	if held {
		return true, do()
	}
	unlock, err := l.lock(name, "prune")
	if fault.KindOf(err) == fault.Conflict && err != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unlock()
	return true, do()
}
