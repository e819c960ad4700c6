package launch

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"berth/hardening"
	"berth/internal/config"
	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/text"
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
		j.Peers = slices.DeleteFunc(j.Peers, func(p Peer) bool { return p.Sandbox && p.Name == b.in.Name })
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

// relays plans a network of the sandbox's own that leads to relays only, one for each host that was named.
func (b *builder) relays() error {
	if len(b.s.Sidecars) == 0 {
		return nil
	}
	if err := b.mayRelay(); err != nil {
		return err
	}
	for _, s := range b.s.Sidecars {
		if err := b.sidecar(s); err != nil {
			return err
		}
	}
	own := hardening.SealedBridge(b.in.Name, b.engine())
	own.Labels = b.plan.Spec.Labels
	if b.in.Subnet.IsValid() {
		own.Subnet = b.in.Subnet.String()
	}
	b.plan.Network, b.plan.SubnetPool = &own, b.s.SubnetPool
	b.plan.Spec.Network.Attached = append(b.plan.Spec.Network.Attached, sandbox.Attachment{Name: own.Name})
	return nil
}

// mayRelay refuses sidecars where the sandbox cannot have a sealed network, or may have none.
func (b *builder) mayRelay() error {
	source, network := b.s.Source("sidecars").String(), b.s.Sidecars[0].Network
	switch {
	case b.plan.Profile == hardening.Paranoid:
		return fault.New(fault.Usage, "--profile strict", "%s: profile paranoid reaches no sidecar", source)
	case b.plan.Egress.Mode == egress.Direct || b.s.Publish:
		return fault.New(fault.Usage, "join it: --network "+network+"    or relay to it: --profile strict",
			"%s: with egress direct the sandbox has a bridge with a way out, on which no relay is needed", source)
	case !hardening.CanSeal(b.engine()):
		return fault.New(fault.Usage, "--profile standard --network "+network,
			"%s: a relay needs a sealed network, which this engine (%s) cannot make", source, b.engine().Kind)
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

// sidecar adds one port of one host to the relays.
func (b *builder) sidecar(s config.Sidecar) error {
	source := s.At.String()
	_, err := netip.ParseAddr(s.Host)
	switch {
	case err == nil:
		return fault.New(fault.Usage, "write its service or container name", "%s: %s is an address, which a container keeps only while it runs", source, s.Host)
	case s.Host == "localhost" || s.Host == "sandbox":
		return fault.New(fault.Usage, "write its service or container name", "%s: %s is the sandbox itself", source, s.Host)
	case !hostName.MatchString(s.Host):
		return fault.New(fault.Usage, "write its service or container name", "%s: %q is not the name of a host", source, s.Host)
	}
	j, err := b.networks().Resolve(s.Network)
	if err != nil {
		return within(source, err)
	}
	if !slices.ContainsFunc(j.Peers, func(p Peer) bool { return p.Name == s.Host }) {
		b.plan.Warnings = append(b.plan.Warnings, fmt.Sprintf("nobody on %s is called %s now; %s", j.Name, s.Host, offered(j)))
	}
	i := slices.IndexFunc(b.plan.Relays, func(r hardening.Relay) bool { return r.Host == s.Host })
	if i < 0 {
		b.plan.Relays = append(b.plan.Relays, hardening.Relay{
			Sandbox: b.in.Name, Number: len(b.plan.Relays) + 1, Network: j.Name, Host: s.Host, Ports: []uint16{s.Port},
		})
		return nil
	}
	r := &b.plan.Relays[i]
	if r.Network != j.Name {
		return fault.New(fault.Usage, "reach one of them by its container's name", "%s: %s is on %s and on %s, and the sandbox can have one host of that name",
			source, s.Host, r.Network, j.Name)
	}
	if !slices.Contains(r.Ports, s.Port) {
		r.Ports = append(r.Ports, s.Port)
	}
	return nil
}

// relayText names the relays of a plan's step.
func (p *Plan) relayText() string {
	var names []string
	for _, r := range p.Relays {
		names = append(names, r.String())
	}
	return strings.Join(names, "; ")
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
		if len(p.Ports) > 0 && p.Host() {
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

// remade tells of joined networks that were removed and made anew since: the start joins them again, and the audit
// holds them to what they were.
func (r *run) remade() error {
	before := slices.Clone(r.plan.Joined)
	for i, j := range r.plan.Joined {
		for _, n := range r.before.Networks {
			if n.Name == j.Name && n.ID != j.ID {
				r.note(StepStart, "network %s was made anew since: joining it again", j.Name)
				r.plan.Joined[i].ID = n.ID
			}
		}
	}
	if slices.EqualFunc(before, r.plan.Joined, func(a, b Joined) bool { return a.ID == b.ID }) {
		return nil
	}
	return r.amendPlan(func(kept *Plan) { kept.Joined = r.plan.Joined })
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
		line := text.Line(j.Name)
		if j.Project != "" {
			line += " of compose project " + text.Line(j.Project)
		}
		line += ": " + j.Opening.Long
		members := j.Members()
		switch {
		case members == "":
			line += "; nobody is on it now"
		case j.Opening.Members:
			line += "; reaches and is reached by " + members + ", on every port"
		default:
			line += "; on it, without a way to each other: " + members
		}
		out = append(out, line)
	}
	return out
}
