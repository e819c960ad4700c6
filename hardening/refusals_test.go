package hardening

import (
	"net/netip"
	"testing"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// What no rule can mend is refused before anything is made, with a way out.
func TestWhatIsRefusedBeforeTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		profile       Profile
		change        func(*spec, *Facts)
		giveUp        []GiveUp
		message, hint string
	}{
		"root of the host": {
			profile: Standard, change: func(s *spec, _ *Facts) { s.Process.User = "0:0" },
			message: "profile standard: rule not-host-root: the sandbox would run as root of the host",
			hint:    "run berth as an ordinary user, or --give-up not-host-root for folders that root owns",
		},
		"root by another spelling": {
			profile: Standard, change: func(s *spec, _ *Facts) { s.Process.User = "00:0" },
			message: "profile standard: rule not-host-root: the sandbox would run as root of the host",
			hint:    "run berth as an ordinary user, or --give-up not-host-root for folders that root owns",
		},
		"a user by name, which the image could define": {
			profile: Standard, change: func(s *spec, _ *Facts) { s.Process.User = "agent" },
			message: `profile standard: rule not-host-root: user "agent" is not a numeric uid:gid`,
			hint:    "run berth as an ordinary user, or --give-up not-host-root for folders that root owns",
		},
		"root given up, but the folder is another's": {
			profile: Standard, giveUp: []GiveUp{{Rule: "not-host-root"}},
			change: func(s *spec, f *Facts) {
				s.Process.User, f.Owners = "0:0", map[string]int{"/srv/shop": 1000}
			},
			message: "profile standard: rule not-host-root: /srv/shop does not belong to root",
			hint:    "run berth as an ordinary user, or --give-up not-host-root for folders that root owns",
		},
		"the engine's socket": {
			profile: Standard, change: addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/var/run/docker.sock", Target: "/s", ReadOnly: true}),
			message: "profile standard: rule no-engine-socket: wants none, not /var/run/docker.sock:/s:ro",
			hint:    "take the mount out",
		},
		"a folder above the socket in use": {
			profile: Standard, change: func(s *spec, f *Facts) {
				f.Engine.Endpoint = "unix:///home/me/.docker/run/docker.sock"
				addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/home/me/.docker", Target: "/d"})(s, f)
			},
			message: "profile standard: rule no-engine-socket: wants none, not /home/me/.docker:/d:rw",
			hint:    "take the mount out",
		},
		"an image by name": {
			profile: Standard, change: func(s *spec, _ *Facts) { s.Image.ID = "acme/agent:1" },
			message: `profile standard: rule image-by-id: "acme/agent:1" is not the id of an image`,
			hint:    "stop the sandbox and start it again",
		},
		"a port for the whole network": {
			profile: Compat, change: func(s *spec, _ *Facts) {
				s.Network.Ports = []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("0.0.0.0:0")}}
			},
			message: "profile compat: rule loopback-ports: port 8000 is published on 0.0.0.0:0",
			hint:    "stop the sandbox and start it again",
		},
		"a user database that the sandbox can write": {
			profile: Standard, change: changeMount("/etc/passwd", func(m *sandbox.Mount) { m.ReadOnly = false }),
			message: "profile standard: rule own-mounts-readonly: /etc/passwd is writable",
			hint:    "stop the sandbox and start it again",
		},
		"a folder of the user's in place of the home": {
			profile: Standard, change: addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/home", Target: "/home"}),
			message: "profile standard: rule home: /home is mounted at /home, where the sandbox's home lies",
			hint:    "mount it elsewhere",
		},
		"an engine that filters no system calls": {
			profile: Standard, change: func(_ *spec, f *Facts) { f.Engine.Security = []string{"apparmor"} },
			message: "profile standard: rule seccomp: this engine has no seccomp",
			hint:    "use an engine whose kernel filters system calls, or --profile compat",
		},
		"an engine that cannot limit processor time": {
			profile: Strict, change: func(_ *spec, f *Facts) {
				f.Engine.CanLimitCPU, f.Engine.Kind = false, sandbox.DockerRootless
			},
			message: "profile strict: rule limit-cpus: this engine cannot limit processor time: it runs rootless without delegated cgroup v2 controllers",
			hint:    "ask for less, or use another engine",
		},
		"an engine open to everybody": {
			profile: Standard, change: func(_ *spec, f *Facts) { f.Engine.Endpoint = "tcp://192.0.2.7:2375" },
			message: "profile standard: rule engine-closed: anybody can reach tcp://192.0.2.7:2375",
			hint:    "docker context create NAME --docker host=ssh://USER@HOST",
		},
		"more cores than there are": {
			profile: Standard, change: func(*spec, *Facts) {}, giveUp: []GiveUp{{Rule: "limit-cpus", Value: "8.5"}},
			message: "profile standard: rule limit-cpus: the engine has only 8 cores",
			hint:    "ask for less, or use another engine",
		},
		"more open files than the engine may open itself": {
			profile: Standard, change: func(_ *spec, f *Facts) { f.Engine.NofileMax = 4096 },
			giveUp:  []GiveUp{{Rule: "limit-nofile", Value: "65536"}},
			message: "profile standard: rule limit-nofile: the engine itself may open only 4096 files",
			hint:    "ask for less, or use another engine",
		},
		"a runtime that is not there": {
			profile: Standard, change: func(*spec, *Facts) {}, giveUp: []GiveUp{{Rule: "runtime", Value: "kata"}},
			message: `profile standard: rule runtime: the engine has no runtime "kata"; it has runc`,
			hint:    "ask for less, or use another engine",
		},
		"root inside with a writable folder": {
			profile: Compat, change: changeMount("/workspace", func(m *sandbox.Mount) { m.ReadOnly = false }),
			message: "profile compat: rule root-on-mount: the image's user may become root, and a folder of the host is writable",
			hint:    "--profile standard, a read-only mount, or --give-up root-on-mount",
		},
		"a joined network under strict": {
			profile: Strict, change: func(s *spec, _ *Facts) { s.Network.Attached = []sandbox.Attachment{{Name: "shop_default"}} },
			message: "profile strict: rule joined-networks: this profile joins no network, and shop_default is joined",
			hint:    "--profile standard, or leave the network out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := plainCase(t, c.profile)
			c.change(&in.spec, &in.facts)
			_, _, err := Harden(in.spec, c.profile, c.giveUp, in.facts)
			if err == nil || err.Error() != c.message || fault.HintOf(err) != c.hint {
				t.Errorf("%v\nhint: %s", err, fault.HintOf(err))
			}
		})
	}
}

