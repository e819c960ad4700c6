package network

import (
	"net/netip"
	"slices"
)

// SubnetBits is the size of the subnets that berth takes: 16 addresses.
const SubnetBits = 28

// Subnet is a range for a new network.
type Subnet struct {
	Prefix netip.Prefix
	Route  netip.Prefix // of the host, that also leads there (a VPN's); not valid: none
}

// PickSubnet gives the first /28 of pool that overlaps no network of the engine and no route of the host, the default
// route not counted. Where one route covers the whole pool, it is put up with and named. A race lost to another launch
// is told by adding the range to networks. No range left: an *Error.
func PickSubnet(pool netip.Prefix, networks, routes []netip.Prefix) (Subnet, error) {
	routes = slices.DeleteFunc(slices.Clone(routes), func(r netip.Prefix) bool { return r.Bits() == 0 })
	if found, ok := firstFree(pool, slices.Concat(networks, routes)); ok {
		return Subnet{Prefix: found}, nil
	}
	covers := func(r netip.Prefix) bool { return r.Overlaps(pool) && r.Bits() <= pool.Bits() }
	narrow := slices.DeleteFunc(slices.Clone(routes), covers)
	if found, ok := firstFree(pool, slices.Concat(networks, narrow)); ok {
		wide := routes[slices.IndexFunc(routes, covers)]
		return Subnet{Prefix: found, Route: wide}, nil
	}
	return Subnet{}, failure(NoSubnet, "remove networks that nobody uses (docker network prune), or set subnet_pool to a range that is free",
		"%s: every range of this pool is in use by a network of the engine or a route of the host", pool)
}

func firstFree(pool netip.Prefix, used []netip.Prefix) (netip.Prefix, bool) {
	pool = pool.Masked()
	used = slices.DeleteFunc(slices.Clone(used), func(u netip.Prefix) bool { return !u.IsValid() || !u.Overlaps(pool) })
	for start := pool.Addr(); pool.Contains(start); start = after(start) {
		candidate := netip.PrefixFrom(start, SubnetBits)
		if !slices.ContainsFunc(used, candidate.Overlaps) {
			return candidate, true
		}
		if after(start).Less(start) {
			break
		}
	}
	return netip.Prefix{}, false
}

// after gives the address one subnet further on; at the end of all addresses it begins again.
func after(a netip.Addr) netip.Addr {
	b := a.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n += 1 << (32 - SubnetBits)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
