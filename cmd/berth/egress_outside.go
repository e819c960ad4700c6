package main

import (
	"context"

	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/gateway"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// outside is what is known of a sandbox's way out.
type outside struct {
	plan    *launch.Plan
	project string
	always  []string
	now     gateway.Status // the zero value without a gateway
	client  gateway.Client
	serves  bool
}

// outside asks for a sandbox's way out: its plan, what was allowed for good, and its gateway, if it has one.
func (s *session) outside(ctx context.Context, name string) (outside, error) {
	if err := state.CheckName(name); err != nil {
		return outside{}, err
	}
	status, err := s.Status(ctx, name)
	if err != nil {
		return outside{}, err
	}
	s.Revive(ctx, []sandbox.Observed{status.Observed})
	o := outside{project: status.Project, client: gateways{store: s.Store}.client(name)}
	if o.plan, err = s.Kept(name); err != nil {
		return o, err
	}
	if o.always, err = s.Store.Allowed(o.project); err != nil {
		return o, err
	}
	o.serves = running(status.State) && s.Store.Held(state.Gateway, name)
	if o.serves {
		o.now, err = o.client.Status(ctx)
	}
	return o, err
}

// listed refuses to change what is no list.
func (o outside) listed(name string) error {
	if mode := o.plan.Egress.Mode; mode != egress.List {
		why := map[egress.Mode]string{
			egress.On:     "on: every public host is reached already, and only egress_private in your own configuration leads to private ones",
			egress.Direct: "direct: nothing is refused",
			egress.Off:    "off: nothing is reached",
		}[mode]
		return fault.New(fault.Usage, "berth up --recreate --egress HOST:PORT makes it a list", "%s: its egress is %s", name, why)
	}
	return nil
}

// listing gives the way out of a sandbox that has a list, and the rule that a target for it is.
func (s *session) listing(ctx context.Context, name, target string) (o outside, rule egress.Rule, err error) {
	if o, err = s.outside(ctx, name); err == nil {
		err = o.listed(name)
	}
	if err == nil {
		rule, err = egress.ParseRule(target)
	}
	return o, rule, err
}

// allow lets a sandbox reach a target until it ends, or from now on.
func (s *session) allow(ctx context.Context, name, target string, always bool) error {
	o, rule, err := s.listing(ctx, name, target)
	if err != nil {
		return err
	}
	if !o.serves && !always {
		return fault.New(fault.Conflict, "berth start "+name+"    or allow it for good: --always", "%s: it is not up", name)
	}
	if always {
		if err := s.Store.Allow(o.project, rule.String()); err != nil {
			return err
		}
	}
	if o.serves {
		return o.client.Allow(ctx, rule.String())
	}
	return nil
}

// revoke takes back what allow gave.
func (s *session) revoke(ctx context.Context, name, target string) error {
	o, rule, err := s.listing(ctx, name, target)
	if err != nil {
		return err
	}
	for _, own := range o.plan.Listed() {
		if own == rule {
			return fault.New(fault.Usage, "take it out of egress there, then: berth up --recreate", "%s: %s stands in the configuration", name, target)
		}
	}
	if o.by(rule.String()) == "" {
		return fault.New(fault.NotFound, "berth egress "+name+" shows what is", "%s: %s was not allowed", name, target)
	}
	if err := s.Store.Disallow(o.project, rule.String()); err != nil || !o.serves {
		return err
	}
	return o.client.Disallow(ctx, rule.String())
}

// by says how a target was allowed, "" when it was not.
func (o outside) by(target string) string {
	for _, one := range o.allowed() {
		if one.Target == target && (one.By == byAlways || one.By == byOnce) {
			return one.By
		}
	}
	return ""
}

// What lets a target through.
const (
	byConfig  = "the configuration"
	byAlways  = "allowed by you, always"
	byOnce    = "allowed by you, once"
	byPrivate = "egress_private"
)

// allowedJSON is a target that is reached, and by what.
type allowedJSON struct {
	Target string `json:"target"`
	By     string `json:"by"`
}

// allowed lists what the list lets through.
func (o outside) allowed() []allowedJSON {
	out := []allowedJSON{}
	if o.plan.Egress.Mode == egress.List {
		for _, rule := range o.plan.Listed() {
			out = append(out, allowedJSON{rule.String(), byConfig})
		}
		for _, index := range o.plan.Egress.Packages {
			out = append(out, allowedJSON{index.Rule.String(), "@packages, " + index.Source})
		}
		kept := map[string]bool{}
		for _, target := range o.always {
			kept[target] = true
			out = append(out, allowedJSON{target, byAlways})
		}
		for _, target := range o.now.Once {
			if !kept[target] {
				out = append(out, allowedJSON{target, byOnce})
			}
		}
	}
	for _, target := range o.plan.Egress.Private {
		out = append(out, allowedJSON{target.String(), byPrivate})
	}
	return out
}
