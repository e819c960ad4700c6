package engine

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"berth/internal/sandbox"
)

// translateNetworks puts all endpoints into the create call where the engine takes them; else only the first, and the
// others are joined before the start. NetworkMode always has its endpoint: a mismatch is obeyed in silence.
func translateNetworks(n sandbox.Network, d dialect) (*network.NetworkingConfig, []sandbox.Attachment) {
	endpoints := map[string]*network.EndpointSettings{}
	var later []sandbox.Attachment
	for _, a := range n.Attached {
		if a.Name != n.Mode && !d.atLeast(severalEndpoints) {
			later = append(later, a)
			continue
		}
		endpoints[a.Name] = translateEndpoint(a, d)
	}
	return &network.NetworkingConfig{EndpointsConfig: endpoints}, later
}

func translateEndpoint(a sandbox.Attachment, d dialect) *network.EndpointSettings {
	settings := &network.EndpointSettings{Aliases: a.Aliases}
	if d.atLeast(gatewayPriority) {
		settings.GwPriority = a.Priority
	}
	return settings
}

func translatePorts(ports []sandbox.Port) nat.PortMap {
	if len(ports) == 0 {
		return nil
	}
	out := nat.PortMap{}
	for _, p := range ports {
		binding := nat.PortBinding{HostIP: p.Host.Addr().String()}
		if p.Host.Port() != 0 {
			binding.HostPort = strconv.Itoa(int(p.Host.Port()))
		}
		out[tcpPort(p.Container)] = append(out[tcpPort(p.Container)], binding)
	}
	return out
}

func tcpPort(n uint16) nat.Port { return nat.Port(strconv.Itoa(int(n)) + "/tcp") }

func observeNetwork(c container.InspectResponse, config *container.Config, host *container.HostConfig) sandbox.Network {
	n := sandbox.Network{
		Mode:       string(host.NetworkMode),
		Ports:      observePorts(host.PortBindings),
		Hostname:   config.Hostname,
		ExtraHosts: host.ExtraHosts,
		DNS:        orNil(host.DNS),
		DNSSearch:  orNil(host.DNSSearch),
	}
	if c.NetworkSettings == nil {
		return n
	}
	for name, settings := range c.NetworkSettings.Networks {
		if name != "none" { // the engine's own word for no network
			n.Attached = append(n.Attached, observeEndpoint(name, settings, c.ID))
		}
	}
	return n
}

// observeEndpoint leaves out the aliases that the engine adds after those asked for: the short id, then the hostname.
func observeEndpoint(name string, settings *network.EndpointSettings, id string) sandbox.Attachment {
	a := sandbox.Attachment{Name: name}
	if settings == nil {
		return a
	}
	a.Priority = settings.GwPriority
	for _, alias := range settings.Aliases {
		if len(alias) == 12 && strings.HasPrefix(id, alias) {
			break
		}
		a.Aliases = append(a.Aliases, alias)
	}
	return a
}

// endpointLinks are the links on networks of users: the engine keeps those with the network, not with the container.
func endpointLinks(at *container.NetworkSettings) []string {
	if at == nil {
		return nil
	}
	var out []string
	for _, settings := range at.Networks {
		if settings != nil {
			out = append(out, settings.Links...)
		}
	}
	return out
}

func observePorts(ports nat.PortMap) []sandbox.Port {
	var out []sandbox.Port
	for port, bindings := range ports {
		for _, b := range bindings {
			address, err := netip.ParseAddr(b.HostIP)
			if err != nil {
				address = netip.IPv4Unspecified() // "" is every address of the host
			}
			host, _ := strconv.ParseUint(b.HostPort, 10, 16)
			out = append(out, sandbox.Port{Container: uint16(port.Int()), Host: netip.AddrPortFrom(address, uint16(host))})
		}
	}
	return out
}
