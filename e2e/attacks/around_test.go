package attacks

import (
	"slices"
	"strings"
	"testing"
)

// TestLANNeighbour: whoever sends frames to this machine, with whatever address in them, reaches no port of a sandbox
// and none of its gateway; on the same engine, ports published the usual ways are reached in each of these ways.
func TestLANNeighbour(t *testing.T) {
	w := newWorld(t)
	s := w.up("shop")
	link := apiLink(t, s)
	refused := []attempt{
		{"the host's address", at(hostLAN, link.port()), at(hostLAN, w.twin.everywhere)},
		{"a frame for 127.0.0.1 (moby#41872)", at("127.0.0.1", link.port()), at("127.0.0.1", w.twin.loopback)},
	}
	if ipv6() {
		refused = append(refused, attempt{"the host's IPv6 address", at(hostLAN6, link.port()), at(hostLAN6, w.twin.everywhere6)})
	}
	refuses(t, w.lan(), "dial", refused)
	onlyOpen(t, w.lan(), hostLAN, "7001", w.twin.everywhere)
	if ipv6() {
		onlyOpen(t, w.lan(), hostLAN6, "7001", w.twin.everywhere6)
	}

	t.Run("by a route to the containers", func(t *testing.T) {
		w.docker("network", "create", "shop_back")
		joined := w.up("joined", "--network", "shop_back")
		t.Cleanup(func() {
			joined.Berth("rm", "-f", joined.Name)
			w.docker("network", "rm", "shop_back")
		})
		address := w.addressOf("berth-" + joined.Name)
		for _, to := range []string{address, w.twin.address, w.twin.unpublished} {
			w.root("ip", "-n", w.neighbour, "route", "add", to+"/32", "via", hostLAN)
		}
		refuses(t, w.lan(), "dial", []attempt{{"a container's address (moby#45610)", at(address, "8000"), at(w.twin.address, "8000")}})
		// A machine that forwarded before its engine came: libvirt, a VPN.
		w.root("ip", "netns", "exec", w.engine.Namespace(), "iptables", "-P", "FORWARD", "ACCEPT")
		refuses(t, w.lan(), "dial", []attempt{{"a port that is not published", at(address, "8000"), at(w.twin.unpublished, "8000")}})
	})
	if got := w.docker("inspect", "-f", "{{.HostConfig.NetworkMode}} {{len .NetworkSettings.Ports}} {{.NetworkSettings.IPAddress}}", "berth-"+s.Name); strings.TrimSpace(got) != "none 0" {
		t.Errorf("the sandbox has network, ports, address: %s", got)
	}
}

// onlyOpen tries every port of an address: those of the twin and of the host's own service are open, and no other.
func onlyOpen(t *testing.T, p place, address string, want ...string) {
	t.Helper()
	got := ports(t, p, address)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("at %s these ports are open: %v, want %v", address, got, want)
	}
}

// TestContainerOnTheDefaultBridge: a container of somebody else reaches neither a sandbox nor its gateway.
func TestContainerOnTheDefaultBridge(t *testing.T) {
	w := newWorld(t)
	s := w.up("shop")
	link := apiLink(t, s)
	neighbour := w.in(w.twin.unpublishedID)
	refuses(t, neighbour, "dial", []attempt{
		{"the gateway by the bridge", at(w.twin.gateway, link.port()), at(w.twin.gateway, w.twin.everywhere)},
		{"the gateway by the host's address", at(hostLAN, link.port()), at(hostLAN, w.twin.everywhere)},
		{"the gateway by the host's public address", at(hostPublic, link.port()), at(hostPublic, w.twin.everywhere)},
		{"loopback", at("127.0.0.1", link.port()), at(w.twin.address, "8000")},
	})
	onlyOpen(t, neighbour, w.twin.gateway, "7001", w.twin.everywhere)
}

// TestPeerOnAComposeNetwork: a network that a sandbox joins opens what programs inside offer to everybody, and nothing
// of berth's; one that it reaches by a relay opens nothing.
func TestPeerOnAComposeNetwork(t *testing.T) {
	w := newWorld(t)
	w.docker("network", "create", "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.network=back", "shop_back")
	peer := w.docker("run", "--detach", "--network", "shop_back", "--network-alias", "peer", "--volume", weapons(t)+":/tools:ro", w.image, "-host", "0.0.0.0")
	other := w.docker("run", "--detach", "--network", "shop_back", w.image, "-host", "0.0.0.0")
	gateway := w.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "shop_back")
	t.Cleanup(func() {
		w.home.Berth("rm", "-f", "--all")
		w.docker("rm", "-f", "-v", peer, other)
		w.docker("network", "rm", "shop_back")
	})

	joined := w.up("joined", "--network", "shop_back")
	link := apiLink(t, joined)
	address := w.addressOf("berth-" + joined.Name)
	refuses(t, w.in(peer), "dial", []attempt{
		{"the agent server", at(address, "8000"), at(w.addressOf(other), "8000")},
		{"the gateway by the network", at(gateway, link.port()), at(gateway, w.twin.everywhere)},
		{"the gateway by the host's address", at(hostLAN, link.port()), at(hostLAN, w.twin.everywhere)},
	})
	follow(t, joined.Command("exec", "-i", joined.Name, "--", "/tools/attacker", "serve", "0.0.0.0:7777").Exec())
	onlyOpen(t, w.in(peer), address, "7777")

	t.Run("by a relay", func(t *testing.T) {
		strict := []string{"--profile", "strict", "--sidecar", "shop_back/peer:8000"}
		relayed := w.up("relayed", strict...)
		follow(t, relayed.Command("exec", "-i", relayed.Name, "--", "/tools/attacker", "serve", "0.0.0.0:7777").Exec())
		if got := inside(relayed).tries(t, "dial", "peer:8000")["peer:8000"]; got != "open" {
			t.Errorf("the way to the sidecar is %s", got)
		}
		relay := w.docker("inspect", "-f", "{{.NetworkSettings.Networks.shop_back.IPAddress}}", "berth-"+relayed.Name+".relay1")
		onlyOpen(t, w.in(peer), relay)
		for _, beyond := range strings.Fields(w.addressOf("berth-" + relayed.Name)) {
			if got := w.in(peer).tries(t, "dial", at(beyond, "7777"))[at(beyond, "7777")]; got != "closed" {
				t.Errorf("the sandbox behind the relay is %s", got)
			}
		}
	})
}
