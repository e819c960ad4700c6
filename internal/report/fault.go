package report

import (
	"strings"

	"berth/internal/fault"
)

// Fault prints an error and its hint to Err: two lines for people, one object of schema berth.error/v1 for programs.
func (p *Printer) Fault(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	message, hint := keyless(err.Error()), keyless(fault.HintOf(err))
	if p.o.JSON {
		text, _ := withSchema("berth.error/v1", struct { // strings alone: it cannot fail
			Kind    fault.Kind `json:"kind"`
			Message string     `json:"message"`
			Hint    string     `json:"hint"`
		}{fault.KindOf(err), message, hint})
		p.note(strings.TrimSuffix(string(text), "\n"))
		return
	}
	for i, part := range strings.Split(message, "\n") {
		if i == 0 {
			part = "berth: " + part
		}
		p.note(line(part))
	}
	if hint != "" {
		p.note("berth: hint: " + line(hint))
	}
}
