package attacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestReachFromInside: a sandbox reaches nothing around it by itself, whatever its egress; a container on the default
// bridge reaches all of it.
func TestReachFromInside(t *testing.T) {
	w := newWorld(t)
	hosts := w.docker("run", "--detach", "--network", "host", "--volume", weapons(t)+":/tools:ro", w.image, "-port", "7003")
	t.Cleanup(func() { w.docker("rm", "-f", "-v", hosts) })
	plain, shared := w.in(w.twin.id), w.in(hosts)
	around := map[string]place{
		at(hostLAN, "7001"): plain, at(w.twin.gateway, "7001"): plain, at(lanService, "80"): plain, at(metadata, "80"): plain,
		at(publicService, "80"): plain, at(w.twin.unpublished, "8000"): plain,
		"127.0.0.1:7002": shared, // only who shares the host's network reaches its loopback
	}
	if ipv6() {
		around[at(lanService6, "80")], around["[::1]:7002"] = shared, shared
	}
	for target, from := range around {
		if got := from.tries(t, "dial", target)[target]; got != "open" {
			t.Errorf("%s cannot fail: without a wall it is %s", target, got)
		}
	}
	if got := plain.tries(t, "resolve", "twin.example.test"); got["twin.example.test"] != "closed" || !strings.Contains(w.queries(), "twin") {
		t.Errorf("the engine's resolver was not asked for the twin: %v %q", got, w.queries())
	}

	other := w.up("other")
	for _, egress := range []string{"off", "public.example.test:80", "on"} {
		t.Run("egress "+egress, func(t *testing.T) {
			s := w.up("shop", "--egress", egress)
			var targets []string
			for target := range around {
				targets = append(targets, target)
			}
			link := apiLink(t, other)
			targets = append(targets, at("127.0.0.1", link.port()), at(w.twin.gateway, link.port()))
			names := []string{"leak.example.test", "public.example.test", "host.docker.internal", other.Name + ".localhost.", "berth-" + other.Name}
			for _, who := range []place{inside(s), inside(s, "-u", "0")} {
				for target, got := range who.tries(t, "dial", targets...) {
					if got != "closed" {
						t.Errorf("%s is %s", target, got)
					}
				}
				for name, got := range who.tries(t, "resolve", names...) {
					if got != "closed" {
						t.Errorf("the name %s is %s", name, got)
					}
				}
			}
			if got := w.queries(); strings.Contains(got, "leak") || strings.Contains(got, "public") || strings.Contains(got, "internal") {
				t.Errorf("the resolver was asked:\n%s", got)
			}
			s.Berth("rm", "-f", s.Name).Exits(0)
		})
	}
}

// wishes are what a proxy must not lead to, in every way to write it.
var wishes = []string{
	"127.0.0.1:7002", "127.1:7002", "2130706433:7002", "0x7f000001:7002", "0177.0.0.1:7002", "0.0.0.0:7002", "0:7002",
	"localhost:7002", "LOCALHOST.:7002", "loopback.example.test:7002", "[::1]:7002", "[::]:7002", "[::ffff:127.0.0.1]:7002",
	"[64:ff9b::127.0.0.1]:7002", "[0:0:0:0:0:ffff:7f00:1]:7002", "[2002:7f00:1::]:7002",
	lanService + ":80", "lan.example.test:80", "[::ffff:10.99.0.2]:80", "[64:ff9b::a63:2]:80", "[" + lanService6 + "]:80", "174260226:80",
	metadata + ":80", "metadata.example.test:80", "2852039166:80", "0xa9fea9fe:80", "[::ffff:169.254.169.254]:80", "[64:ff9b::a9fe:a9fe]:80",
	"[fd00:ec2::254]:80", "[fe80::1]:80",
	hostLAN + ":7001", "host.example.test:7001", hostPublic + ":7001",
}

// TestProxyFromInside: berth's proxy leads to public hosts, if the egress names them, and to nothing private, however it
// is written; to a private target that the user named, it leads.
func TestProxyFromInside(t *testing.T) {
	w := newWorld(t)
	const proxy = "127.0.0.1:3128"
	no := []string{"403", "400"} // 400: it is no host's name at all
	ask := func(t *testing.T, who place, targets ...string) map[string]string {
		t.Helper()
		return who.tries(t, "proxy", append([]string{proxy}, targets...)...)
	}
	for _, row := range []struct {
		egress  string
		leads   map[string]string
		refused []string
	}{
		{"on", map[string]string{"public.example.test:80": "200", publicService + ":80": "200", "other.example.test:80": "200"}, no},
		{"public.example.test:80", map[string]string{"public.example.test:80": "200", publicService + ":80": "403", "other.example.test:80": "403"}, no},
		{"off", map[string]string{"public.example.test:80": "closed"}, []string{"closed"}},
	} {
		t.Run("egress "+row.egress, func(t *testing.T) {
			s := w.up("shop", "--egress", row.egress)
			for target, got := range ask(t, inside(s), "public.example.test:80", publicService+":80", "other.example.test:80") {
				if want, said := row.leads[target]; said && got != want {
					t.Errorf("%s gives %s, want %s", target, got, want)
				}
			}
			for target, got := range ask(t, inside(s), wishes...) {
				if want := row.refused; !slices.Contains(want, got) {
					t.Errorf("%s gives %s", target, got)
				}
			}
			s.Berth("rm", "-f", s.Name).Exits(0)
		})
	}
	t.Run("what the user named", func(t *testing.T) {
		named := []string{"lan.example.test:80", metadata + ":80", "loopback.example.test:7002", "host.example.test:7001"}
		w.home.Write(".config/berth/config.toml", fmt.Sprintf("egress_private = [%s]\n", `"`+strings.Join(named, `", "`)+`"`))
		s := w.up("shop")
		for target, got := range ask(t, inside(s), named...) {
			if got != "200" {
				t.Errorf("%s cannot fail: where it is named it gives %s", target, got)
			}
		}
		for target, got := range ask(t, inside(s), "lan.example.test:443", lanService+":80", "metadata.example.test:80") {
			if got != "403" {
				t.Errorf("%s was not named, and gives %s", target, got)
			}
		}
	})
}
