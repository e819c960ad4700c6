package hardening

import (
	"fmt"
	"math/rand"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"berth/internal/sandbox"
)

func TestAHardenedSandboxPassesItsAudit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		for _, f := range Audit(c.hardened, c.hardened, c.profile, c.giveUp, c.facts, Probes{}) {
			if !f.Good() {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestHardeningTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		again, _, err := Harden(c.hardened, c.profile, c.giveUp, c.facts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := sandbox.Diff(c.hardened, again); !reflect.DeepEqual(again, c.hardened) {
			t.Errorf("%v", diff)
		}
	})
}

func TestTheOrderOfRulesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		shuffled := Rules(c.profile)
		rand.New(rand.NewSource(rapid.Int64().Draw(t, "order"))).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		out, s := clone(c.spec), newScope(c.spec, c.profile, c.giveUp, c.facts)
		for _, r := range shuffled {
			r.applyTo(&out, s)
		}
		if out = out.Normalise(); !reflect.DeepEqual(out, c.hardened) {
			t.Errorf("%v", sandbox.Diff(c.hardened, out))
		}
	})
}

func TestHardeningLeavesTheSpecItGotAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, p, f := anySpec(t), anyProfile(t), anyFacts(t)
		before := fmt.Sprintf("%+v", spec)
		_, _, _ = Harden(spec, p, nil, f)
		if after := fmt.Sprintf("%+v", spec); after != before {
			t.Errorf("was %s\nis %s", before, after)
		}
	})
}

// Every rule has a row: what someone might loosen by hand. The finding is that rule's and no other's.
func TestSofteningOneThingIsTheFindingOfOneRule(t *testing.T) {
	for _, r := range rules {
		for _, p := range profilesWith(r) {
			t.Run(r.ID+"/"+string(p), func(t *testing.T) { softenOne(t, r, plainCase(t, p)) })
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(rules).Draw(t, "rule")
		softenOne(t, r, anyCaseOf(t, rapid.SampledFrom(profilesWith(r)).Draw(t, "profile")))
	})
	for id := range soften {
		if !slices.Contains(ruleIDs(), id) {
			t.Errorf("row %s has no rule", id)
		}
	}
}

func softenOne(t rapid.TB, r Rule, c hardeningCase) {
	soft, ok := soften[r.ID]
	if !ok {
		t.Fatalf("rule %s has no row", r.ID)
	}
	if len(c.giveUp) > 0 || r.Needs.missing(c.facts.Engine) != "" || r.Needs.silent(c.facts.Engine) {
		return // the rule does not hold here, or nobody would tell
	}
	planned, observed, facts := c.hardened, clone(c.hardened), c.facts
	if soft(&observed, &facts); aboutThePlan[r.ID] {
		planned = observed
	}
	onlyFails(t, r.ID, Audit(planned, observed, c.profile, nil, facts, Probes{}))
}

func profilesWith(r Rule) []Profile {
	return slices.DeleteFunc(Profiles(), func(p Profile) bool {
		return r.only != nil && !r.only(policies[p]) || (r.ID == "bridge-options") && EgressOf(p) != Direct || r.ID == "egress" && EgressOf(p) == Direct
	})
}

func onlyFails(t rapid.TB, rule string, findings []Finding) {
	t.Helper()
	var bad []string
	for _, f := range findings {
		if !f.Good() {
			bad = append(bad, f.Rule)
			if f.Fix == "" || f.Wanted == f.Observed {
				t.Errorf("finding says too little: %+v", f)
			}
		}
	}
	if !slices.Equal(bad, []string{rule}) {
		t.Errorf("softening %s: findings %v", rule, bad)
	}
}

// aboutThePlan are rules that hold nothing of a running sandbox, but refuse a plan.
var aboutThePlan = map[string]bool{"root-on-mount": true}