func TestRootMayRunWhereRootOwnsTheFolderAndTheUserSaysSo(t *testing.T) {
	c := plainCase(t, Standard)
	c.spec.Process.User, c.facts.Owners = "0:0", map[string]int{"/srv/shop": 0}
	hardened, findings, err := Harden(c.spec, Standard, []GiveUp{{Rule: "not-host-root", Source: "--give-up"}}, c.facts)
	if err != nil {
		t.Fatal(err)
	}
	if hardened.Process.User != "0:0" || len(hardened.CapDrop) != 1 || !hardened.NoNewPrivileges {
		t.Errorf("%+v", hardened)
	}
	p := NewPosture(Standard, hardened, []GiveUp{{Rule: "not-host-root"}}, c.facts, findings, Probes{})
	if len(p.GivenUp) != 1 || p.GivenUp[0] != "not-host-root" {
		t.Errorf("%+v", p)
	}
}

func TestARootlessEnginesRootIsTheUser(t *testing.T) {
	c := plainCase(t, Standard)
	c.spec.Process.User, c.facts.Engine.Kind = "0:0", sandbox.DockerRootless
	if _, _, err := Harden(c.spec, Standard, nil, c.facts); err != nil {
		t.Error(err)
	}
}

// A plan without the engine's networks is fine; an audit without them knows nothing, and says so.
func TestAnAuditThatWasNotToldTheNetworksDoesNotPass(t *testing.T) {
	c := plainCase(t, Compat)
	c.facts.Networks = nil
	bad := failures(Audit(c.hardened, c.hardened, Compat, nil, c.facts, Probes{}))
	if len(bad) != 1 || bad[0].Rule != "bridge-options" || bad[0].State != Unknown {
		t.Errorf("%+v", bad)
	}
}

func TestWhatTheEngineReallyBoundCounts(t *testing.T) {
	c := plainCase(t, Compat)
	for name, published := range map[string][]sandbox.Port{
		"port 8000 is published on 0.0.0.0:8010":        {{Container: 8000, Host: netip.MustParseAddrPort("0.0.0.0:8010")}},
		"port 22 is published, which nobody asked for":  {{Container: 22, Host: netip.MustParseAddrPort("127.0.0.1:8010")}},
		"port 8000 is published on [::]:8010":           {{Container: 8000, Host: netip.MustParseAddrPort("[::]:8010")}},
		"port 8000 is published on 192.168.178.20:8010": {{Container: 8000, Host: netip.MustParseAddrPort("192.168.178.20:8010")}},
	} {
		c.facts.Published = published
		bad := failures(Audit(c.hardened, c.hardened, Compat, nil, c.facts, Probes{}))
		if len(bad) != 1 || bad[0].Rule != "loopback-ports" || bad[0].Observed != name {
			t.Errorf("%s: %+v", name, bad)
		}
	}
	c.facts.Published = []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("[::1]:32768")}}
	if bad := failures(Audit(c.hardened, c.hardened, Compat, nil, c.facts, Probes{})); len(bad) > 0 {
		t.Errorf("%+v", bad)
	}
}
