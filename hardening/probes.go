package hardening

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"berth/internal/probe"
	"berth/internal/sandbox"
)

// Probes are what attacks from inside found, as the sandbox's own user and as root, which an exec may be. The zero
// Probes were not run.
type Probes struct {
	Agent []probe.Outcome
	Root  []probe.Outcome
}

// attempt is one outcome and what it means under a profile.
type attempt struct {
	probe.Outcome
	rule  string
	must  bool   // it must be closed here
	whose string // "the sandbox's user" or "root"
}

// attempts joins outcomes with what is asked of them; what is no probe of ours is left out.
func (p Probes) attempts(s *scope) []attempt {
	var out []attempt
	for _, side := range []struct {
		outcomes []probe.Outcome
		root     bool
		whose    string
	}{{p.Agent, rootInside(s.spec), "the sandbox's user"}, {p.Root, true, "root"}} {
		at := probe.Setting{Level: probe.Level(s.policy.rank), Root: side.root}
		at.Sealed, at.Networked = s.sealing()
		for _, o := range side.outcomes {
			if known, ok := probe.ByID(o.ID); ok {
				out = append(out, attempt{o, known.Rule, known.MustBeClosed(at), side.whose})
			}
		}
	}
	return out
}

// rootInside tells whether the sandbox's user is root there, as an engine without root wants it: then the image's files
// are its own.
func rootInside(s sandbox.Spec) bool {
	uid, _, _ := strings.Cut(s.Process.User, ":")
	return uid == "0"
}

// sealing tells whether a sandbox reaches nothing by itself, and whether it is so on networks that are sealed: its own,
// with relays, or joined ones that were planned as such.
func (s *scope) sealing() (sealed, networked bool) {
	open := slices.ContainsFunc(s.spec.Network.Attached, func(a sandbox.Attachment) bool {
		return !s.isOwn(a) && !slices.Contains(s.facts.Sealed, a.Name)
	})
	networked = s.spec.Network.Mode != noNetwork
	return !networked || !open && !s.bridged(), networked
}

// Worst gives one outcome a probe, in the order of probe.All: what went furthest of both sides.
func (p Probes) Worst() []probe.Outcome {
	rank := map[probe.Result]int{probe.Unknown: 1, probe.Closed: 2, probe.Open: 3}
	var out []probe.Outcome
	for _, known := range probe.All() {
		both := slices.DeleteFunc(slices.Concat(p.Agent, p.Root), func(o probe.Outcome) bool { return o.ID != known.ID })
		if len(both) > 0 {
			out = append(out, slices.MaxFunc(both, func(a, b probe.Outcome) int {
				return cmp.Compare(rank[a.Result], rank[b.Result])
			}))
		}
	}
	return out
}

// withProbes adds what the attacks found. One that got through where it must not breaks its rule's finding; one that
// was refused proves it. What the user gave up, or the engine cannot do, stays so. An attack that belongs to no rule
// is a finding of its own when it got through.
func withProbes(findings []Finding, attempts []attempt) []Finding {
	for _, a := range attempts {
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Rule == a.rule })
		switch {
		case a.must && a.Result == probe.Open && i < 0:
			findings = append(findings, a.finding())
		case i < 0 || !a.must || findings[i].State == GivenUp || findings[i].State == Unsupported && findings[i].Because != untold:
		case a.Result == probe.Open:
			findings[i].breakBy(a)
		case a.Result == probe.Closed && findings[i].Because == untold:
			findings[i].State, findings[i].By, findings[i].Observed, findings[i].Because, findings[i].Fix = Held, "probe", "", "", ""
		case a.Result == probe.Closed && findings[i].State == Held:
			findings[i].By = "probe"
		}
	}
	return findings
}

func (a attempt) finding() Finding {
	known, _ := probe.ByID(a.ID)
	f := Finding{Rule: a.ID, Wanted: "refused", Why: "it would gain " + known.Why}
	f.breakBy(a)
	return f
}

func (f *Finding) breakBy(a attempt) {
	f.State, f.By = Failed, "probe"
	f.Observed = a.Evidence
	f.Because = fmt.Sprintf("probe %s got through as %s: %s", a.ID, a.whose, a.Evidence)
	f.Fix = "berth rm -f the sandbox, and report this"
}
