package launch

import (
	"context"
	"errors"
	"sync"
	"time"
)

// undoLimit bounds how long cleaning up may take: a forced removal with three ports takes about 0.3 s.
const undoLimit = 30 * time.Second

// undo is what takes back the steps done so far, newest first.
type undo struct {
	mu    sync.Mutex // steps run side by side
	steps []undoStep
}

type undoStep struct {
	what string
	do   func(context.Context) error
}

func (u *undo) add(what string, do func(context.Context) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.steps = append(u.steps, undoStep{what, do})
}

// run takes everything back, also after ctx was cancelled, and tells what it could not remove.
func (u *undo) run(ctx context.Context, removed func(what string)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		step := u.steps[i]
		if err := step.do(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		removed(step.what)
	}
	u.steps = nil
	return errors.Join(errs...)
}
