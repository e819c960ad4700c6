package launch

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// run is one launch under way.
type run struct {
	*Launcher
	plan    *Plan
	undo    undo
	id      string
	seen    sandbox.Observed // read back after the start
	proof   Proof
	links   []Link
	keep    bool
	before  sandbox.Observation // what the engine had when it was planned
	died    chan struct{}       // closed when the sandbox's first process ended
	created chan struct{}       // closed when there is a container of that id
	opening Opening             // the tunnel's, from before the start; nil if there is none
	held    []*os.File          // the mounts' sources, from before the start until the end of the walk
}

// walk takes the plan's steps, stage by stage. When one fails, what was made is removed, unless the sandbox is only
// slow: then it stays, and the fault's kind is NotReady.
func (r *run) walk(ctx context.Context) error {
	defer r.release()
	err := r.because(ctx, r.stages(ctx))
	r.dropOpening()
	switch {
	case err == nil:
		return nil
	case fault.KindOf(err) == fault.NotReady, r.keep:
		return err
	}
	cleanup := r.undo.run(ctx, func(what string) {
		r.emit(event.Event{Step: "remove", Stage: event.Undone, Text: what})
	})
	if cleanup != nil { // who interrupted a launch is told nothing else
		r.emit(event.Event{Step: "remove", Stage: event.Warning, Text: "not removed: " + cleanup.Error() + "; berth prune removes it"})
	}
	return errors.Join(err, cleanup)
}

// endLimit is how long a failed step waits for the news that the sandbox has ended.
const endLimit = time.Second

// because gives the reason behind a failure: a sandbox that has ended makes every step after its start fail, each in
// words of its own.
func (r *run) because(ctx context.Context, err error) error {
	if err == nil || r.seen.ID == "" || ctx.Err() != nil {
		return err
	}
	switch fault.KindOf(err) {
	case fault.Failure, fault.Conflict: // what runs inside is killed before the engine tells of the end
		select {
		case <-r.died:
		case <-time.After(endLimit):
		}
	}
	now, gone := r.Runtime.Inspect(ctx, r.id)
	if gone != nil || now.State != sandbox.Stopped {
		return err
	}
	return r.ended(ctx, now)
}

func (r *run) stages(ctx context.Context) error {
	for _, stage := range stages(r.plan.Steps) {
		if err := r.stage(ctx, stage); err != nil {
			return err
		}
	}
	return nil
}

// headStart is how long a step lets another one go first: a server that is ready at once is not kept waiting for a core
// by the audit, and the audit does not wait for one that takes its time.
const headStart = 300 * time.Millisecond

// stage runs steps side by side; the first failure cancels the others.
func (r *run) stage(ctx context.Context, steps []Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := map[StepKind]chan struct{}{}
	for _, s := range steps {
		done[s.Kind] = make(chan struct{})
	}
	var all sync.WaitGroup
	for _, s := range steps {
		all.Go(func() {
			defer close(done[s.Kind])
			if first, there := done[s.After]; there {
				select {
				case <-first:
				case <-time.After(headStart):
				case <-ctx.Done():
					return
				}
			}
			if err := r.step(ctx, s); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// step runs one step and tells how it went.
func (r *run) step(ctx context.Context, s Step) error {
	begun := time.Now()
	r.emit(event.Event{Step: string(s.Kind), Stage: event.Begin, Text: s.Text})
	err := runSteps[s.Kind](r, ctx)
	if err == nil {
		r.emit(event.Event{Step: string(s.Kind), Stage: event.Done, Text: s.Text, Elapsed: time.Since(begun)})
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	r.emit(event.Event{Step: string(s.Kind), Stage: event.Failed, Text: s.Text, Elapsed: time.Since(begun), Error: err.Error()})
	return err
}

func (r *run) emit(e event.Event) {
	e.Time, e.Sandbox = time.Now().UTC(), r.plan.Spec.Name
	r.Sink(e)
}
