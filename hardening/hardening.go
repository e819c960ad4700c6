// Package hardening holds what berth asks of a sandbox, as rules and profiles, applies it to a Spec and checks it on
// what an engine reports; it knows no engine and no configuration file.
package hardening

import (
	"fmt"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Facts are what the rules need to know of the world besides the Spec. A plan fills Engine and Image; an audit fills
// the rest with what it read after the start.
type Facts struct {
	Engine    sandbox.Engine
	Image     sandbox.LocalImage
	Owners    map[string]int        // uid that owns a bind's source, by path; needed only under not-host-root
	Published []sandbox.Port        // what is really bound on the host now
	Reach     Reach                 // the zero value is the profile's
	Networks  []sandbox.NetworkInfo // of the engine; an audit needs the sandbox's own bridge in it
	Sealed    []string              // names of joined networks that were sealed when the sandbox was planned
}

// Harden gives spec as the profile wants it, in canonical order, and what each rule will find when the engine does as
// it is told. It changes only what a rule owns, and keeps what is already tighter. It fails, with a hint, when a rule
// cannot be satisfied: then nothing must be started.
func Harden(spec sandbox.Spec, p Profile, giveUp []GiveUp, f Facts) (sandbox.Spec, []Finding, error) {
	s := newScope(spec, p, giveUp, f)
	if err := s.unknownRules(); err != nil {
		return sandbox.Spec{}, nil, err
	}
	hardened := clone(spec)
	for _, r := range Rules(p) {
		r.applyTo(&hardened, s)
	}
	hardened = hardened.Normalise()
	s.spec, s.planned = hardened, true
	findings := s.check(hardened)
	for _, found := range findings {
		if !found.Good() {
			return sandbox.Spec{}, findings, refusal(p, found)
		}
	}
	return hardened, findings, nil
}

// Audit compares what the engine reports with what was planned, and both with what the profile wants: one finding a
// rule, in the order of Rules, then one for each probe that found something open which no rule covers.
func Audit(planned, observed sandbox.Spec, p Profile, giveUp []GiveUp, f Facts, probes Probes) []Finding {
	s := newScope(planned, p, giveUp, f)
	return withProbes(s.check(observed.Normalise()), probes.attempts(s))
}

// Good tells whether all findings may stand: held, given up, or said to be unsupported.
func Good(findings []Finding) bool {
	for _, f := range findings {
		if !f.Good() {
			return false
		}
	}
	return true
}

func (s *scope) check(observed sandbox.Spec) []Finding {
	rules := Rules(s.profile)
	findings := make([]Finding, 0, len(rules))
	for _, r := range rules {
		findings = append(findings, r.finding(observed, s))
	}
	return findings
}

func refusal(p Profile, found Finding) error {
	return fault.New(fault.Usage, found.Fix, "profile %s: rule %s: %s", p, found.Rule, found.reason())
}

func (f Finding) reason() string {
	if f.Because != "" {
		return f.Because
	}
	return fmt.Sprintf("wants %s, not %s", f.Wanted, f.Observed)
}
