package launch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// clear removes what launches that died have left, before a new one begins, and tells what it removed. held is the
// name whose lock this process has. It gives the engine as it is then.
func (l *Launcher) clear(ctx context.Context, o sandbox.Observation, held, ref string) (sandbox.Observation, error) {
	gone, err := l.prune(ctx, o, held)
	for _, r := range gone {
		l.Sink(event.Event{Time: time.Now().UTC(), Sandbox: r.Name, Step: "prune", Stage: event.Note,
			Text: fmt.Sprintf("removed what was left of %s: %s", r.Name, r.Why)})
	}
	if err != nil || len(gone) == 0 {
		return o, err
	}
	return l.Runtime.Observe(ctx, ref)
}

// clearOne removes what is left of one name, whose lock this process has. It looks again first: the launch may have
// come to its end in between.
func (l *Launcher) clearOne(ctx context.Context, o sandbox.Observation, name string) (bool, error) {
	seen, err := l.Runtime.Inspect(ctx, sandbox.ContainerName(name))
	gone := err != nil && fault.KindOf(err) == fault.NotFound
	if err != nil && !gone {
		return false, err
	}
	if !gone && !l.ours(seen) {
		return false, nil
	}
	record, err := l.Store.Record(name)
	known := err == nil && record.Engine == o.Engine.Endpoint
	switch {
	case known && record.Finished && !gone && seen.State != sandbox.Created:
		return false, nil
	case known && (record.Home || record.Finished && gone) && hasVolume(o, sandbox.HomeVolume(name)):
		return true, l.clearButHome(ctx, record)
	case !known && err == nil: // the record is of a sandbox on another engine
		return true, l.removeObjects(ctx, name, butHome(name))
	}
	if young := known && time.Since(record.Created) < time.Minute; young {
		l.outlast(ctx, name)
	}
	return true, l.removeAll(ctx, name)
}

// outlast removes what is there while the engine may still be making what a killed process had asked for: a container
// that comes late holds the volume that was to go.
func (l *Launcher) outlast(ctx context.Context, name string) {
	for range settleTries {
		left := l.removeObjects(ctx, name, objects(name))
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return
		}
		if left == nil {
			return
		}
	}
}

// How long is waited for an engine that may go on with a request whose client has died, and how often: engine 20.10
// makes a network in 0.1 to 0.4 s and hears of no end before.
const (
	settle      = time.Second
	settleTries = 3
)

// clearButHome removes a launch that died but leaves the home that it had taken over, as it was before.
func (l *Launcher) clearButHome(ctx context.Context, r state.Record) error {
	if err := l.removeObjects(ctx, r.Name, butHome(r.Name)); err != nil {
		return err
	}
	r.Finished = true
	return l.Store.Save(r)
}

func butHome(name string) []Removal {
	return slices.DeleteFunc(objects(name), func(o Removal) bool { return o.Kind == sandbox.VolumeObject })
}
