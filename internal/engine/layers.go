package engine

import (
	"errors"
	"strings"
	"time"

	"berth/internal/event"
)

// message is one line of the JSON stream of a pull, load or build.
type message struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Progress struct {
		Current int64  `json:"current"`
		Total   int64  `json:"total"`
		Units   string `json:"units"` // "" is bytes; "s" are seconds of unpacking
	} `json:"progressDetail"`
	ErrorText string `json:"error"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
}

func (m message) failure() error {
	switch {
	case m.Error != nil && m.Error.Message != "":
		return errors.New(m.Error.Message)
	case m.ErrorText != "":
		return errors.New(m.ErrorText)
	}
	return nil
}

// phases gives berth's word for what the engine says of a layer. Rows are in the order of a layer's life.
var phases = []struct{ status, phase string }{
	{"Pulling fs layer", "waiting"},
	{"Waiting", "waiting"},
	{"Retrying", "waiting"},
	{"Downloading", "download"},
	{"Verifying Checksum", "download"},
	{"Download complete", "downloaded"},
	{"Extracting", "extract"},
	{"Pull complete", "done"},
}

// layers folds the messages of a pull into one bar. Downloading and unpacking weigh the same, so that the whole is as
// many bytes as the download.
type layers struct {
	ref       string
	sink      event.Sink
	order     []string
	by        map[string]*layer
	unpacking bool
	last      time.Time
}

type layer struct {
	phase                   string
	total, loaded, unpacked int64
}

// progressEvery bounds how often progress is told while no layer changes its phase.
const progressEvery = 100 * time.Millisecond

func newLayers(ref string, sink event.Sink) *layers {
	return &layers{ref: ref, sink: sink, by: map[string]*layer{}}
}

func (l *layers) update(m message) {
	phase := phaseOf(m.Status)
	if m.ID == "" || phase == "" {
		return
	}
	one, known := l.by[m.ID]
	if !known {
		one = &layer{}
		l.by[m.ID] = one
		l.order = append(l.order, m.ID)
	}
	changed := one.phase != phase
	one.fold(phase, m)
	l.unpacking = l.unpacking || phase == "extract"
	if now := time.Now(); changed || now.Sub(l.last) >= progressEvery {
		l.last = now
		l.sink(l.event(now))
	}
}

func phaseOf(status string) string {
	for _, p := range phases {
		if strings.HasPrefix(status, p.status) {
			return p.phase
		}
	}
	return ""
}

func (one *layer) fold(phase string, m message) {
	one.phase = phase
	bytes := m.Progress.Units == ""
	if bytes && m.Progress.Total > one.total {
		one.total = m.Progress.Total
	}
	switch phase {
	case "download":
		one.loaded = max(one.loaded, m.Progress.Current)
	case "downloaded":
		one.loaded = one.total
	case "extract":
		one.loaded = one.total
		if bytes {
			one.unpacked = m.Progress.Current
		}
	case "done":
		one.loaded, one.unpacked = one.total, one.total
	}
}

func (l *layers) event(now time.Time) event.Event {
	out := event.Event{Time: now.UTC(), Step: pullStep, Stage: event.Progress, Text: l.ref}
	for _, id := range l.order {
		one := l.by[id]
		out.Current += (one.loaded + one.unpacked) / 2
		out.Total += one.total
		out.AtLeast = out.AtLeast || one.total == 0 && one.phase != "done"
		out.Layers = append(out.Layers, one.told(id))
	}
	return out
}

func (one *layer) told(id string) event.Layer {
	out := event.Layer{ID: id, Phase: one.phase, Current: one.loaded, Total: one.total}
	switch one.phase {
	case "downloaded":
		out.Phase = "waiting"
	case "extract":
		out.Current = one.unpacked
	}
	return out
}
