package hardening

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"berth/internal/sandbox"
)

// Class says who may give a rule up.
type Class string

// The classes.
const (
	Fixed       Class = "fixed"       // nobody
	Overridable Class = "overridable" // the user, by naming the rule
	Tightenable Class = "tightenable" // anyone may tighten it; giving it up is the user's alone
)

// Rule is one thing that hardening asks of a sandbox. It owns one part of a Spec, which no other rule touches: so no
// rule depends on another, and a difference is the finding of exactly one.
type Rule struct {
	ID    string
	Why   string // one sentence, for the plan and docs/security.md
	Class Class
	Needs Needs
	Fix   string // what to do when it fails; "" means start the sandbox again

	clause
	only func(policy) bool // nil: every profile
}

// State is how a rule stands.
type State string

// The states. Unknown counts as failed.
const (
	Held        State = "held"
	GivenUp     State = "given-up"    // by the user, who named the rule
	Unsupported State = "unsupported" // the engine cannot do it; Because says why
	Failed      State = "failed"
	Unknown     State = "unknown"
)

// Finding is what an audit found about one rule.
type Finding struct {
	Rule     string `json:"rule"`
	State    State  `json:"state"`
	Wanted   string `json:"wanted"`
	Observed string `json:"observed"`
	By       string `json:"by"` // "plan", "inspect" or "probe"
	Why      string `json:"why"`
	Because  string `json:"because,omitempty"` // why it is not held, where wanted and observed do not tell
	Fix      string `json:"fix,omitempty"`     // only when it is not held
}

// Good tells whether the finding may stand.
func (f Finding) Good() bool { return f.State != Failed && f.State != Unknown }

// scope is what every rule may look at: the Spec before hardening or, in an audit, the planned one. A rule reads from
// it only what no other rule changes.
type scope struct {
	profile Profile
	policy  policy
	given   map[string]GiveUp
	facts   Facts
	spec    sandbox.Spec
	planned bool // nothing runs yet
}

func newScope(spec sandbox.Spec, p Profile, giveUp []GiveUp, f Facts) *scope {
	given := map[string]GiveUp{}
	for _, g := range giveUp {
		given[g.Rule] = g
	}
	return &scope{profile: p, policy: policies[p], given: given, facts: f, spec: clone(spec)}
}

// clause is a rule's body with its type erased.
type clause struct {
	apply  func(*sandbox.Spec, *scope, *Rule)
	judge  func(sandbox.Spec, *scope, *Rule) verdict
	parse  func(string) error // of a give-up's value; nil: the rule takes none
	always bool               // can be given up only for another value, never whole
}

type verdict struct {
	wanted, observed string
	ok               bool
	refused          string // why even the wanted value may not stand
	unknown          bool   // the world was not asked
}

// part is what a rule owns of a Spec and what it wants there. want must give its own result again when it gets it.
type part[T any] struct {
	get    func(*sandbox.Spec, *scope) T
	set    func(*sandbox.Spec, *scope, T)
	want   func(had T, s *scope) T
	refuse func(v T, s *scope) string         // a reason against a value, given up or not; nil: none
	world  func(s *scope) (string, bool)      // what is so beyond the Spec, and whether that is fine; nil: nothing
	show   func(T) string                     // nil: brief
	differ func(want, got T) (string, string) // says only in what they differ; nil: show both
	parse  func(value string) (T, error)      // of a give-up's value; nil: it takes none
	always bool
}

// field makes the clause of a rule that owns one field.
func field[T any](of func(*sandbox.Spec) *T, want func(T, *scope) T) part[T] {
	return part[T]{
		get:  func(s *sandbox.Spec, _ *scope) T { return *of(s) },
		set:  func(s *sandbox.Spec, _ *scope, v T) { *of(s) = v },
		want: want,
	}
}

// shown gives a part that says its empty value in these words.
func (p part[T]) shown(empty string) part[T] {
	p.show = func(v T) string {
		if text := brief(v); text != "none" {
			return text
		}
		return empty
	}
	return p
}

// refusing makes the part of a rule that owns nothing of a Spec, and only refuses.
func refusing(wanted string, refuse func(struct{}, *scope) string) part[struct{}] {
	return part[struct{}]{
		get:    func(*sandbox.Spec, *scope) struct{} { return struct{}{} },
		set:    func(*sandbox.Spec, *scope, struct{}) {},
		want:   same[struct{}],
		refuse: refuse,
		show:   func(struct{}) string { return wanted },
	}
}

