package report

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

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

// keyed are the names behind which a key stands in addresses and headers, in lower case.
var keyed = []string{"tkn=", "session_api_key=", "x-session-api-key: "}

// keyless hides the keys in a text: a server's own error may hold a whole address.
func keyless(s string) string {
	for _, name := range keyed {
		for from := 0; ; {
			at := strings.Index(strings.ToLower(s[from:]), name)
			if at < 0 {
				break
			}
			begin := from + at + len(name)
			end := begin
			for end < len(s) && !strings.ContainsRune("&# \t\n\"'", rune(s[end])) {
				end++
			}
			s = s[:begin] + "****" + s[end:]
			from = begin + 4
		}
	}
	return s
}

// width counts the columns that a cell takes on a terminal.
func width(cell string) int { return ansi.StringWidth(line(cell)) }
