package hardening

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/internal/probe"
	"berth/internal/sandbox"
)

func at(api string) sandbox.Engine { return sandbox.Engine{Kind: sandbox.Docker, API: api} }

func TestASealedNetworkLeadsNowhereOnThisEngine(t *testing.T) {
	bridge := func(internal bool, options map[string]string) sandbox.NetworkInfo {
		return sandbox.NetworkInfo{Name: "n", Driver: "bridge", Internal: internal, Options: options}
	}
	inhibit := map[string]string{optionInhibit: "true"}
	isolated := map[string]string{optionGateway: "isolated"}
	six := bridge(true, inhibit)
	six.IPv6 = true
	overlay := bridge(true, inhibit)
	overlay.Driver = "overlay"
	for about, c := range map[string]struct {
		n    sandbox.NetworkInfo
		e    sandbox.Engine
		want bool
	}{
		"inhibited":                   {bridge(true, inhibit), at("1.41"), true},
		"inhibited, not internal":     {bridge(false, inhibit), at("1.51"), false},
		"internal alone":              {bridge(true, nil), at("1.51"), false},
		"isolated, where it counts":   {bridge(true, isolated), at("1.48"), true},
		"isolated, where it is inert": {bridge(true, isolated), at("1.47"), false},
		"with IPv6":                   {six, at("1.51"), false},
		"of another driver":           {overlay, at("1.51"), false},
		"on Podman":                   {bridge(true, inhibit), sandbox.Engine{Kind: sandbox.Podman, API: "1.41"}, false},
	} {
		if got := Sealed(c.n, c.e); got != c.want || Opens(c.n, c.e).Sealed != c.want {
			t.Errorf("%s: %v", about, got)
		}
	}
}

func TestTheNetworkThatBerthSealsIsSealed(t *testing.T) {
	for _, api := range []string{"1.41", "1.45", "1.48", "1.51"} {
		own := SealedBridge("shop", at(api))
		if !Sealed(sandbox.NetworkInfo{Driver: "bridge", Internal: own.Internal, Options: own.Options}, at(api)) {
			t.Errorf("API %s: %+v", api, own)
		}
		if _, asked := own.Options[optionGateway]; asked != (api >= "1.48") {
			t.Errorf("API %s: %v", api, own.Options)
		}
	}
}

// sealedCase is a sandbox that has relays.
func sealedCase(t *testing.T, p Profile) hardeningCase {
	t.Helper()
	c := plainCase(t, p)
	own := SealedBridge("shop", c.facts.Engine)
	c.facts.Networks = []sandbox.NetworkInfo{{Name: own.Name, Driver: "bridge", Internal: true, Options: own.Options}}
	c.spec.Network.Attached = []sandbox.Attachment{{Name: own.Name}}
	c.harden(t)
	return c
}

func TestASandboxWithRelaysIsOnItsOwnSealedNetworkAlone(t *testing.T) {
	c := sealedCase(t, Strict)
	if n := c.hardened.Network; n.Mode != "0berth-shop" || len(n.Attached) != 1 || !slices.Equal(n.DNS, []string{"127.0.0.1"}) || len(n.Ports) > 0 {
		t.Errorf("got %+v", n)
	}
	if bad := failures(Audit(c.hardened, c.hardened, Strict, nil, c.facts, Probes{})); len(bad) > 0 {
		t.Errorf("%+v", bad)
	}
	paranoid := sealedCase(t, Paranoid)
	if n := paranoid.hardened.Network; n.Mode != "none" || len(n.Attached) > 0 {
		t.Errorf("paranoid: %+v", n)
	}
}

