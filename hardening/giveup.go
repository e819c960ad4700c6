package hardening

import (
	"slices"
	"strings"

	"berth/internal/fault"
)

// GiveUp is a user's wish to do without a rule, or to have another value for it.
type GiveUp struct {
	Rule   string
	Value  string // "" gives the whole rule up
	Source string // where the wish stands: "--give-up", "config.toml:12"; may be empty
}

// String gives it as it is written: "limit-nofile=8192".
func (g GiveUp) String() string {
	if g.Value == "" {
		return g.Rule
	}
	return g.Rule + "=" + g.Value
}

// ParseGiveUp reads "rule" or "rule=value". Of an unknown rule the error names the nearest; fixed rules cannot be
// given up, and some only for another value.
func ParseGiveUp(text string) (GiveUp, error) {
	id, value, hasValue := strings.Cut(strings.TrimSpace(text), "=")
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return GiveUp{}, fault.New(fault.Usage, didYouMean(id, ruleIDs()), "give up %q: no such rule", text)
	}
	r := rules[i]
	switch {
	case r.Class == Fixed:
		return GiveUp{}, fault.New(fault.Usage, "", "give up %q: this rule holds in every profile, since %s", text, r.Why)
	case hasValue && r.parse == nil:
		return GiveUp{}, fault.New(fault.Usage, "--give-up "+id, "give up %q: this rule takes no value", text)
	case !hasValue && r.always:
		return GiveUp{}, fault.New(fault.Usage, "", "give up %q: only another value is possible, %s=VALUE", text, id)
	case hasValue:
		if err := r.parse(value); err != nil {
			return GiveUp{}, fault.New(fault.Usage, "", "give up %q: %w", text, err)
		}
	}
	return GiveUp{Rule: id, Value: value}, nil
}

// unknownRules refuses wishes that ParseGiveUp never saw.
func (s *scope) unknownRules() error {
	for _, g := range s.given {
		if _, err := ParseGiveUp(g.String()); err != nil {
			return err
		}
	}
	return nil
}

func (s *scope) gaveUp(rule string) bool {
	_, ok := s.given[rule]
	return ok
}

func ruleIDs() []string {
	ids := make([]string, len(rules))
	for i, r := range rules {
		ids[i] = r.ID
	}
	return ids
}

// didYouMean offers the nearest name, or nothing where none is near.
func didYouMean(text string, names []string) string {
	if name := fault.Nearest(text, names); name != "" {
		return "did you mean " + name + "?"
	}
	return ""
}
