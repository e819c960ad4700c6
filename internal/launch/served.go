package launch

import (
	"context"
	"slices"
	"sync"
	"time"

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

// Served gives what a gateway must know of a sandbox that is there, or of one that is being made: then seen waits for
// it to run. The rest is read before.
func (l *Launcher) Served(ctx context.Context, name string, seen func(context.Context) (sandbox.Observed, error)) (Served, error) {
	if seen == nil {
		seen = func(ctx context.Context) (sandbox.Observed, error) { return l.find(ctx, name) }
	}
	record, err := l.Store.Record(name)
	if err != nil {
		return Served{}, err
	}
	plan, err := l.storedPlan(name)
	if err != nil {
		return Served{}, err
	}
	policy, err := l.policyNow(plan, record.Project)
	if err != nil {
		return Served{}, err
	}
	now, err := seen(ctx)
	return Served{Seen: now, Record: record, Links: plan.Links, Egress: policy, Folder: plan.Run}, err
}

// policyNow is a plan's policy with what the user allows for the project by now in place of what it was at the launch.
func (l *Launcher) policyNow(p *Plan, project string) (egress.Policy, error) {
	policy := p.Egress
	if policy.Mode != egress.List {
		return policy, nil
	}
	texts, err := l.Store.Allowed(project)
	if err != nil {
		return policy, err
	}
	now, err := egress.ParseRules(texts)
	policy.Allow = slices.Concat(p.Listed(), now)
	return policy, err
}

// Listed are the rules of the egress list that the configuration has, without those the user allowed for the project.
func (p *Plan) Listed() []egress.Rule { return p.Egress.Allow[:max(0, len(p.Egress.Allow)-p.Allowed)] }

// reviveLimit bounds the wait for gateways that are started again: one that takes longer goes on alone.
const reviveLimit = 5 * time.Second

// Revive starts the gateways of running sandboxes that have lost theirs, and tells whether there was one. It says
// nothing: a sandbox that cannot be served says so when its links are asked for.
func (l *Launcher) Revive(ctx context.Context, all []sandbox.Observed) bool {
	ctx, cancel := context.WithTimeout(ctx, reviveLimit)
	defer cancel()
	var started sync.WaitGroup
	lost := false
	for _, o := range all {
		if l.bereaved(o) {
			lost = true
			started.Go(func() { _, _ = l.Reach.Open(ctx, o) })
		}
	}
	started.Wait()
	return lost
}

// bereaved tells whether a sandbox that was whole has no gateway now. One that a launch, a stop or a removal works on
// is theirs to look after.
func (l *Launcher) bereaved(o sandbox.Observed) bool {
	name := o.Spec.Name
	if o.State != sandbox.Up || o.Helper() || !l.ours(o) || len(o.Spec.Network.Ports) > 0 || l.Reach.Serves(name) || l.Store.Held(state.Work, name) {
		return false
	}
	record, err := l.Store.Record(name)
	return err == nil && record.Finished
}
