// Package probe holds harmless attacks that run inside a sandbox, as data, and their results; it judges none of them.
package probe

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

// Outcome is one probe's line in the JSON that `berth-inside probe` prints.
type Outcome struct {
	ID       string `json:"id"`
	Class    Class  `json:"class"`
	Result   Result `json:"result"`
	Evidence string `json:"evidence"` // what was seen, one line
}

// Probe is one attack. Run is harmless, needs no privilege and leaves nothing behind.
type Probe struct {
	ID    string
	Class Class
	Rule  string // id of the hardening rule it proves, "" for none
	Why   string // what an attacker would gain, one line
	run   func() (Result, string)
}
