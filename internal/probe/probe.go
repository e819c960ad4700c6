// Package probe holds harmless attacks that run inside a sandbox, as data, and their results; it judges none of them.
package probe

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Class groups probes by what they attack; the names are those of the figures in docs/security.md.
type Class string

// The classes.
const (
	Identity   Class = "identity"
	Namespaces Class = "namespaces"
	Mounts     Class = "mounts"
	Kernel     Class = "kernel"
	Files      Class = "files"
	Syscalls   Class = "syscalls"
	Sockets    Class = "sockets"
	Tracing    Class = "tracing"
	Resources  Class = "resources"
	Secrets    Class = "secrets"
	Network    Class = "network"
)

// Result is how a probe ended.
type Result string

// The results: the attack worked, was refused, or could not be tried.
const (
	Open    Result = "open"
	Closed  Result = "closed"
	Unknown Result = "unknown"
)

// Outcome is one probe's entry in the JSON list that `berth-inside probe` prints.
type Outcome struct {
	ID       string `json:"id"`
	Class    Class  `json:"class"`
	Result   Result `json:"result"`
	Evidence string `json:"evidence"` // what was seen, one line
}

// Level is how strict a sandbox is, in the order of the profiles of these names.
type Level int

// The levels. Never is above all profiles: the attack is left open on purpose.
const (
	Compat Level = iota
	Standard
	Strict
	Paranoid
	Never
)

// Probe is one attack. It is harmless, needs no privilege and leaves nothing behind.
type Probe struct {
	ID     string
	Class  Class
	Rule   string // id of the hardening rule it proves, "" for none
	From   Level  // the first level at which the sandbox's user must find it closed
	Root   Level  // the same for uid 0, as which nothing of a sandbox runs but an exec can
	Sealed bool   // must be closed only where the sandbox has no network of its own
	Why    string // what an attacker would gain
}

// Setting is the sandbox that a probe's result is held against.
type Setting struct {
	Level     Level
	Root      bool // probed as uid 0
	Sealed    bool // it reaches nothing by itself: no network, or networks that lead to their members only
	Networked bool // it is on such a network
}

// MustBeClosed tells whether an open result breaks what the sandbox promises.
func (p Probe) MustBeClosed(s Setting) bool {
	from := p.From
	if s.Root {
		from = p.Root
	}
	if s.Networked && p.ID == "interfaces" {
		return false // the way to the members is one
	}
	return s.Level >= from && (s.Sealed || !p.Sealed)
}

// All gives every probe, in the order in which they run and are shown.
func All() []Probe { return slices.Clone(table) }

// ByID gives one probe.
func ByID(id string) (Probe, bool) {
	i := slices.IndexFunc(table, func(p Probe) bool { return p.ID == id })
	if i < 0 {
		return Probe{}, false
	}
	return table[i], true
}

// ForRule gives the probes that prove a hardening rule.
func ForRule(rule string) []Probe {
	return slices.DeleteFunc(All(), func(p Probe) bool { return p.Rule != rule || rule == "" })
}

// Parse reads what `berth-inside probe` printed. The sandbox may lie about its own results, so this refuses whatever is not a list of known probes, each once.
func Parse(text []byte) ([]Outcome, error) {
	var outcomes []Outcome
	if err := json.Unmarshal(text, &outcomes); err != nil {
		return nil, fmt.Errorf("probes: %w", err)
	}
	seen := map[string]bool{}
	for i, o := range outcomes {
		p, known := ByID(o.ID)
		if !known || seen[o.ID] || o.Class != p.Class {
			return nil, fmt.Errorf("probes: entry %d (%q): not one of this berth's probes", i+1, o.ID)
		}
		if !slices.Contains([]Result{Open, Closed, Unknown}, o.Result) {
			return nil, fmt.Errorf("probes: entry %d (%q): no such result: %q", i+1, o.ID, o.Result)
		}
		seen[o.ID] = true
	}
	return outcomes, nil
}
