package hardening

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/probe"
)

func TestThePostureSaysWhatIsTrue(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hardeningCase)
		want   string
	}{
		"a new engine": {
			change: func(*hardeningCase) {},
			want:   "standard · 61 rules hold · nothing published · egress on",
		},
		"direct egress, with links published": {
			change: (*hardeningCase).direct,
			want: "standard · 60 rules hold · links published on 127.0.0.1 · " +
				"egress direct: internet, LAN and this machine's services · 1 given up: egress",
		},
		"before engine 28 a neighbour reaches published links": {
			change: func(c *hardeningCase) { c.direct(); c.facts.Engine.Version = "20.10.24+dfsg1" },
			want: "standard · 60 rules hold · links published on 127.0.0.1, which a neighbour on the LAN can reach too (engine before 28) · " +
				"egress direct: internet, LAN and this machine's services · 1 given up: egress",
		},
		"a list": {
			change: func(c *hardeningCase) { c.profile = Strict; c.facts.Reach = Reach{Egress: List, Named: 12, Private: 1} },
			want:   "strict · 62 rules hold · nothing published · egress list(12) · softened: 1 private target",
		},
		"tighter than the profile": {
			change: func(c *hardeningCase) { c.facts.Reach.Egress = Off },
			want:   "standard · 61 rules hold · nothing published · egress off",
		},
		"what was given up, and what the engine cannot do": {
			change: func(c *hardeningCase) {
				c.giveUp = []GiveUp{{Rule: "limit-nofile", Value: "8192"}}
				c.facts.Engine.Security, c.facts.Engine.CanLimitPids = []string{"seccomp"}, false
			},
			want: "standard · 58 rules hold · nothing published · egress on · " +
				"1 given up: limit-nofile=8192 · 2 unsupported: lsm, limit-pids",
		},
		"an engine on another machine": {
			change: func(c *hardeningCase) { c.facts.Engine.Remote = true },
			want:   "standard · 61 rules hold · nothing published · egress on · mounts not verified",
		},
		"no network": {
			change: func(c *hardeningCase) { c.profile = Paranoid },
			want:   "paranoid · 63 rules hold · nothing published · egress off",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := plainCase(t, Standard)
			c.change(&in)
			in.harden(t)
			findings := Audit(in.hardened, in.hardened, in.profile, in.giveUp, in.facts, Probes{})
			if have := NewPosture(in.profile, in.hardened, in.giveUp, in.facts, findings, Probes{}).String(); have != c.want {
				t.Errorf("have %s\nwant %s", have, c.want)
			}
		})
	}
}

func TestAFailureStandsInThePosture(t *testing.T) {
	c := plainCase(t, Standard)
	observed := c.hardened
	observed.Privileged = true
	findings := Audit(c.hardened, observed, Standard, nil, c.facts, Probes{})
	line := NewPosture(Standard, c.hardened, nil, c.facts, findings, Probes{}).String()
	if !strings.HasSuffix(line, " · 1 failed: no-privileged") {
		t.Error(line)
	}
}

// outcomes gives every probe one result, with exceptions.
func outcomes(but map[string]probe.Result) []probe.Outcome {
	var out []probe.Outcome
	for _, p := range probe.All() {
		o := probe.Outcome{ID: p.ID, Class: p.Class, Result: probe.Closed, Evidence: "refused"}
		if result, ok := but[p.ID]; ok {
			o.Result, o.Evidence = result, "seen"
		}
		out = append(out, o)
	}
	return out
}

func TestEveryProbeProvesARuleThatExists(t *testing.T) {
	for _, p := range probe.All() {
		if p.Rule != "" {
			ruleByID(p.Rule) // panics for none
		}
	}
}