// What might be loosened by hand on a sandbox with relays, and the one rule whose finding it is.
func TestSofteningASealedNetworkIsTheFindingOfOneRule(t *testing.T) {
	for about, c := range map[string]struct {
		rule string
		soft func(*spec, *Facts)
	}{
		"not internal": {"bridge-options", func(_ *spec, f *Facts) { f.Networks[0].Internal = false }},
		"with IPv6":    {"bridge-options", func(_ *spec, f *Facts) { f.Networks[0].IPv6 = true }},
		"with a gateway": {"bridge-options", func(_ *spec, f *Facts) {
			f.Networks[0].Options = maps.Clone(f.Networks[0].Options)
			delete(f.Networks[0].Options, optionInhibit)
		}},
		"not isolated": {"bridge-options", func(_ *spec, f *Facts) {
			f.Networks[0].Options = maps.Clone(f.Networks[0].Options)
			f.Networks[0].Options[optionGateway] = "nat"
		}},
		"not there": {"bridge-options", func(_ *spec, f *Facts) { f.Networks = nil }},
		"left":      {"own-network", func(s *spec, _ *Facts) { s.Network.Mode, s.Network.Attached = "none", nil }},
		"joined another": {"joined-networks", func(s *spec, _ *Facts) {
			s.Network.Attached = append(s.Network.Attached, sandbox.Attachment{Name: "shop_default"})
		}},
		"another resolver": {"dns", func(s *spec, _ *Facts) { s.Network.DNS = []string{"192.0.2.53"} }},
	} {
		t.Run(about, func(t *testing.T) {
			sealed := sealedCase(t, Strict)
			observed, facts := clone(sealed.hardened), sealed.facts
			facts.Networks = slices.Clone(facts.Networks)
			c.soft(&observed, &facts)
			onlyFails(t, c.rule, Audit(sealed.hardened, observed, Strict, nil, facts, Probes{}))
		})
	}
}

func TestAJoinedNetworkThatWasSealedMustStaySo(t *testing.T) {
	c := plainCase(t, Compat)
	c.spec.Network.Attached = []sandbox.Attachment{{Name: "closed"}}
	c.harden(t)
	c.facts.Sealed = []string{"closed"}
	closed := sandbox.NetworkInfo{Name: "closed", Driver: "bridge", Internal: true, Options: map[string]string{optionInhibit: "true"}}
	c.facts.Networks = append(slices.Clone(c.facts.Networks), closed)
	if bad := failures(Audit(c.hardened, c.hardened, Compat, nil, c.facts, Probes{})); len(bad) > 0 {
		t.Fatalf("%+v", bad)
	}
	c.facts.Networks[len(c.facts.Networks)-1].Internal = false
	onlyFails(t, "joined-networks", Audit(c.hardened, c.hardened, Compat, nil, c.facts, Probes{}))
}

func TestUnderARelayingProfileTheWayToTheRelaysIsOpenAndTheHostIsNot(t *testing.T) {
	c := sealedCase(t, Strict)
	open := func(id string) []Finding {
		o := probe.Outcome{ID: id, Class: probe.Network, Result: probe.Open, Evidence: "it answers"}
		return failures(Audit(c.hardened, c.hardened, Strict, nil, c.facts, Probes{Agent: []probe.Outcome{o}}))
	}
	if bad := open("interfaces"); len(bad) > 0 {
		t.Errorf("%+v", bad)
	}
	for id, rule := range map[string]string{"host-gateway": "own-network", "metadata-service": "own-network", "name-resolution": "dns"} {
		if bad := open(id); len(bad) != 1 || bad[0].Rule != rule {
			t.Errorf("%s: %+v", id, bad)
		}
	}
}

func TestThePostureSaysWhereASandboxStands(t *testing.T) {
	c := sealedCase(t, Strict)
	line := NewPosture(Strict, c.hardened, nil, c.facts, nil, Probes{}).String()
	if !strings.Contains(line, " · sidecars through relays") || strings.Contains(line, "joined") {
		t.Error(line)
	}
	plain := plainCase(t, Compat)
	plain.spec.Network.Attached = []sandbox.Attachment{{Name: "shop_default"}}
	plain.harden(t)
	plain.facts.Networks = append(plain.facts.Networks, sandbox.NetworkInfo{Name: "shop_default", Driver: "bridge"})
	line = NewPosture(Compat, plain.hardened, nil, plain.facts, nil, Probes{}).String()
	if !strings.HasSuffix(line, " · joined shop_default: ends the seal: default route, LAN, this machine's services and internet open") {
		t.Error(line)
	}
}

