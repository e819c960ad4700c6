package hardening

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/sandbox"
)

// networkRules say whom a sandbox can reach and who can reach it.
var networkRules = []Rule{
	{
		ID: "own-network", Class: Overridable,
		Why:    "sandboxes on one network reach each other, so each has a bridge of its own or none",
		clause: ownNetwork.clause(),
	},
	{
		ID: "egress", Class: Overridable,
		Why:    "what code can reach, it can leak to; the profile says how far that is",
		Fix:    "a looser profile, or a tighter egress",
		clause: egress.clause(),
	},
	{
		ID: "bridge-options", Class: Fixed, Needs: Needs{Docker: true},
		Why:    "the sandbox's own network lets no neighbour in, leads nowhere when sealed, and IPv6 opens no second way",
		clause: bridgeOptions.clause(),
	},
	{
		ID: "joined-networks", Class: Overridable,
		Why:    "each further network lets the sandbox reach its members, and them the sandbox",
		Fix:    "--profile standard, or leave the network out",
		clause: joined.clause(),
	},
	{
		ID: "loopback-ports", Class: Fixed,
		Why:    "a link is for this machine: what is published elsewhere is open to the network",
		clause: ports.clause(),
	},
	{
		ID: "no-publish-all", Class: Fixed,
		Why:    "ports that an image exposes are not asked for by anybody",
		clause: field(func(s *spec) *bool { return &s.PublishAllPorts }, be(false)).clause(),
	},
	{
		ID: "hostname", Class: Fixed,
		Why:    "the host's name is nobody's business inside",
		clause: field(func(s *spec) *string { return &s.Network.Hostname }, be("sandbox")).clause(),
	},
	{
		ID: "extra-hosts", Class: Fixed,
		Why:    "no name leads to the host; the sandbox's own name is known, which desktops need",
		clause: field(func(s *spec) *[]string { return &s.Network.ExtraHosts }, be([]string{"sandbox:127.0.0.1"})).clause(),
	},
	{
		ID: "dns", Class: Overridable,
		Why: "without a network no name is to be asked for, so the host's resolvers are not copied in; " +
			"on a bridge with direct egress names must resolve, so the engine's own resolver is used and no other",
		clause: field(func(s *spec) *[]string { return &s.Network.DNS }, wantDNS).shown("the engine's").clause(),
	},
	{
		ID: "dns-search", Class: Overridable,
		Why:    "the host's search domains tell where it stands, and would go out with every lookup",
		clause: searchDomains().clause(),
	},
}

const noNetwork = "none"

// place is where a sandbox stands first: its own bridge, which then is an attachment too, or no network.
type place struct {
	mode string
	own  *sandbox.Attachment
}

var ownNetwork = part[place]{
	get: func(spec *sandbox.Spec, s *scope) place {
		p := place{mode: spec.Network.Mode}
		for _, a := range spec.Network.Attached {
			if s.isOwn(a) {
				p.own = &a
			}
		}
		return p
	},
	set: func(spec *sandbox.Spec, s *scope, p place) {
		spec.Network.Mode = p.mode
		spec.Network.Attached = slices.DeleteFunc(slices.Clone(spec.Network.Attached), s.isOwn)
		if p.own != nil {
			spec.Network.Attached = append(spec.Network.Attached, *p.own)
		}
	},
	want: wantPlace,
	refuse: func(p place, _ *scope) string {
		if p.mode == "host" || p.mode == "default" || p.mode == "bridge" || strings.HasPrefix(p.mode, "container:") {
			return fmt.Sprintf("network %q is not the sandbox's own", p.mode)
		}
		return ""
	},
	show: func(p place) string { return brief(p.mode) },
}

// firstJoined is the first by name of the networks that a sandbox joins besides its own; "" without any.
func (s *scope) firstJoined() string {
	for _, a := range s.spec.Network.Attached {
		if !s.isOwn(a) {
			return a.Name
		}
	}
	return ""
}

func (s *scope) isOwn(a sandbox.Attachment) bool { return a.Name == sandbox.OwnNetwork(s.spec.Name) }

// wantPlace asks for the default route over the own bridge where the engine lets that be said, from API 1.48; before,
// the network that sorts first has it.
//
// Without a bridge it is the sealed network that relays need, where one was planned; else the first network that was
// asked for, since the engine obeys a mode without an endpoint in silence; else none.
func wantPlace(had place, s *scope) place {
	own := sandbox.Attachment{Name: sandbox.OwnNetwork(s.spec.Name)}
	if had.own != nil {
		own.Aliases = had.own.Aliases
	}
	first := s.firstJoined()
	switch {
	case s.bridged():
	case had.own != nil && s.policy.relay:
		return place{mode: own.Name, own: &own}
	case first != "" && (s.policy.attach || s.gaveUp("joined-networks")):
		return place{mode: first}
	default:
		return place{mode: noNetwork}
	}
	if api := parseVersion(s.facts.Engine.API); api != nil && !before(s.facts.Engine.API, "1.48") {
		own.Priority = 1
	}
	return place{mode: own.Name, own: &own}
}

// OwnBridge is the network that berth makes for a sandbox with direct egress. The caller gives Subnet and Labels.
func OwnBridge(name string, e sandbox.Engine) sandbox.NetworkSpec {
	return sandbox.NetworkSpec{Name: sandbox.OwnNetwork(name), Options: bridgeDriverOptions(e)}
}

