// Package fault is berth's error: one sentence, one hint, one kind; it decides nothing about exit codes or screens.
package fault

import (
	"errors"
	"fmt"
)

// Kind groups faults by what a caller or a script does about them; cmd maps each to one exit code.
type Kind string

// The kinds. The zero Kind counts as Failure.
const (
	Failure     Kind = "failure"     // anything without a kind of its own
	Usage       Kind = "usage"       // flags, configuration, untrusted file
	Engine      Kind = "engine"      // the engine cannot be reached or refuses
	Image       Kind = "image"       // image or registry
	Findings    Kind = "findings"    // audit or validate found something
	NotFound    Kind = "not-found"   // no such sandbox, image, file
	Conflict    Kind = "conflict"    // name, port or lock is taken
	NotReady    Kind = "not-ready"   // not ready in time; the sandbox is kept
	Interrupted Kind = "interrupted" // SIGINT or SIGTERM
)

// Fault is an error a person can act on.
type Fault struct {
	Kind    Kind
	Message string // "<input as written>: <reason>", lower case, no period
	Hint    string // one command or one wish; may be empty
	Cause   error  // what lay below, or nil
}

// Error gives the message alone; the hint is for whoever prints it.
func (f *Fault) Error() string { return f.Message }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// New makes a fault of a kind. hint may be empty.
func New(kind Kind, hint, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Kind: kind, Message: err.Error(), Hint: hint, Cause: errors.Unwrap(err)}
}

// KindOf gives the kind of the outermost fault in err's chain, Failure if there is none.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) && f.Kind != "" {
		return f.Kind
	}
	return Failure
}

// HintOf gives the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		var f *Fault
		if !errors.As(err, &f) {
			return ""
		}
		if f.Hint != "" {
			return f.Hint
		}
		err = f.Cause
	}
	return ""
}
