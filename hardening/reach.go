package hardening

import (
	"slices"

	"berth/internal/sandbox"
)

// Options of Docker's bridge driver that close a network.
const (
	optionInhibit = "com.docker.network.bridge.inhibit_ipv4"
	optionICC     = "com.docker.network.bridge.enable_icc"
	optionGateway = "com.docker.network.bridge.gateway_mode_ipv4"
)

// isolatedFrom is the API from which gateway_mode_ipv4=isolated closes a bridge; before, it is kept and does nothing.
const isolatedFrom = "1.48"

// SealedBridge is the network that berth makes for a sandbox which reaches sidecars through relays: it leads to its
// members and nowhere else. Internal alone would leave the host's services open (measured from 20.10 to 29). The caller
// gives Subnet and Labels.
func SealedBridge(name string, e sandbox.Engine) sandbox.NetworkSpec {
	options := map[string]string{optionInhibit: "true", optionICC: "true"}
	if isolates(e) {
		options[optionGateway] = "isolated"
	}
	return sandbox.NetworkSpec{Name: sandbox.OwnNetwork(name), Internal: true, Options: options}
}

func isolates(e sandbox.Engine) bool {
	return parseVersion(e.API) != nil && !before(e.API, isolatedFrom)
}

// CanSeal tells whether an engine takes the options of a sealed network; Podman does not know them.
func CanSeal(e sandbox.Engine) bool { return !isPodman(e.Kind) }

// Sealed tells whether a network leads to its members only: no way to the host, the LAN or the internet.
func Sealed(n sandbox.NetworkInfo, e sandbox.Engine) bool {
	if !n.Internal || n.IPv6 || n.Driver != "bridge" || !CanSeal(e) {
		return false
	}
	return isTrue(n.Options[optionInhibit]) || isolates(e) && n.Options[optionGateway] == "isolated"
}

func isTrue(option string) bool { return slices.Contains([]string{"true", "1", "t"}, option) }

// Opening is what joining a network opens, besides the ports of its members.
type Opening struct {
	Sealed  bool   // nothing: the seal stays
	Members bool   // members and sandbox reach every port of each other
	Short   string // for a row: "both ways, LAN opens"
	Long    string // for the plan
}

// Opens tells what joining a network opens. An engine lets every bridge that is not sealed reach the host's services,
// an internal one too.
func Opens(n sandbox.NetworkInfo, e sandbox.Engine) Opening {
	o := Opening{Members: n.Options[optionICC] != "false"}
	switch {
	case Sealed(n, e):
		o.Sealed, o.Short, o.Long = true, "nothing else opens", "nothing else opens"
	case n.Driver == "macvlan" || n.Driver == "ipvlan":
		o.Short, o.Long = "LAN opens, in and out", "ends the seal: every neighbour on the LAN reaches the sandbox, and it them"
	case n.Internal && n.Driver == "bridge":
		o.Short, o.Long = "host services open", "ends the seal: this machine's services open"
	default:
		o.Short, o.Long = "LAN opens", "ends the seal: default route, LAN, this machine's services and internet open"
	}
	if n.IPv6 {
		o.Long += ", by IPv6 too"
	}
	if o.Members {
		o.Short = "both ways, " + o.Short
	}
	return o
}

// reachPosture says where a sandbox stands besides alone: relays, and networks of others with what they open.
func (s *scope) reachPosture() []string {
	var out []string
	if slices.ContainsFunc(s.spec.Network.Attached, s.isOwn) && !s.bridged() {
		out = append(out, "sidecars through relays")
	}
	for _, a := range s.spec.Network.Attached {
		if a.Name == sandbox.OwnNetwork(s.spec.Name) {
			continue
		}
		opens := "a way out, unless the engine says otherwise"
		for _, n := range s.facts.Networks {
			if n.Name == a.Name {
				opens = Opens(n, s.facts.Engine).Long
			}
		}
		out = append(out, "joined "+a.Name+": "+opens)
	}
	return out
}
