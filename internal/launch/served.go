package launch

import (
	"context"

	"berth/internal/egress"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// Served is what a gateway must know of its sandbox.
type Served struct {
	Seen   sandbox.Observed
	Record state.Record
	Links  []LinkPlan
	Egress egress.Policy
	Folder string // of the socket that inside and gateway share; "": the tunnel goes by exec
}

// Served gives what a gateway must know of a sandbox that is there.
func (l *Launcher) Served(ctx context.Context, name string) (Served, error) {
	seen, err := l.find(ctx, name)
	if err != nil {
		return Served{}, err
	}
	record, err := l.Store.Record(name)
	if err != nil {
		return Served{}, err
	}
	plan, err := l.storedPlan(name)
	if err != nil {
		return Served{}, err
	}
	return Served{Seen: seen, Record: record, Links: plan.Links, Egress: plan.Egress, Folder: plan.Run}, nil
}

// Revive starts the gateways of running sandboxes that have lost theirs. It tells nothing: a sandbox that cannot be
// served says so when its links are asked for.
func (l *Launcher) Revive(ctx context.Context) {
	all, err := l.Runtime.Sandboxes(ctx)
	if err != nil {
		return
	}
	for _, o := range all {
		record, err := l.Store.Record(o.Spec.Name)
		if err == nil && record.Finished && l.ours(o) && o.State == sandbox.Up && !l.Reach.Serves(o.Spec.Name) && !l.Store.Held(state.Work, o.Spec.Name) {
			_, _ = l.Reach.Open(ctx, o)
		}
	}
}