// be wants one value, whatever was there.
func be[T any](v T) func(T, *scope) T { return func(T, *scope) T { return v } }

// same wants what was planned.
func same[T any](had T, _ *scope) T { return had }

func (p part[T]) clause() clause {
	c := clause{always: p.always}
	if p.show == nil {
		p.show = func(v T) string { return brief(v) }
	}
	if p.parse != nil {
		c.parse = func(value string) error { _, err := p.parse(value); return err }
	}
	c.apply = func(spec *sandbox.Spec, s *scope, r *Rule) {
		had := p.get(spec, s)
		if want := p.wanted(had, s, r); !reflect.DeepEqual(had, want) {
			p.set(spec, s, want)
		}
	}
	c.judge = func(observed sandbox.Spec, s *scope, r *Rule) verdict {
		want, got := p.wanted(p.get(&s.spec, s), s, r), p.get(&observed, s)
		v := verdict{ok: reflect.DeepEqual(want, got)}
		if v.wanted, v.observed = p.show(want), p.show(got); p.differ != nil && !v.ok {
			v.wanted, v.observed = p.differ(want, got)
		}
		if p.refuse != nil {
			v.refused = p.refuse(got, s)
		}
		return v.with(p.world, s)
	}
	return c
}

// wanted is the profile's value, the user's, or none where the engine cannot.
func (p part[T]) wanted(had T, s *scope, r *Rule) T {
	g, given := s.given[r.ID]
	switch {
	case r.Needs.missing(s.facts.Engine) != "":
		var none T
		return none
	case given && g.Value == "":
		return had
	case given:
		v, err := p.parse(g.Value)
		if err != nil {
			panic(err) // ParseGiveUp let it through
		}
		return v
	}
	return p.want(had, s)
}

func (v verdict) with(world func(*scope) (string, bool), s *scope) verdict {
	if world == nil || s.planned {
		return v
	}
	seen, fine := world(s)
	if fine {
		return v
	}
	v.ok, v.observed, v.unknown = false, seen, seen == ""
	return v
}

func (r Rule) applyTo(spec *sandbox.Spec, s *scope) { r.clause.apply(spec, s, &r) }

func (r Rule) finding(observed sandbox.Spec, s *scope) Finding {
	v := r.judge(observed, s, &r)
	f := Finding{Rule: r.ID, Why: r.Why, Wanted: v.wanted, Observed: v.observed, By: "inspect", State: Held}
	if s.planned {
		f.By = "plan"
	}
	lack := r.Needs.missing(s.facts.Engine)
	given, isGiven := s.given[r.ID]
	switch {
	case v.unknown:
		f.State, f.Observed, f.Because = Unknown, "not asked", "the engine was not asked"
	case v.refused != "":
		f.State, f.Observed, f.Because = Failed, v.refused, v.refused
	case !v.ok && !s.planned && r.Needs.silent(s.facts.Engine):
		f.State, f.Because = Unsupported, untold
	case !v.ok:
		f.State = Failed
	case lack != "" && s.policy.rank >= r.Needs.rank():
		f.State, f.Because = Failed, lack
	case lack != "":
		f.State, f.Because = Unsupported, lack
	case isGiven:
		f.State, f.Because = GivenUp, "given up: "+given.String()+from(given.Source)
	}
	if f.State != Held {
		f.Fix = r.fix(f.State)
	}
	return f
}

func (r Rule) fix(state State) string {
	switch {
	case state == GivenUp:
		return "take " + r.ID + " out of give_up"
	case r.Fix != "":
		return r.Fix
	case state == Unsupported:
		return ""
	}
	return "stop the sandbox and start it again"
}

func from(source string) string {
	if source == "" {
		return ""
	}
	return " (" + source + ")"
}

// clone copies what rules change in place.
func clone(s sandbox.Spec) sandbox.Spec {
	s = s.Normalise()
	s.Labels = maps.Clone(s.Labels)
	s.Log.Options = maps.Clone(s.Log.Options)
	s.Sysctls = maps.Clone(s.Sysctls)
	return s
}

// brief says a value in a few words.
func brief(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "on"
		}
		return "off"
	case string:
		if v == "" {
			return "none"
		}
		return v
	case []string:
		if v == nil {
			return "none"
		}
		return strings.Join(v, ", ")
	case map[string]string:
		return briefMap(v)
	}
	return fmt.Sprint(v)
}

func briefMap(m map[string]string) string {
	if len(m) == 0 {
		return "none"
	}
	out := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ", ")
}
