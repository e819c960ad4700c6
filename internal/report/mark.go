package report

import (
	"github.com/charmbracelet/x/ansi"

	"berth/internal/secret"
	"berth/internal/text"
)

// Mark is the sign before a finding; it is never colour alone.
type Mark int

// The marks.
const (
	Good Mark = iota
	Warn
	Bad
	Hint
)

// marks has a row for each Mark: the sign, its ASCII form, the word a screen reader says, the ANSI colour.
var marks = [...]struct{ sign, ascii, word, color string }{
	Good: {"✓", "+", "ok:", "32"},
	Warn: {"▲", "!", "warning:", "33"},
	Bad:  {"✗", "x", "failed:", "31"},
	Hint: {"→", ">", "hint:", "36"},
}

// Mark gives the sign in the manner of this printer.
func (p *Printer) Mark(m Mark) string { return p.mark(m) }

func (p *Printer) mark(m Mark) string {
	row := marks[m]
	switch {
	case p.o.Accessible:
		return row.word
	case p.o.ASCII:
		return p.colored(row.ascii, row.color)
	}
	return p.colored(row.sign, row.color)
}

func (p *Printer) colored(text, color string) string {
	if !p.o.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// line keeps a text from elsewhere to one line without control characters and without a key.
func line(s string) string { return keyless(text.Line(s)) }

// keyless hides what stands behind a key's name: a server's own error may hold a whole address.
func keyless(s string) string { return secret.NewRedactor().String(s) }

// width counts the columns that a cell takes on a terminal.
func width(cell string) int { return ansi.StringWidth(line(cell)) }