// bridgeDriverOptions close the bridge to neighbours, and publish on loopback what somebody forgets to say where.
// Podman's netavark refuses options it does not know.
func bridgeDriverOptions(e sandbox.Engine) map[string]string {
	if isPodman(e.Kind) {
		return nil
	}
	return map[string]string{
		"com.docker.network.bridge.enable_icc":        "false",
		"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
	}
}

// bridgeOptions owns nothing of the Spec: it looks at the network itself.
var bridgeOptions = part[string]{
	get:  func(*spec, *scope) string { return "" },
	set:  func(*spec, *scope, string) {},
	want: be(""),
	world: func(s *scope) (string, bool) {
		if s.spec.Network.Mode != sandbox.OwnNetwork(s.spec.Name) {
			return "", true
		}
		i := slices.IndexFunc(s.facts.Networks, func(n sandbox.NetworkInfo) bool { return n.Name == s.spec.Network.Mode })
		if i < 0 {
			return "", false
		}
		return s.judgeOwn(s.facts.Networks[i])
	},
	show: func(string) string { return "no neighbours, no IPv6" },
}

// judgeOwn holds the sandbox's own network to what it was made as: with a bridge's way out, or sealed.
func (s *scope) judgeOwn(n sandbox.NetworkInfo) (string, bool) {
	if s.bridged() {
		return judgeBridge(n, bridgeDriverOptions(s.facts.Engine))
	}
	sealed := SealedBridge(s.spec.Name, s.facts.Engine)
	if !n.Internal {
		return "it is not internal", false
	}
	return judgeBridge(n, sealed.Options)
}

func judgeBridge(n sandbox.NetworkInfo, want map[string]string) (string, bool) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if n.Options[k] != want[k] {
			return fmt.Sprintf("%s is %s", k, brief(n.Options[k])), false
		}
	}
	if n.IPv6 {
		return "IPv6 is on", false
	}
	return "", true
}

var joined = part[[]sandbox.Attachment]{
	get: func(spec *sandbox.Spec, s *scope) []sandbox.Attachment {
		return orNil(slices.DeleteFunc(slices.Clone(spec.Network.Attached), s.isOwn))
	},
	set:  func(*sandbox.Spec, *scope, []sandbox.Attachment) {}, // it wants what was planned, or refuses it
	want: same[[]sandbox.Attachment],
	refuse: func(v []sandbox.Attachment, s *scope) string {
		if len(v) == 0 || s.policy.attach || s.gaveUp("joined-networks") {
			return ""
		}
		return "this profile joins no network, and " + v[0].Name + " is joined"
	},
	world: joinedStill,
	show: func(v []sandbox.Attachment) string {
		var names []string
		for _, a := range v {
			names = append(names, a.Name)
		}
		return brief(names)
	},
}

// joinedStill looks at the networks themselves: one that was planned as sealed may have been made anew as another.
func joinedStill(s *scope) (string, bool) {
	for _, name := range s.facts.Sealed {
		i := slices.IndexFunc(s.facts.Networks, func(n sandbox.NetworkInfo) bool { return n.Name == name })
		if i >= 0 && !Sealed(s.facts.Networks[i], s.facts.Engine) {
			return name + " is not sealed any more", false
		}
	}
	return "", true
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

var ports = part[[]sandbox.Port]{
	get: func(s *spec, _ *scope) []sandbox.Port { return s.Network.Ports },
	set: func(s *spec, _ *scope, v []sandbox.Port) { s.Network.Ports = v },
	want: func(had []sandbox.Port, s *scope) []sandbox.Port {
		if s.bridged() {
			return had
		}
		return nil
	},
	refuse: func(v []sandbox.Port, _ *scope) string { return notLoopback(v) },
	world: func(s *scope) (string, bool) {
		if reason := notLoopback(s.facts.Published); reason != "" {
			return reason, false
		}
		for _, p := range s.facts.Published {
			if !slices.ContainsFunc(s.spec.Network.Ports, func(q sandbox.Port) bool { return q.Container == p.Container }) {
				return fmt.Sprintf("port %d is published, which nobody asked for", p.Container), false
			}
		}
		return "", true
	},
	show: showPorts,
}

func notLoopback(ports []sandbox.Port) string {
	for _, p := range ports {
		if !p.Host.Addr().IsLoopback() {
			return fmt.Sprintf("port %d is published on %s", p.Container, p.Host)
		}
	}
	return ""
}

func showPorts(ports []sandbox.Port) string {
	if len(ports) == 0 {
		return "none"
	}
	var out []string
	for _, p := range ports {
		out = append(out, fmt.Sprintf("%s to %d", p.Host, p.Container))
	}
	return strings.Join(out, ", ")
}

// searchDomains are none, which the engine takes as a dot; without any it copies the host's.
func searchDomains() part[[]string] {
	p := field(func(s *spec) *[]string { return &s.Network.DNSSearch }, be([]string{"."}))
	p.show = func(v []string) string {
		switch {
		case v == nil:
			return "the host's"
		case slices.Equal(v, []string{"."}):
			return "none"
		}
		return brief(v)
	}
	return p
}

func wantDNS(_ []string, s *scope) []string {
	if s.bridged() {
		return nil
	}
	return []string{"127.0.0.1"}
}
