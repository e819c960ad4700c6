package tui

import (
	"bytes"
	"io"
	"strconv"

	"github.com/charmbracelet/x/ansi"
)

// painter writes frames: only the lines that changed, in one write, between the marks of synchronized output.
// Nothing changed, nothing written.
type painter struct {
	out   io.Writer
	w, h  int
	lines []string
	buf   bytes.Buffer
}

// paint makes the screen show lines; all of it is drawn anew when its size changed or after forget.
func (p *painter) paint(lines []string, w, h int) error {
	anew := w != p.w || h != p.h || p.lines == nil
	p.buf.Reset()
	for i := range h {
		line := at(lines, i)
		if !anew && line == p.lines[i] {
			continue
		}
		p.buf.WriteString("\x1b[")
		p.buf.WriteString(strconv.Itoa(i + 1))
		p.buf.WriteString(";1H\x1b[m\x1b[K")
		p.buf.WriteString(ansi.Truncate(line, w, "")) // the last act: no line is wider than the screen
	}
	p.w, p.h = w, h
	p.lines = append(make([]string, 0, h), lines[:min(len(lines), h)]...)
	for len(p.lines) < h {
		p.lines = append(p.lines, "")
	}
	if p.buf.Len() == 0 {
		return nil
	}
	_, err := p.out.Write([]byte("\x1b[?2026h" + p.buf.String() + "\x1b[m\x1b[?2026l"))
	return err
}

// forget makes the next paint draw everything.
func (p *painter) forget() { p.lines = nil }