// soften loosens what a rule is about, as by hand behind berth's back.
var soften = map[string]func(*spec, *Facts){
	"identity":      func(s *spec, _ *Facts) { s.Labels["dev.berth.project"] = "/elsewhere" },
	"engine-closed": func(_ *spec, f *Facts) { f.Engine.Endpoint = "tcp://192.0.2.1:2375" },
	"image-by-id":   func(s *spec, _ *Facts) { s.Image.ID = "sha256:" + strings.Repeat("0", 64) },
	"not-host-root": func(s *spec, _ *Facts) { s.Process.User = "0:" },
	"root-on-mount": func(s *spec, f *Facts) {
		if isPodman(f.Engine.Kind) && s.Runtime == "" { // only Podman is left to name its own runtime
			s.Runtime = f.Engine.DefaultRuntime
		}
		f.Engine.Kind, f.Networks = sandbox.Docker, bridges(sandbox.Docker)
		addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/srv/shop", Target: "/data"})(s, nil)
	},
	"groups":              func(s *spec, _ *Facts) { s.Process.Groups = []string{"docker"} },
	"command":             func(s *spec, _ *Facts) { s.Process.Cmd = []string{"--no-auth"} },
	"init":                func(s *spec, _ *Facts) { s.Process.Init = !s.Process.Init },
	"no-tty":              func(s *spec, _ *Facts) { s.Process.TTY = true },
	"stop-signal":         func(s *spec, _ *Facts) { s.Process.StopSignal = "SIGWINCH" },
	"stop-timeout":        func(s *spec, _ *Facts) { s.Process.StopTimeout = time.Hour },
	"healthcheck":         func(s *spec, _ *Facts) { s.Process.Health = &sandbox.Health{Command: []string{"/evil"}} },
	"no-privileged":       func(s *spec, _ *Facts) { s.Privileged = true },
	"cap-drop":            func(s *spec, _ *Facts) { s.CapDrop = nil },
	"cap-add":             func(s *spec, _ *Facts) { s.CapAdd = append(s.CapAdd, "SYS_ADMIN") },
	"no-new-privileges":   func(s *spec, _ *Facts) { s.NoNewPrivileges = false },
	"seccomp":             func(s *spec, _ *Facts) { s.Seccomp = "unconfined" },
	"lsm":                 func(s *spec, _ *Facts) { s.AppArmor = "unconfined" },
	"pid-namespace":       func(s *spec, _ *Facts) { s.PidMode = "host" },
	"uts-namespace":       func(s *spec, _ *Facts) { s.UTSMode = "host" },
	"ipc-namespace":       func(s *spec, _ *Facts) { s.IpcMode = "host" },
	"cgroup-namespace":    func(s *spec, _ *Facts) { s.CgroupnsMode = "host" },
	"user-namespace":      func(s *spec, _ *Facts) { s.UsernsMode = "host" },
	"cgroup-parent":       func(s *spec, _ *Facts) { s.CgroupParent = "/system.slice" },
	"no-links":            func(s *spec, _ *Facts) { s.Links = []string{"db:db"} },
	"no-volumes-from":     func(s *spec, _ *Facts) { s.VolumesFrom = []string{"db"} },
	"no-devices":          func(s *spec, _ *Facts) { s.Devices = []string{"/dev/sda:/dev/sda:rw"} },
	"no-gpu":              func(s *spec, _ *Facts) { s.GPU = true },
	"runtime":             func(s *spec, _ *Facts) { s.Runtime = "mine" },
	"sysctls":             func(s *spec, _ *Facts) { s.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"} },
	"no-restart":          func(s *spec, _ *Facts) { s.Restart = "always" },
	"no-auto-remove":      func(s *spec, _ *Facts) { s.AutoRemove = true },
	"no-engine-socket":    addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/var/run", Target: "/host-run", ReadOnly: true}),
	"mounts":              addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/home/me/.config", Target: "/config", ReadOnly: true}),
	"read-only-mounts":    changeMount("/workspace", func(m *sandbox.Mount) { m.ReadOnly = false }),
	"own-mounts-readonly": changeMount("/etc/passwd", func(m *sandbox.Mount) { m.ReadOnly = false }),
	"home":                addMount(sandbox.Mount{Kind: sandbox.Bind, Source: "/home/me", Target: "/home"}),
	"image-volumes": func(s *spec, _ *Facts) {
		s.Tmpfs = slices.DeleteFunc(s.Tmpfs, func(t sandbox.Tmpfs) bool { return t.Target == "/var/lib/state" })
		addMount(sandbox.Mount{Kind: sandbox.Volume, Source: strings.Repeat("ab", 32), Target: "/var/lib/state"})(s, nil)
	},
	"tmpfs":           func(s *spec, _ *Facts) { s.Tmpfs = append(s.Tmpfs, sandbox.Tmpfs{Target: "/opt/x", Exec: true}) },
	"read-only-root":  func(s *spec, _ *Facts) { s.ReadonlyRootfs = false },
	"masked-paths":    func(s *spec, _ *Facts) { s.MaskedPaths = []string{} },
	"read-only-paths": func(s *spec, _ *Facts) { s.ReadonlyPaths = []string{} },
	"own-network":     func(s *spec, _ *Facts) { s.Network.Mode = "host" },
	"bridge-options":  func(_ *spec, f *Facts) { f.Networks = []sandbox.NetworkInfo{{Name: "0berth-shop", IPv6: true}} },
	"egress":          func(_ *spec, f *Facts) { f.Reach.Egress = Direct },
	"joined-networks": func(s *spec, _ *Facts) {
		s.Network.Attached = append(s.Network.Attached, sandbox.Attachment{Name: "bridge"})
	},
	"loopback-ports": func(s *spec, _ *Facts) {
		s.Network.Ports = append(s.Network.Ports, sandbox.Port{Container: 22, Host: netip.MustParseAddrPort("0.0.0.0:22")})
	},
	"no-publish-all":   func(s *spec, _ *Facts) { s.PublishAllPorts = true },
	"hostname":         func(s *spec, _ *Facts) { s.Network.Hostname = "laptop" },
	"extra-hosts":      func(s *spec, _ *Facts) { s.Network.ExtraHosts = []string{"host.docker.internal:host-gateway"} },
	"dns":              func(s *spec, _ *Facts) { s.Network.DNS = []string{"192.0.2.53"} },
	"dns-search":       func(s *spec, _ *Facts) { s.Network.DNSSearch = nil },
	"limit-memory":     func(s *spec, _ *Facts) { s.Limits.Memory = 0 },
	"limit-swap":       func(s *spec, _ *Facts) { s.Limits.MemorySwap = -1 },
	"limit-cpus":       func(s *spec, _ *Facts) { s.Limits.NanoCPUs = 0 },
	"limit-cpu-shares": func(s *spec, _ *Facts) { s.Limits.CPUShares = 1024 },
	"limit-pids":       func(s *spec, _ *Facts) { s.Limits.Pids = -1 },
	"limit-nofile":     changeUlimit("nofile", 1<<20),
	"limit-core":       changeUlimit("core", -1),
	"limit-others": func(s *spec, _ *Facts) {
		s.Limits.Ulimits = append(s.Limits.Ulimits, sandbox.Ulimit{Name: "memlock", Soft: -1, Hard: -1})
	},
	"limit-shm": func(s *spec, _ *Facts) { s.Limits.Shm = 8 * gib },
	"limit-log": func(s *spec, _ *Facts) { s.Log.Options = map[string]string{"max-size": "10m"} },
	"oom-score": func(s *spec, _ *Facts) { s.OomScoreAdj = -1000 },
	"oom-kill":  func(s *spec, _ *Facts) { s.OomKillDisable = true },
}

func addMount(m sandbox.Mount) func(*spec, *Facts) {
	return func(s *spec, _ *Facts) { s.Mounts = append(s.Mounts, m) }
}

func changeMount(target string, change func(*sandbox.Mount)) func(*spec, *Facts) {
	return func(s *spec, _ *Facts) {
		i := slices.IndexFunc(s.Mounts, func(m sandbox.Mount) bool { return m.Target == target })
		change(&s.Mounts[i])
	}
}

func changeUlimit(name string, n int64) func(*spec, *Facts) {
	return func(s *spec, _ *Facts) {
		i := slices.IndexFunc(s.Limits.Ulimits, func(u sandbox.Ulimit) bool { return u.Name == name })
		s.Limits.Ulimits[i] = sandbox.Ulimit{Name: name, Soft: n, Hard: n}
	}
}

// Every field of a Spec is some rule's: a change that no rule would notice cannot slip in with a new field.
func TestEveryFieldOfASpecIsOneRulesConcern(t *testing.T) {
	c := plainCase(t, Strict) // where every rule asks for something
	for _, path := range leaves(reflect.TypeFor[sandbox.Spec](), nil) {
		observed := clone(c.hardened)
		v := reflect.ValueOf(&observed).Elem().FieldByIndex(path)
		name := reflect.TypeFor[sandbox.Spec]().FieldByIndex(path).Name
		if name == "Env" {
			continue // the image adds to it, so it cannot be compared
		}
		disturb(v)
		var bad []string
		for _, f := range Audit(c.hardened, observed, Strict, nil, c.facts, Probes{}) {
			if !f.Good() {
				bad = append(bad, f.Rule)
			}
		}
		if len(bad) != 1 {
			t.Errorf("changing %s is the finding of %v", name, bad)
		}
	}
}

// leaves lists the paths of the fields that hold values; a struct of sandbox's own is looked into.
func leaves(of reflect.Type, path []int) [][]int {
	var out [][]int
	for i := range of.NumField() {
		f, at := of.Field(i), append(slices.Clone(path), i)
		if f.Type.Kind() == reflect.Struct {
			out = append(out, leaves(f.Type, at)...)
			continue
		}
		out = append(out, at)
	}
	return out
}

// disturb changes a value of any kind that a Spec has.
func disturb(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf("y"))
		v.Set(m)
	case reflect.Pointer:
		v.SetZero()
	default:
		panic("a Spec with a " + v.Kind().String())
	}
}