func TestARelayHasNoRightThatItDoesNotUse(t *testing.T) {
	r := Relay{Sandbox: "shop", Number: 2, Network: "cache", Host: "redis", Ports: []uint16{6379, 6380}}
	labels := map[string]string{sandbox.LabelSandbox: "shop", sandbox.LabelKind: "sandbox"}
	s := r.Spec(sandbox.Image{Ref: "starter"}, netip.MustParsePrefix("10.83.0.5/28"), labels, modernEngine())
	if s.Name != "shop.relay2" || s.Process.User != "65533:65533" || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || !s.NoNewPrivileges ||
		!s.ReadonlyRootfs || s.Seccomp != Seccomp("strict") || s.Limits.Pids != 64 || s.Limits.Memory != 64<<20 || s.Limits.MemorySwap != 64<<20 ||
		s.Sysctls["net.ipv4.ip_forward"] != "0" || len(s.Mounts) > 0 || len(s.Network.Ports) > 0 || s.Restart != "no" {
		t.Errorf("got %+v", s)
	}
	if got := strings.Join(s.Process.Cmd, " "); got != "relay --own 10.83.0.0/28 --network cache --host redis --port 6379 --port 6380" {
		t.Errorf("it runs %s", got)
	}
	if want := []sandbox.Attachment{{Name: "0berth-shop", Aliases: []string{"redis"}}, {Name: "cache"}}; s.Network.Mode != "0berth-shop" || !reflect.DeepEqual(s.Network.Attached, want) {
		t.Errorf("it is on %+v", s.Network)
	}
	if s.Labels[sandbox.LabelKind] != "relay" || labels[sandbox.LabelKind] != "sandbox" {
		t.Errorf("labels %v, of the sandbox %v", s.Labels, labels)
	}
	if r.String() != "redis:6379,6380 on cache" {
		t.Error(r.String())
	}
}

func TestARelayAsksForNoLimitThatItsEngineCannotKeep(t *testing.T) {
	rootless := modernEngine()
	rootless.Kind, rootless.CanLimitCPU, rootless.CanLimitMemory, rootless.CanLimitPids = sandbox.DockerRootless, false, false, false
	l := Relay{Sandbox: "shop", Number: 1}.Spec(sandbox.Image{}, netip.MustParsePrefix("10.83.0.0/28"), map[string]string{}, rootless).Limits
	if l.CPUShares != 0 || l.Memory != 0 || l.MemorySwap != 0 || l.Pids != 0 {
		t.Errorf("it asks for %+v", l)
	}
}

func TestARelayThatIsNotAsPlannedIsAFinding(t *testing.T) {
	planned := Relay{Sandbox: "shop", Number: 1, Network: "cache", Host: "redis", Ports: []uint16{6379}}.Spec(
		sandbox.Image{Ref: "starter"}, netip.MustParsePrefix("10.83.0.0/28"), map[string]string{}, modernEngine())
	there := func(change func(*sandbox.Observed)) map[string]sandbox.Observed {
		o := sandbox.Observed{Spec: clone(planned), State: sandbox.Up}
		change(&o)
		return map[string]sandbox.Observed{planned.Name: o}
	}
	for about, c := range map[string]struct {
		have map[string]sandbox.Observed
		up   bool
		want string
	}{
		"as planned":             {there(func(*sandbox.Observed) {}), true, "as planned"},
		"gone":                   {nil, true, "shop.relay1 is not there"},
		"down":                   {there(func(o *sandbox.Observed) { o.State = sandbox.Stopped }), true, "shop.relay1 is stopped"},
		"down with its sandbox":  {there(func(o *sandbox.Observed) { o.State = sandbox.Stopped }), false, "as planned"},
		"with a capability":      {there(func(o *sandbox.Observed) { o.Spec.CapAdd = []string{"NET_ADMIN"} }), true, "shop.relay1: CapAdd: [] is now [NET_ADMIN]"},
		"to another port":        {there(func(o *sandbox.Observed) { o.Spec.Process.Cmd = append(slices.Clone(o.Spec.Process.Cmd[:8]), "22") }), true, "shop.relay1: Process.Cmd: [relay --own 10.83.0.0/28 --network cache --host redis --port 6379] is now [relay --own 10.83.0.0/28 --network cache --host redis --port 22]"},
		"routing for the others": {there(func(o *sandbox.Observed) { o.Spec.Sysctls = nil }), true, "shop.relay1: Sysctls: map[net.ipv4.ip_forward:0] is now map[]"},
	} {
		f := AuditRelays([]sandbox.Spec{planned}, c.have, c.up)
		if f.Observed != c.want || f.Good() != (c.want == "as planned") || f.Good() != (f.Fix == "") {
			t.Errorf("%s: %+v", about, f)
		}
	}
}