func TestAProbeThatGetsThroughBreaksItsRule(t *testing.T) {
	c := plainCase(t, Standard)
	probes := Probes{Agent: outcomes(map[string]probe.Result{"new-user-namespace": probe.Open}), Root: outcomes(nil)}
	findings := Audit(c.hardened, c.hardened, Standard, nil, c.facts, probes)
	bad := failures(findings)
	if len(bad) != 1 || bad[0].Rule != "seccomp" || bad[0].By != "probe" || bad[0].Observed != "seen" ||
		bad[0].Because != "probe new-user-namespace got through as the sandbox's user: seen" {
		t.Errorf("%+v", bad)
	}
	p := NewPosture(Standard, c.hardened, nil, c.facts, findings, probes)
	if p.Open != 1 || p.Closed != len(probe.All())-1 || !strings.Contains(p.String(), "1 probe got through") {
		t.Errorf("%+v\n%s", p, p)
	}
}

func TestAProbeOfNoRuleThatGetsThroughIsAFindingOfItsOwn(t *testing.T) {
	c := plainCase(t, Standard)
	probes := Probes{Root: outcomes(map[string]probe.Result{"mounted-secrets": probe.Open})}
	bad := failures(Audit(c.hardened, c.hardened, Standard, nil, c.facts, probes))
	if len(bad) != 1 || bad[0].Rule != "mounted-secrets" || bad[0].Why != "it would gain credentials that an orchestrator mounted" {
		t.Errorf("%+v", bad)
	}
}

func TestAProbeThatMayGetThroughBreaksNothing(t *testing.T) {
	c := plainCase(t, Standard)
	c.direct()
	c.harden(t)
	open := map[string]probe.Result{"ptrace": probe.Open, "interfaces": probe.Open, "write-root": probe.Open}
	probes := Probes{Agent: outcomes(map[string]probe.Result{"ptrace": probe.Open}), Root: outcomes(open)}
	if bad := failures(Audit(c.hardened, c.hardened, Standard, c.giveUp, c.facts, probes)); len(bad) > 0 {
		t.Errorf("%+v", bad)
	}
}

func TestAProbeThatProvesARuleIsNamedBesideIt(t *testing.T) {
	c := plainCase(t, Standard)
	for _, f := range Audit(c.hardened, c.hardened, Standard, nil, c.facts, Probes{Agent: outcomes(nil)}) {
		want := "inspect"
		if slices.ContainsFunc(probe.ForRule(f.Rule), func(p probe.Probe) bool { return p.MustBeClosed(probe.Setting{Level: probe.Standard, Sealed: true}) }) {
			want = "probe"
		}
		if f.By != want {
			t.Errorf("%s is known by %s, not %s", f.Rule, f.By, want)
		}
	}
}

func TestWhatWasGivenUpMayBeOpen(t *testing.T) {
	c := plainCase(t, Standard)
	c.giveUp = []GiveUp{{Rule: "seccomp", Value: "userns"}}
	c.harden(t)
	probes := Probes{Agent: outcomes(map[string]probe.Result{"new-user-namespace": probe.Open})}
	for _, f := range Audit(c.hardened, c.hardened, Standard, c.giveUp, c.facts, probes) {
		if f.Rule == "seccomp" && f.State != GivenUp || !f.Good() {
			t.Errorf("%+v", f)
		}
	}
}

func TestAProbeThatCouldNotBeTriedIsCounted(t *testing.T) {
	c := plainCase(t, Standard)
	untried := outcomes(map[string]probe.Result{"limit-swap": probe.Unknown})
	probes := Probes{Agent: untried, Root: untried}
	findings := Audit(c.hardened, c.hardened, Standard, nil, c.facts, probes)
	line := NewPosture(Standard, c.hardened, nil, c.facts, findings, probes).String()
	if !Good(findings) || !strings.Contains(line, " probes refused · 1 probe not tried · ") {
		t.Error(line)
	}
}

func TestTheWorstOfBothUsersIsShown(t *testing.T) {
	p := Probes{
		Agent: outcomes(map[string]probe.Result{"mount": probe.Unknown, "bpf": probe.Open}),
		Root:  outcomes(map[string]probe.Result{"mount": probe.Closed, "bpf": probe.Unknown}),
	}
	for _, o := range p.Worst() {
		if want := map[bool]probe.Result{true: probe.Open, false: probe.Closed}[o.ID == "bpf"]; o.Result != want {
			t.Errorf("%s is %s", o.ID, o.Result)
		}
	}
}