// A rule that the user gave up is shown as such, and is no failure; every other rule still holds.
func TestARuleGivenUpIsShownAndTheOthersHold(t *testing.T) {
	for _, text := range []string{
		"no-new-privileges", "cap-drop", "cap-add=NET_RAW", "seccomp=userns", "user-namespace=host", "no-devices=kvm",
		"no-gpu", "runtime=runc", "groups", "stop-timeout=30s", "limit-memory=8g", "limit-memory", "limit-swap",
		"limit-cpus=7.5", "limit-pids=4096", "limit-nofile=8192", "limit-shm=1g", "limit-core", "dns", "dns-search",
		"own-network", "joined-networks", "limit-log", "home", "tmpfs", "masked-paths",
	} {
		t.Run(text, func(t *testing.T) {
			g, err := ParseGiveUp(text)
			if err != nil {
				t.Fatal(err)
			}
			c := plainCase(t, Strict)
			hardened, _, err := Harden(c.spec, Strict, []GiveUp{g}, c.facts)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range Audit(hardened, hardened, Strict, []GiveUp{g}, c.facts, Probes{}) {
				want := map[bool]State{true: GivenUp, false: Held}[f.Rule == g.Rule]
				if f.State != want {
					t.Errorf("%s is %s, not %s: %+v", f.Rule, f.State, want, f)
				}
			}
		})
	}
}

// Another value instead of the profile's is still a limit: what runs must have it.
func TestWhatWasGivenUpForAValueMustHaveThatValue(t *testing.T) {
	c := plainCase(t, Standard)
	giveUp := []GiveUp{{Rule: "limit-pids", Value: "4096"}}
	hardened, _, err := Harden(c.spec, Standard, giveUp, c.facts)
	if err != nil {
		t.Fatal(err)
	}
	observed := hardened
	observed.Limits.Pids = 0
	bad := failures(Audit(hardened, observed, Standard, giveUp, c.facts, Probes{}))
	if len(bad) != 1 || bad[0].Rule != "limit-pids" || bad[0].Wanted != "4096" {
		t.Errorf("%+v", bad)
	}
}

func failures(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), Finding.Good)
}

// The rest makes cases.
