package gateway

import (
	"context"
	"slices"
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
		j.keep(d)
	}
	for ear := range j.ears {
		select {
		case ear <- d:
		default: // too slow: it misses one
		}
	}
}

// keep makes a refusal the newest one, and one with its equals.
func (j *journal) keep(d Decision) {
	same := func(o Decision) bool { return o.Host == d.Host && o.Port == d.Port && o.Rule == d.Rule }
	if i := slices.IndexFunc(j.denied, same); i >= 0 {
		d.Count += j.denied[i].Count
		j.denied = slices.Delete(j.denied, i, i+1)
	}
	j.denied = append(j.denied[max(0, len(j.denied)+1-kept):], d)
}

// answer forgets the refusals that a rule now lets through.
func (j *journal) answer(rule egress.Rule) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.denied = slices.DeleteFunc(j.denied, func(d Decision) bool { return d.AnsweredBy(rule) })
}

// refused gives the newest refusals, oldest first.
func (j *journal) refused() []Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.denied)
}

// follow gives the newest refusals, oldest first, and each decision from now on; the channel is closed when ctx ends.
func (j *journal) follow(ctx context.Context) ([]Decision, <-chan Decision) {
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
	return slices.Clone(j.denied), ear
}
