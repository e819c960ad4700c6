package launch

import (
	"context"
	"fmt"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
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
func (l *Launcher) clearOne(ctx context.Context, name string) (bool, error) {
	seen, err := l.Runtime.Inspect(ctx, sandbox.ContainerName(name))
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return true, l.removeAll(ctx, name)
	case err != nil:
		return false, err
	case !l.ours(seen):
		return false, nil
	}
	record, err := l.Store.Record(name)
	if err == nil && record.Finished && seen.State != sandbox.Created {
		return false, nil
	}
	return true, l.removeAll(ctx, name)
}
