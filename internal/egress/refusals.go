package egress

import (
	"maps"
	"sync"
	"time"
)

const (
	quietTime = time.Minute // in which a refused host is told of once
	maxQuiet  = 256         // different ones that are told of in that time
)

// refusals keeps a sandbox that asks again and again from filling the log.
type refusals struct {
	mu   sync.Mutex
	seen map[refused]*told
}

// refused is what makes refusals equal.
type refused struct {
	host string
	port uint16
	rule string
}

// told is when a refusal was last told of, and how many came since.
type told struct {
	at   time.Time
	more int
}

// forget has every refusal told of again.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = nil
}

// others stands for all hosts beyond maxQuiet.
const others = "other hosts"

// add tells whether a refusal is to be told now, and how many equal ones it then stands for. Beyond a number of
// different hosts the rest are one, without a name.
func (r *refusals) add(d Decision) (Decision, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[refused]*told{}
	}
	key := refused{d.Host, d.Port, d.Rule}
	if r.seen[key] == nil && len(r.seen) >= maxQuiet {
		maps.DeleteFunc(r.seen, func(_ refused, t *told) bool { return d.Time.Sub(t.at) >= quietTime })
	}
	if r.seen[key] == nil && len(r.seen) >= maxQuiet {
		d = Decision{Time: d.Time, Host: others, Reason: "more hosts were refused in a minute than are told of one by one"}
		key = refused{host: others}
	}
	last := r.seen[key]
	if last != nil && d.Time.Sub(last.at) < quietTime {
		last.more++
		return d, false
	}
	d.Count = 1
	if last != nil {
		d.Count += last.more
	}
	r.seen[key] = &told{at: d.Time}
	return d, true
}
