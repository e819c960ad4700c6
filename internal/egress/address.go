package egress

import (
	"net"
	"net/netip"
)

// kind is a range of addresses that a sandbox is not let to.
type kind struct {
	prefix netip.Prefix
	what   string // "has an address that is ..."
	named  bool   // a name in egress_private may be looked up to it
}

func ranged(prefix, what string, named bool) kind {
	return kind{netip.MustParsePrefix(prefix), what, named}
}

// kinds are the addresses that are not public. The ranges for documentation are not here: nobody is there.
var kinds = []kind{
	ranged("0.0.0.0/8", "of this host (0.0.0.0/8)", false),
	ranged("10.0.0.0/8", "private (RFC 1918)", true),
	ranged("100.64.0.0/10", "private (carrier-grade NAT)", true),
	ranged("127.0.0.0/8", "loopback", true),
	ranged("168.63.129.16/32", "a cloud's own", false), // Azure's agent of the host, public by its form only
	ranged("169.254.0.0/16", "link-local, where clouds keep their metadata", false),
	ranged("172.16.0.0/12", "private (RFC 1918)", true),
	ranged("192.0.0.0/24", "reserved", false), // a cloud's metadata is here too
	ranged("192.168.0.0/16", "private (RFC 1918)", true),
	ranged("224.0.0.0/4", "multicast", false),
	ranged("240.0.0.0/4", "reserved or broadcast", false),

	ranged("::1/128", "loopback", true),
	ranged("64:ff9b:1::/48", "a translated private one (RFC 8215)", false),
	ranged("fc00::/7", "private (RFC 4193)", true),
	ranged("fe80::/10", "link-local", false),
	ranged("fec0::/10", "private (site-local)", true),
	ranged("ff00::/8", "multicast", false),
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// embedding is a form of IPv6 address that leads to an IPv4 one, which it holds at a byte.
type embedding struct {
	prefix netip.Prefix
	at     int
	flip   byte // each byte is XORed with it
}

// global is all of IPv6 that is given out to hosts; beside it only nat64 leads out.
var (
	global = netip.MustParsePrefix("2000::/3")
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
)

var embeddings = []embedding{
	{nat64, 12, 0},
	{netip.MustParsePrefix("2002::/16"), 2, 0},        // 6to4, RFC 3056
	{netip.MustParsePrefix("2001::/32"), 4, 0},        // Teredo's server, RFC 4380
	{netip.MustParsePrefix("2001::/32"), 12, 0xff},    // Teredo's client
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, 0}, // translated, RFC 2765
}

// reserved gives the kind an address is of, nil for a public one. What an IPv6 address embeds counts as itself.
func reserved(addr netip.Addr) *kind {
	addr = addr.WithZone("").Unmap()
	for i := range kinds {
		if kinds[i].prefix.Contains(addr) {
			return &kinds[i]
		}
	}
	if addr.Is4() {
		return nil
	}
	for _, e := range embeddings {
		if !e.prefix.Contains(addr) {
			continue
		}
		if k := reserved(e.inner(addr)); k != nil {
			return &kind{what: k.what}
		}
	}
	if !global.Contains(addr) && !nat64.Contains(addr) {
		return &kind{what: "reserved"}
	}
	return nil
}

func (e embedding) inner(addr netip.Addr) netip.Addr {
	whole := addr.As16()
	var four [4]byte
	for i := range four {
		four[i] = whole[e.at+i] ^ e.flip
	}
	return netip.AddrFrom4(four)
}

// ours is what an address of this machine, or of a network it is in, is called.
var ours = kind{what: "of this machine or its own network", named: true}

// ownNetworks asks the machine for its addresses, each with the network it is in: neighbours with public IPv6
// addresses are in the LAN too. Without an answer, as for want of descriptors, it gives none.
func ownNetworks() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}
