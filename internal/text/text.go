// Package text makes text from inside a sandbox safe to show; it does not know where it is shown.
package text

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LineLimit is how many characters of one line are kept; the first one more becomes an ellipsis.
const LineLimit = 4096

// Strip drops control characters but line feed and tab, whole escape sequences, bidirectional and zero-width controls,
// puts U+FFFD in place of bytes that are not UTF-8, and cuts lines at LineLimit.
func Strip(s string) string {
	if plain(s) {
		return s
	}
	var out strings.Builder
	w := Writer{to: &out}
	_, _ = w.Write([]byte(s)) // a strings.Builder takes everything
	_ = w.Flush()
	return out.String()
}

// Line is Strip for a text that must stay on one line: line feeds and tabs become spaces.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, Strip(s))
}

func plain(s string) bool {
	if len(s) > LineLimit {
		return false
	}
	for i := range len(s) {
		if (s[i] < ' ' && s[i] != '\n' && s[i] != '\t') || s[i] > '~' {
			return false
		}
	}
	return true
}

// Writer strips what is written to it and hands the rest on, the same for any division into writes. Flush ends it.
type Writer struct {
	to      io.Writer
	state   state
	pending []byte // the beginning of a character
	column  int    // characters in the current line
	out     []byte
}

// NewWriter makes a Writer before to.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write strips p. It takes all of p unless the writer behind fails.
func (w *Writer) Write(p []byte) (int, error) {
	data := p
	if len(w.pending) > 0 {
		data = append(w.pending, p...)
	}
	w.out = w.out[:0]
	for len(data) > 0 && utf8.FullRune(data) {
		r, size := utf8.DecodeRune(data)
		data = data[size:]
		w.take(r)
	}
	w.pending = append([]byte(nil), data...)
	return len(p), w.hand()
}

// Flush writes what was held back: a character that never became whole.
func (w *Writer) Flush() error {
	w.out = w.out[:0]
	for range w.pending {
		w.take(utf8.RuneError)
	}
	w.pending = nil
	return w.hand()
}

func (w *Writer) hand() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.to.Write(w.out)
	return err
}

// state is where in an escape sequence the last character was.
type state int

const (
	ground  state = iota
	escape        // after ESC
	nF            // after ESC and an intermediate: one more final byte
	control       // in a control sequence, ESC [
	payload       // in a string: OSC, DCS, SOS, PM, APC
	closing       // after ESC inside a string
)

const (
	bel = '\a'
	esc = '\x1b'
	can = '\x18'
	sub = '\x1a'
	st  = '\u009c'
)

// take moves on by one character. A sequence never reaches over the end of a line: one that is not finished there is
// over, so nobody can hide what comes later.
func (w *Writer) take(r rune) {
	switch {
	case r == '\n' || r == can || r == sub:
		w.state = ground
		w.emit(r)
	case r == esc && w.state == payload:
		w.state = closing
	case r == esc:
		w.state = escape
	case w.state == ground:
		w.outside(r)
	default:
		w.inside(r)
	}
}

func (w *Writer) outside(r rune) {
	if r > '~' {
		if next, ok := opens8bit[r]; ok {
			w.state = next
			return
		}
	}
	w.emit(r)
}

// opens8bit are the C1 controls that begin a sequence.
var opens8bit = map[rune]state{'\u009b': control, '\u009d': payload, '\u0090': payload, '\u0098': payload, '\u009e': payload, '\u009f': payload}

// opens7bit are the characters after ESC that begin a longer sequence.
var opens7bit = map[rune]state{'[': control, ']': payload, 'P': payload, 'X': payload, '^': payload, '_': payload}

func (w *Writer) inside(r rune) {
	switch w.state {
	case escape:
		w.afterEscape(r)
	case nF:
		if r >= 0x20 && r <= 0x2f {
			return
		}
		w.end(r, r >= 0x30 && r <= 0x7e)
	case control:
		if r < 0x40 || r == 0x7f {
			return // parameters, intermediates, and controls that a terminal would act on
		}
		w.end(r, r <= 0x7e)
	case payload:
		if r == bel || r == st {
			w.state = ground
		}
	case closing:
		if r == '\\' {
			w.state = ground
			return
		}
		w.afterEscape(r)
	}
}

func (w *Writer) afterEscape(r rune) {
	if next, ok := opens7bit[r]; ok {
		w.state = next
		return
	}
	if r >= 0x20 && r <= 0x2f {
		w.state = nF
		return
	}
	w.end(r, r >= 0x30 && r <= 0x7e)
}

// end leaves a sequence with its last character, which belongs to it or is the text that follows.
func (w *Writer) end(r rune, belongs bool) {
	w.state = ground
	if !belongs {
		w.outside(r)
	}
}

func (w *Writer) emit(r rune) {
	switch {
	case r == '\n':
		w.column = 0
	case r >= ' ' && r <= '~':
		w.column++
	case r != '\t' && unicode.Is(unicode.Cc, r) || unicode.Is(invisible, r):
		return
	default:
		w.column++
	}
	switch {
	case w.column <= LineLimit:
		w.out = utf8.AppendRune(w.out, r)
	case w.column == LineLimit+1:
		w.out = append(w.out, "…"...)
	}
}

// invisible are characters that take no room or turn the direction of others: with them a text can look like another.
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00ad, 0x00ad, 1}, {0x034f, 0x034f, 1}, {0x061c, 0x061c, 1}, {0x115f, 0x1160, 1}, {0x17b4, 0x17b5, 1}, {0x180b, 0x180f, 1},
		{0x200b, 0x200f, 1}, {0x2028, 0x202e, 1}, {0x2060, 0x206f, 1}, {0x3164, 0x3164, 1},
		{0xfe00, 0xfe0f, 1}, {0xfeff, 0xfeff, 1}, {0xffa0, 0xffa0, 1}, {0xfff9, 0xfffb, 1},
	},
	R32:         []unicode.Range32{{0x1bca0, 0x1bca3, 1}, {0x1d173, 0x1d17a, 1}, {0xe0000, 0xe0fff, 1}},
	LatinOffset: 1,
}
