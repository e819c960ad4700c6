package egress

import (
	"net/netip"
	"testing"
)

func TestWhichAddressesAreNotPublic(t *testing.T) {
	rows := map[string]string{
		"0.0.0.0": "of this host (0.0.0.0/8)", "0.1.2.3": "of this host (0.0.0.0/8)",
		"10.0.0.1": "private (RFC 1918)", "172.16.0.1": "private (RFC 1918)", "172.31.255.255": "private (RFC 1918)", "192.168.1.1": "private (RFC 1918)",
		"100.64.0.1": "private (carrier-grade NAT)", "100.100.100.200": "private (carrier-grade NAT)",
		"127.0.0.1": "loopback", "127.255.255.255": "loopback", "::1": "loopback",
		"169.254.169.254": "link-local, where clouds keep their metadata", "168.63.129.16": "a cloud's own",
		"192.0.0.192": "reserved", "224.0.0.251": "multicast", "240.0.0.1": "reserved or broadcast", "255.255.255.255": "reserved or broadcast",
		"::": "reserved", "::10.0.0.1": "reserved", "fe80::1": "link-local", "fe80::1%eth0": "link-local", "fec0::1": "private (site-local)",
		"fd00:ec2::254": "private (RFC 4193)", "fc00::1": "private (RFC 4193)", "ff02::1": "multicast", "4000::1": "reserved", "100::1": "reserved",

		"::ffff:10.0.0.1": "private (RFC 1918)", "::ffff:169.254.169.254": "link-local, where clouds keep their metadata",
		"64:ff9b::10.0.0.1": "private (RFC 1918)", "64:ff9b::7f00:1": "loopback", "64:ff9b:1::1": "a translated private one (RFC 8215)",
		"2002:a00:1::1": "private (RFC 1918)", "2002:7f00:1::": "loopback", "2002:a9fe:a9fe::1": "link-local, where clouds keep their metadata",
		"2001:0:a00:1::": "private (RFC 1918)", "2001:0:c000:201:0:0:f5ff:fffe": "private (RFC 1918)", "2001:0:c000:201:0:0:80ff:fefe": "loopback",

		"192.0.2.1": "", "198.51.100.7": "", "203.0.113.80": "", "2001:db8::1": "", // documentation
		"1.1.1.1": "", "172.32.0.1": "", "100.128.0.1": "", "172.15.255.255": "", "2606:4700::1111": "", "::ffff:1.1.1.1": "",
		"64:ff9b::1.1.1.1": "", "2002:101:101::1": "",
	}
	for text, want := range rows {
		got := ""
		if k := reserved(netip.MustParseAddr(text)); k != nil {
			got = k.what
		}
		if got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func TestThisMachineAndItsNeighboursAreNotPublic(t *testing.T) {
	own := []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24"), netip.MustParsePrefix("2001:db8:1::5/64")}
	for text, want := range map[string]bool{
		"198.51.100.7": true, "198.51.100.200": true, "198.51.101.7": false,
		"2001:db8:1::5": true, "2001:db8:1::99": true, "2001:db8:2::5": false,
	} {
		if got := kindOf(netip.MustParseAddr(text), own); (got != nil) != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestTheMachinesOwnNetworksHoldTheLoopback(t *testing.T) {
	for _, prefix := range ownNetworks() {
		if prefix.Contains(loopback) {
			return
		}
	}
	t.Errorf("no loopback in %v", ownNetworks())
}

// An address inside an IPv4 one's kind stays of that kind in whatever form it is written.
func FuzzEmbedded(f *testing.F) {
	f.Add(uint32(0x0a000001))
	f.Add(uint32(0xa9fea9fe))
	f.Add(uint32(0x01010101))
	f.Fuzz(func(t *testing.T, bits uint32) {
		four := [4]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)}
		want := reserved(netip.AddrFrom4(four)) != nil
		for _, prefix := range []string{"::ffff:0:0", "64:ff9b::"} {
			whole := netip.MustParseAddr(prefix).As16()
			copy(whole[12:], four[:])
			if got := reserved(netip.AddrFrom16(whole)) != nil; got != want {
				t.Fatalf("%v: %v, but %v: %v", netip.AddrFrom16(whole), got, netip.AddrFrom4(four), want)
			}
		}
		six := netip.MustParseAddr("2002::1").As16()
		copy(six[2:], four[:])
		if got := reserved(netip.AddrFrom16(six)) != nil; got != want {
			t.Fatalf("%v: %v", netip.AddrFrom16(six), got)
		}
	})
}
