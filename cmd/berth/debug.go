package main

import (
	"os"
	"path/filepath"
	"time"

	"berth/internal/event"
	"berth/internal/report"
	"berth/internal/state"
)

// debugLog is the file in the state folder that --debug adds to.
const debugLog = "berth.log"

// debugged lets --debug write every event to a file as well, one JSON object a line. Events never carry a key.
func (a *app) debugged(store *state.Store, sink event.Sink) event.Sink {
	if !a.global.debug {
		return sink
	}
	path := filepath.Join(store.Places().State, debugLog)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		a.print.Warn("--debug: " + err.Error())
		return sink
	}
	a.debugTo = report.New(report.Options{Out: f, Err: f, JSON: true})
	a.print.Note("details go to %s", a.tilde(path))
	return func(e event.Event) {
		a.debugTo.Event(e)
		sink(e)
	}
}

// debugFault keeps a fault in the debug log too, with all that lay below it.
func (a *app) debugFault(err error) {
	if a.debugTo == nil {
		return
	}
	a.debugTo.Event(event.Event{Time: time.Now().UTC(), Stage: event.Failed, Step: "berth", Error: causes(err)})
}

// causes gives an error and what lay below it, the engine's own words at the end.
func causes(err error) string {
	text := ""
	for err != nil {
		if text != "" {
			text += "; "
		}
		text += err.Error()
		next, ok := err.(interface{ Unwrap() error }) //nolint:errorlint // it walks the chain itself
		if !ok {
			break
		}
		err = next.Unwrap()
	}
	return text
}
