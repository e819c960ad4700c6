package hardening

import (
	"fmt"
	"regexp"

	"berth/internal/sandbox"
)

// MayPublish tells whether what an engine publishes on 127.0.0.1 stays on this machine. Before engine 28 a neighbour on
// the LAN reaches it by a frame for 127.0.0.1 and by a route to the container (moby issues 41872 and 45610), and with
// Podman by such a route (5.8, measured). Without root the containers have no address that this machine forwards to.
func MayPublish(e sandbox.Engine) bool {
	return isRootless(e.Kind) || e.Kind != sandbox.Podman && !openToNeighbours(e)
}

// WhyNotPublish gives the reason, and what to do, where an engine may not publish.
func WhyNotPublish(e sandbox.Engine) (reason, hint string) {
	if isPodman(e.Kind) {
		return "a neighbour on the LAN reaches a container of this engine (Podman with root) by a route to its address",
			"leave it out, the links work without; or run Podman without root"
	}
	return fmt.Sprintf("before engine 28 a neighbour on the LAN reaches what is published on 127.0.0.1, and this is %s; in raw PREROUTING "+
			"two rules close it: drop -d 127.0.0.0/8 ! -i lo, and drop -d SUBNET ! -i BRIDGE for each bridge", e.Version),
		"leave it out, the links work without; the rules with this engine's networks: berth firewall print"
}

// FirewallRules are the commands that close these two ways on an engine before 28: one for loopback, and one for each
// bridge of the engine's. They are text for whoever rules the firewall: berth never runs them.
func FirewallRules(networks []sandbox.NetworkInfo) []string {
	out := []string{dropUnless("127.0.0.0/8", "lo")}
	for _, n := range networks {
		if n.Driver != "bridge" {
			continue
		}
		for _, subnet := range n.Subnets {
			if !subnet.Addr().Is4() {
				continue
			}
			if device := bridgeOf(n); plainDevice.MatchString(device) {
				out = append(out, dropUnless(subnet.String(), device))
			} else {
				out = append(out, fmt.Sprintf("# left out: network %q, since its device is called %q", n.Name, device))
			}
		}
	}
	return out
}

// plainDevice is a name that a shell, and iptables, take as it is. Who makes a network chooses its device's name, in
// which the kernel allows most signs, and the rules are run as root.
var plainDevice = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

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
