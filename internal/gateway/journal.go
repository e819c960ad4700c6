package gateway

import (
	"context"
	"sync"

	"berth/internal/egress"
)

// journal keeps the newest refusals of the egress proxy and hands decisions on to whoever follows them.
type journal struct {
	mu     sync.Mutex
	denied []Decision
	ears   map[chan Decision]bool
}

// kept is how many refusals a journal keeps, and how many decisions a slow follower may lag behind.
const kept = 100

func (j *journal) add(d egress.Decision) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !d.Allowed {
		j.denied = append(j.denied[max(0, len(j.denied)+1-kept):], d)
	}
	for ear := range j.ears {
		select {
		case ear <- d:
		default: // too slow: it misses one
		}
	}
}

// refused gives the newest refusals, oldest first.
func (j *journal) refused() []Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Decision(nil), j.denied...)
}

// follow gives each decision from now on; the channel is closed when ctx ends.
func (j *journal) follow(ctx context.Context) <-chan Decision {
	ear := make(chan Decision, kept)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ears == nil {
		j.ears = map[chan Decision]bool{}
	}
	j.ears[ear] = true
	context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.ears, ear)
		close(ear)
	})
	return ear
}
