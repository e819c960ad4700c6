package server

import (
	"slices"
	"sync"
	"time"
)

// What is kept of commands and their output: the oldest go first, and nothing is ever on disk.
const (
	maxEvents = 1000
	maxBytes  = 64 << 20
)

// event is a command or a piece of its output; the fields of the other kind are left out of its JSON.
type event struct {
	Kind      string    `json:"kind"`
	ID        string    `json:"id"`
	Timestamp timestamp `json:"timestamp"`
	*started
	*output

	seq int64 // rises by one with each event; the cursor of paging
}

// started are the fields of a BashCommand.
type started struct {
	Command string  `json:"command"`
	Cwd     *string `json:"cwd"`
	Timeout int64   `json:"timeout"` // seconds
}

// output are the fields of a BashOutput. An exit code of nil means that the command still runs.
type output struct {
	CommandID string  `json:"command_id"`
	Order     int     `json:"order"`
	ExitCode  *int    `json:"exit_code"`
	Stdout    *string `json:"stdout"`
	Stderr    *string `json:"stderr"`
}

// timestamp prints as the agent server prints times: UTC, microseconds.
type timestamp time.Time

func (t timestamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.000000Z"`)), nil
}

func (e event) size() int {
	switch {
	case e.started != nil:
		return 200 + len(e.Command)
	case e.output != nil:
		return 200 + len(text(e.Stdout)) + len(text(e.Stderr))
	}
	return 200
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// store keeps events in the order they came. Its zero value is ready.
type store struct {
	mu     sync.Mutex
	events []event
	bytes  int
	next   int64
}

// add stamps an event and keeps it; the oldest make room.
func (s *store) add(e event) event {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.ID, e.Timestamp, e.seq = orNew(e.ID), timestamp(time.Now()), s.next
	s.next++
	s.events = append(s.events, e)
	s.bytes += e.size()
	drop := 0
	for ; len(s.events)-drop > maxEvents || s.bytes > maxBytes && len(s.events)-drop > 1; drop++ {
		s.bytes -= s.events[drop].size()
	}
	s.events = slices.Delete(s.events, 0, drop)
	return e
}

func orNew(id string) string {
	if id != "" {
		return id
	}
	return newID()
}

func (s *store) get(id string) (event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.events, func(e event) bool { return e.ID == id })
	if i < 0 {
		return event{}, false
	}
	return s.events[i], true
}

// clear forgets everything and tells how much there was.
func (s *store) clear() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.events)
	s.events, s.bytes = nil, 0
	return n
}

// query chooses events.
type query struct {
	kind       string // "" is both
	commandID  string // "" is any; commands themselves have none
	since      time.Time
	before     time.Time
	afterOrder *int // outputs with a higher order; commands pass
	descending bool
	from       int64 // the cursor a page begins with; negative is the beginning
	limit      int
}

// search gives a page, and the cursor of the next event that fits, or -1.
func (s *store) search(q query) (page []event, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.events {
		e := s.events[i]
		if q.descending {
			e = s.events[len(s.events)-1-i]
		}
		if !q.fits(e) {
			continue
		}
		if len(page) == q.limit {
			return page, e.seq
		}
		page = append(page, e)
	}
	return page, -1
}

func (q query) fits(e event) bool {
	at := time.Time(e.Timestamp)
	switch {
	case q.kind != "" && e.Kind != q.kind:
		return false
	case q.commandID != "" && (e.output == nil || e.CommandID != q.commandID):
		return false
	case !q.since.IsZero() && at.Before(q.since), !q.before.IsZero() && !at.Before(q.before):
		return false
	case q.afterOrder != nil && e.output != nil && e.Order <= *q.afterOrder:
		return false
	case q.from >= 0 && (q.descending && e.seq > q.from || !q.descending && e.seq < q.from):
		return false
	}
	return true
}
