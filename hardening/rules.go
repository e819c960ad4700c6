package hardening

import (
	"slices"

	"berth/internal/sandbox"
)

// rules are all rules, in the order in which people read them.
var rules = slices.Concat(identityRules, isolationRules, fileRules, networkRules, limitRules)

// Rules gives the rules of a profile.
func Rules(p Profile) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.only != nil && !r.only(policies[p]) })
}

func ruleByID(id string) Rule {
	return rules[slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })]
}

// spec is short for the many functions that point at one field.
type spec = sandbox.Spec
