// Package event is the one record of what happens to a sandbox; launch, engine and gateway emit it, screens and printers read it.
package event

import "time"

// Stage says where in its life a step is.
type Stage string

// The stages of a step. Note is a line that belongs to no step's progress.
const (
	Begin    Stage = "begin"
	Progress Stage = "progress"
	Done     Stage = "done"
	Failed   Stage = "failed"
	Undone   Stage = "undone" // removed again after a failure
	Note     Stage = "note"
	Warning  Stage = "warning"
)

// Event is one thing that happened. It never carries a secret.
type Event struct {
	Time    time.Time     // when; UTC
	Sandbox string        // name; empty when it concerns none
	Step    string        // a launch.Step kind ("pull", "create", ...) or an engine action ("die")
	Stage   Stage         //
	Text    string        // one line for a person, without control characters
	Current int64         // done so far, in bytes or pieces; 0 when unknown
	Total   int64         // of how many; 0 when unknown
	AtLeast bool          // Total can still grow (layers that have not told their size)
	Elapsed time.Duration // of the step, on Done and Failed
	Error   string        // the fault's sentence, on Failed
	Layers  []Layer       // of a pull or build, when they are told apart
}

// Layer is one part of a pull or a build.
type Layer struct {
	ID      string // short, as the engine names it
	Phase   string // "waiting", "download", "extract", "done"
	Current int64  // bytes
	Total   int64  // bytes; 0 unknown
}

// Sink receives events. It must not block for long and may be called from several goroutines.
type Sink func(Event)
