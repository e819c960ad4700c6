// Package report prints events, tables and objects as lines for people and for scripts; it draws nothing but, on a
// terminal, one line that is repainted.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"berth/internal/event"
)

// Options say where lines go and in which manner.
type Options struct {
	Out        io.Writer // data
	Err        io.Writer // all else
	JSON       bool      // objects on Out, events and faults as JSON on Err
	Quiet      bool      // no events, no notes; data and faults remain
	Accessible bool      // no drawing characters, no repainting
	ASCII      bool      // marks without Unicode
	Color      bool      // ANSI colours for marks
	Repaint    bool      // Err is a terminal: progress keeps to one line
	Width      int       // columns of Err for the repainted line; 0: unknown, then 80
	OutWidth   int       // columns of Out where it is a terminal; 0: it is none
}

// Printer writes for one invocation. It may be used from several goroutines.
type Printer struct {
	o       Options
	mu      sync.Mutex
	painted bool // a repainted line stands on Err, without its newline
	steps   map[string]*progress
	order   []string // keys of the steps under way, in the order they began
	broken  error    // the first failed write to Out
}

// New makes a Printer.
func New(o Options) *Printer {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Repaint = o.Repaint && !o.Accessible && !o.JSON
	return &Printer{o: o, steps: map[string]*progress{}}
}

// Lines writes data for people to Out, one line each.
func (p *Printer) Lines(lines ...string) {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	p.data([]byte(b.String()))
}

// Note writes one line beside the data to Err, unless quiet; with JSON it is an event.
func (p *Printer) Note(format string, args ...any) {
	p.Event(event.Event{Time: time.Now().UTC(), Stage: event.Note, Text: fmt.Sprintf(format, args...)})
}

// Warn writes one line of warning beside the data.
func (p *Printer) Warn(text string) {
	p.Event(event.Event{Time: time.Now().UTC(), Stage: event.Warning, Text: text})
}

// Fit cuts a line to the width of the terminal that data is printed on; a pipe gets all of it.
func (p *Printer) Fit(text string) string {
	if p.o.OutWidth <= 0 {
		return text
	}
	return ansi.Truncate(text, p.o.OutWidth, "…")
}

// Object writes v to Out as one line of JSON whose first member is the schema "berth.<thing>/v1". v must be a struct
// or a map.
func (p *Printer) Object(thing string, v any) error {
	line, err := withSchema("berth."+thing+"/v1", v)
	if err != nil {
		return err
	}
	p.data(line)
	return nil
}

// Broken gives the first error of writing to Out, such as a pipe whose reader has gone, or nil.
func (p *Printer) Broken() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

// JSON tells whether the reader is a program.
func (p *Printer) JSON() bool { return p.o.JSON }

func (p *Printer) data(text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if _, err := p.o.Out.Write(text); err != nil && p.broken == nil {
		p.broken = err
	}
}

// note writes text to Err above the repainted line, which shows the latest step that is still under way. A failed write
// has nobody left to tell.
func (p *Printer) note(text string) {
	p.clear()
	_, _ = io.WriteString(p.o.Err, text+"\n")
	if n := len(p.order); p.o.Repaint && n > 0 {
		p.paint(p.steps[p.order[n-1]].line)
	}
}

// clear takes the repainted line away. Callers hold the lock.
func (p *Printer) clear() {
	if p.painted {
		_, _ = io.WriteString(p.o.Err, "\r\x1b[K")
		p.painted = false
	}
}

// withSchema puts the schema before the members of v, and ends the line.
func withSchema(schema string, v any) ([]byte, error) {
	body, err := marshal(v)
	if err != nil {
		return nil, err
	}
	head := `{"schema":"` + schema + `"`
	if string(body) == "{}" {
		return []byte(head + "}\n"), nil
	}
	if body[0] != '{' {
		return nil, fmt.Errorf("%s: %T is no object", schema, v)
	}
	return []byte(head + "," + string(body[1:]) + "\n"), nil
}

// marshal leaves & < > as they are: links have them, and no browser reads this as HTML.
func marshal(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}
