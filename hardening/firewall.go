package hardening

import (
	"fmt"

	"berth/internal/sandbox"
)

// MayPublish tells whether what an engine publishes on 127.0.0.1 stays on this machine. Before engine 28 a neighbour on
// the LAN reaches it by a frame for 127.0.0.1 and by a route to the container (moby issues 41872 and 45610).
func MayPublish(e sandbox.Engine) bool { return !openToNeighbours(e) }

// FirewallRules are the commands that close these two ways on an engine before 28: one for loopback, and one for each
// bridge of the engine's. They are text for whoever rules the firewall: berth never runs them.
func FirewallRules(networks []sandbox.NetworkInfo) []string {
	out := []string{dropUnless("127.0.0.0/8", "lo")}
	for _, n := range networks {
		if n.Driver != "bridge" {
			continue
		}
		for _, subnet := range n.Subnets {
			if subnet.Addr().Is4() {
				out = append(out, dropUnless(subnet.String(), bridgeOf(n)))
			}
		}
	}
	return out
}

func dropUnless(destination, device string) string {
	return fmt.Sprintf("iptables -t raw -I PREROUTING -d %s ! -i %s -j DROP", destination, device)
}

// bridgeOf gives the device of a network of Docker's bridge driver.
func bridgeOf(n sandbox.NetworkInfo) string {
	if name := n.Options["com.docker.network.bridge.name"]; name != "" {
		return name
	}
	return fmt.Sprintf("br-%.12s", n.ID)
}
