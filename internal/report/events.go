package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"berth/internal/event"
)

// progress is what the printer remembers of a step that is on its way.
type progress struct {
	what    string
	started time.Time
	first   int64 // what was done when the first figure came: the rate counts from there
	shown   int   // the last percentage that got a line
	shownAt time.Time
	line    string // as it was last painted
}

// slow are the steps whose begin gets a line of its own where nothing is repainted: the reader would wait in silence.
var slow = map[string]bool{"pull": true, "build": true, "ready": true}

// inBytes are the steps whose progress counts bytes; others count pieces.
var inBytes = map[string]bool{"pull": true, "load": true}

// A line without a terminal is due when this much has changed or this long has passed.
const (
	percentStep  = 5
	progressStep = 5 * time.Second
)

// Event prints what happened: a line of NDJSON, a line for people, or a repaint of the current line.
func (p *Printer) Event(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.o.JSON:
		p.note(eventJSON(e))
	case p.o.Quiet:
	default:
		p.human(e)
	}
}

// Finish takes a repainted line away; call it before the process ends or lends its terminal to another.
func (p *Printer) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.order = nil
}

func (p *Printer) human(e event.Event) {
	key := e.Sandbox + "\x00" + e.Step
	switch e.Stage {
	case event.Begin:
		p.begin(key, e)
	case event.Progress:
		p.progress(key, e)
	case event.Done, event.Failed, event.Undone:
		p.end(key, e)
	case event.Warning:
		p.note(p.mark(Warn) + " " + line(e.Text))
	default:
		p.note(line(e.Text))
	}
}

// step begins to remember a step.
func (p *Printer) step(key string, e event.Event) *progress {
	s := &progress{what: e.Text, started: e.Time, first: -1, shown: -percentStep}
	if p.steps[key] == nil {
		p.order = append(p.order, key)
	}
	p.steps[key] = s
	return s
}

func (p *Printer) begin(key string, e event.Event) {
	s := p.step(key, e)
	s.line = title(e.Step, e.Text)
	switch {
	case p.o.Repaint:
		p.paint(s.line)
	case slow[e.Step]:
		p.note(title(e.Step, e.Text))
	}
}

func (p *Printer) progress(key string, e event.Event) {
	s := p.steps[key]
	if s == nil {
		s = p.step(key, e)
	}
	if s.what == "" {
		s.what = e.Text
	}
	if s.first < 0 {
		s.first = e.Current
	}
	s.line = progressLine(e, s)
	if p.o.Repaint {
		p.paint(s.line)
		return
	}
	percent := percentage(e.Current, e.Total)
	if percent-s.shown < percentStep && e.Time.Sub(s.shownAt) < progressStep {
		return
	}
	s.shown, s.shownAt = percent, e.Time
	p.note(s.line)
}

func (p *Printer) end(key string, e event.Event) {
	what := e.Text
	if s := p.steps[key]; s != nil {
		if what == "" {
			what = s.what
		}
		delete(p.steps, key)
		p.order = slices.DeleteFunc(p.order, func(k string) bool { return k == key })
	}
	var words []string
	switch e.Stage {
	case event.Failed:
		words = []string{p.mark(Bad) + " " + title(e.Step, what), "failed"}
	case event.Undone:
		words = []string{p.mark(Good) + " removed " + title(e.Step, what)}
	default:
		words = []string{p.mark(Good) + " " + title(e.Step, what)}
	}
	if e.Elapsed > 0 {
		words = append(words, Duration(e.Elapsed))
	}
	p.note(strings.Join(words, "  "))
}

// paint shows text on the one line that is repainted, cut to the terminal's width.
func (p *Printer) paint(text string) {
	_, _ = io.WriteString(p.o.Err, "\r\x1b[K"+ansi.Truncate(text, p.o.Width-1, ""))
	p.painted = true
}

// progressLine gives "pull acme/agent:1  31%  640 MB of >= 2.1 GB  38 MB/s  0:39": what, how far, how fast, how long
// already. What is not known is left out.
func progressLine(e event.Event, s *progress) string {
	words := []string{title(e.Step, s.what)}
	if e.Text != "" && e.Text != s.what {
		words = append(words, line(e.Text))
	}
	passed := e.Time.Sub(s.started)
	amount := strconv.FormatInt
	if inBytes[e.Step] {
		amount = func(n int64, _ int) string { return Bytes(n) }
	}
	switch {
	case e.Total > 0:
		least := ""
		if e.AtLeast {
			least = ">= "
		}
		words = append(words, fmt.Sprintf("%d%%", percentage(e.Current, e.Total)), amount(e.Current, 10)+" of "+least+amount(e.Total, 10))
	case e.Current > 0:
		words = append(words, amount(e.Current, 10))
	}
	if done := e.Current - s.first; inBytes[e.Step] && done > 0 && passed >= time.Second {
		words = append(words, Bytes(int64(float64(done)/passed.Seconds()))+"/s")
	}
	return strings.Join(append(words, Clock(passed)), "  ")
}

func percentage(current, total int64) int {
	if total <= 0 {
		return 0
	}
	return int(min(max(current*100/total, 0), 100))
}

// title says what a step is about: its own text, with the step before a bare reference.
func title(step, text string) string {
	text = line(text)
	switch {
	case text == "":
		return step
	case inBytes[step] && !strings.HasPrefix(text, step):
		return step + " " + text
	}
	return text
}

func eventJSON(e event.Event) string {
	type layer struct {
		ID    string `json:"id"`
		Phase string `json:"phase"`
		Cur   int64  `json:"cur,omitempty"`
		Total int64  `json:"total,omitempty"`
	}
	v := struct {
		T       time.Time   `json:"t"`
		Sandbox string      `json:"sandbox,omitempty"`
		Step    string      `json:"step,omitempty"`
		Stage   event.Stage `json:"stage,omitempty"`
		Text    string      `json:"text,omitempty"`
		Cur     int64       `json:"cur,omitempty"`
		Total   int64       `json:"total,omitempty"`
		Min     bool        `json:"min,omitempty"`
		Elapsed float64     `json:"seconds,omitempty"`
		Error   string      `json:"error,omitempty"`
		Layers  []layer     `json:"layers,omitempty"`
	}{e.Time.UTC(), e.Sandbox, e.Step, e.Stage, keyless(e.Text), e.Current, e.Total, e.AtLeast, e.Elapsed.Seconds(), keyless(e.Error), nil}
	for _, l := range e.Layers {
		v.Layers = append(v.Layers, layer{l.ID, l.Phase, l.Current, l.Total})
	}
	text, err := withSchema("berth.event/v1", v)
	if err != nil {
		panic(err) // an event holds nothing that JSON cannot say
	}
	return strings.TrimSuffix(string(text), "\n")
}
