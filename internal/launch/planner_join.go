package launch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/hardening"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// join puts the sandbox on the networks that were asked for. Every name is resolved to exactly one network or refused,
// and the plan says who is there and what joining opens.
func (b *builder) join() error {
	if len(b.s.AdditionalNetworks) == 0 {
		return nil
	}
	source := b.s.Source("additional_networks").String()
	if err := b.mayJoin(source); err != nil {
		return err
	}
	for _, name := range b.s.AdditionalNetworks {
		j, err := b.networks().Resolve(name)
		if err != nil {
			return within(source, err)
		}
		if slices.ContainsFunc(b.plan.Joined, func(k Joined) bool { return k.ID == j.ID }) {
			b.plan.Warnings = append(b.plan.Warnings, fmt.Sprintf("%s and another name mean the same network, %s: one is enough", name, j.Name))
			continue
		}
		b.plan.Joined = append(b.plan.Joined, j)
		b.plan.Spec.Network.Attached = append(b.plan.Spec.Network.Attached, sandbox.Attachment{Name: j.Name})
	}
	return nil
}

// networks are the engine's networks, looked at from this plan's folder.
func (b *builder) networks() Networks {
	return newNetworks(b.in.Observation, b.s, b.in.Host, b.in.Compose)
}

// mayJoin refuses networks under a profile that joins none. Under strict one service of a network can still be had.
func (b *builder) mayJoin(source string) error {
	gaveUp := slices.ContainsFunc(b.plan.GiveUp, func(g hardening.GiveUp) bool { return g.Rule == "joined-networks" })
	switch profile := b.plan.Profile; {
	case profile == hardening.Compat, profile == hardening.Standard, gaveUp:
		return nil
	case profile == hardening.Paranoid:
		return fault.New(fault.Usage, "--profile standard joins networks, --profile strict reaches single services of them",
			"%s: %s: profile paranoid joins no network", source, strings.Join(b.s.AdditionalNetworks, ", "))
	}
	name := b.s.AdditionalNetworks[0]
	j, err := b.networks().Resolve(name)
	if err != nil {
		return within(source, err)
	}
	return fault.New(fault.Usage, sidecarHint(j), "%s: %s: profile strict joins no network, it reaches single services through a relay; %s",
		source, name, offered(j))
}

// offered lists what a network has to offer to a relay.
func offered(j Joined) string {
	if members := j.Members(); members != "" {
		return "on " + j.Name + " are: " + members
	}
	return "nobody is on " + j.Name + " now"
}

// sidecarHint gives the flag for the first service that exposes a port.
func sidecarHint(j Joined) string {
	for _, p := range j.Peers {
		if len(p.Ports) > 0 && !p.Sandbox {
			return fmt.Sprintf("--sidecar %s/%s:%d", j.Name, p.Name, p.Ports[0])
		}
	}
	return "--sidecar " + j.Name + "/HOST:PORT"
}

// within says where a name stands that cannot be resolved, and keeps the kind and the hint.
func within(source string, err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", source, err)
	}
	return &fault.Fault{Kind: f.Kind, Hint: f.Hint, Message: source + ": " + f.Message, Cause: err}
}

// sealedNames are the joined networks that lead to their members only; the audit holds them to it.
func (p *Plan) sealedNames() []string {
	var out []string
	for _, j := range p.Joined {
		if j.Opening.Sealed {
			out = append(out, j.Name)
		}
	}
	return out
}

// joinedText says of each joined network whose it is, what joining it opens and who is there.
func (p *Plan) joinedText() []string {
	var out []string
	for _, j := range p.Joined {
		text := j.Name
		if j.Project != "" {
			text += " of compose project " + j.Project
		}
		text += ": " + j.Opening.Long
		members := j.Members()
		switch {
		case members == "":
			text += "; nobody is on it now"
		case j.Opening.Members:
			text += "; reaches and is reached by " + members + ", on every port"
		default:
			text += "; on it, without a way to each other: " + members
		}
		out = append(out, text)
	}
	return out
}
