package hardening

import (
	"net/netip"
	"slices"
	"testing"

	"berth/internal/sandbox"
)

func TestOnlyEnginesThatKeepLoopbackToThemselvesMayPublish(t *testing.T) {
	for name, c := range map[string]struct {
		engine sandbox.Engine
		may    bool
	}{
		"20.10":           {sandbox.Engine{Kind: sandbox.Docker, Version: "20.10.24+dfsg1"}, false},
		"26.1":            {sandbox.Engine{Kind: sandbox.Docker, Version: "26.1.5"}, false},
		"27 remapped":     {sandbox.Engine{Kind: sandbox.DockerUserns, Version: "27.5.1"}, false},
		"28":              {sandbox.Engine{Kind: sandbox.Docker, Version: "28.0.0"}, true},
		"26 rootless":     {sandbox.Engine{Kind: sandbox.DockerRootless, Version: "26.1.5"}, true},
		"Podman":          {sandbox.Engine{Kind: sandbox.Podman, Version: "5.8.6"}, false},
		"Podman rootless": {sandbox.Engine{Kind: sandbox.PodmanRootless, Version: "5.8.6"}, true},
		"untold":          {sandbox.Engine{Kind: sandbox.Docker}, false},
	} {
		if MayPublish(c.engine) != c.may {
			t.Errorf("%s: not %t", name, c.may)
		}
	}
}

func TestTheFirewallHasARuleForLoopbackAndOneForEachBridge(t *testing.T) {
	list := []sandbox.NetworkInfo{
		{Name: "bridge", Driver: "bridge", ID: "8f2c", Options: map[string]string{"com.docker.network.bridge.name": "docker0"},
			Subnets: []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")}},
		{Name: "shop_default", Driver: "bridge", ID: "0123456789abcdef0123", Subnets: []netip.Prefix{
			netip.MustParsePrefix("172.18.0.0/16"), netip.MustParsePrefix("fd00::/64")}},
		{Name: "evil\n", Driver: "bridge", Options: map[string]string{"com.docker.network.bridge.name": "x;sh<x;\x1b"},
			Subnets: []netip.Prefix{netip.MustParsePrefix("172.19.0.0/16")}},
		{Name: "none", Driver: "null"}, {Name: "host", Driver: "host"},
		{Name: "lan", Driver: "macvlan", Subnets: []netip.Prefix{netip.MustParsePrefix("192.168.178.0/24")}},
	}
	want := []string{
		"iptables -t raw -I PREROUTING -d 127.0.0.0/8 ! -i lo -j DROP",
		"iptables -t raw -I PREROUTING -d 172.17.0.0/16 ! -i docker0 -j DROP",
		"iptables -t raw -I PREROUTING -d 172.18.0.0/16 ! -i br-0123456789ab -j DROP",
		`# left out: network "evil\n", since its device is called "x;sh<x;\x1b"`,
	}
	if got := FirewallRules(list); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
