package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Mask is what stands where a secret stood.
const Mask = "****"

// shortest is the least number of bytes a secret must have to be looked for: shorter ones ("1", "true") would take
// ordinary text with them.
const shortest = 6

// Redactor knows secrets in all the forms in which they may turn up, and the words after which one always stands.
type Redactor struct {
	needles [256][]needle // by first byte
}

// needle is a text to look for.
type needle struct {
	text string
	fold bool            // letters' case does not matter
	ends func(byte) bool // of a word: what ends the value after it; nil for a secret itself
}

// words are followed by a secret, whatever it is: links' and headers' own names.
var words = []needle{
	{"tkn=", true, endsParameter}, {"session_api_key=", true, endsParameter}, {"#k=", true, endsParameter},
	{"authorization:", true, endsHeader}, {"authorization\":", true, endsHeader},
	{"x-session-api-key:", true, endsHeader}, {"x-session-api-key\":", true, endsHeader}, {"session_api_key\":", true, endsHeader},
}

func endsParameter(c byte) bool { return c <= ' ' || strings.IndexByte("&#\"'<>;,)]}\\", c) >= 0 }
func endsHeader(c byte) bool    { return c == '\n' || c == '\r' || c == '"' || c == '\'' || c == '}' }

// NewRedactor makes a Redactor of secrets. Those shorter than 6 bytes are not looked for.
func NewRedactor(secrets ...String) *Redactor {
	r := &Redactor{}
	for _, w := range words {
		r.add(w)
	}
	for _, s := range secrets {
		if len(s.value) < shortest {
			continue
		}
		for _, form := range forms(s.value) {
			r.add(needle{text: form})
		}
	}
	return r
}

func (r *Redactor) add(n needle) {
	first := []byte{n.text[0]}
	if n.fold {
		first = append(first, bytes.ToUpper(first)...)
	}
	for _, c := range slices.Compact(first) {
		r.needles[c] = append(r.needles[c], n)
	}
}

// forms gives a secret as it is, in JSON, URL-encoded three ways and in base64 at each of the three places it can
// take in a longer text.
func forms(s string) []string {
	out := []string{s, url.QueryEscape(s), url.PathEscape(s), strings.ToLower(url.QueryEscape(s)), percent("%%%02x", s), percent("%%%02X", s)}
	if quoted, err := json.Marshal(s); err == nil {
		out = append(out, string(quoted[1:len(quoted)-1]))
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			// The characters at either end hold bits of the neighbours too: they are not part of what to look for.
			text := encoding.EncodeToString(append(make([]byte, offset), s...))
			text = text[(offset*8+5)/6:]
			out = append(out, text)
			if (offset+len(s))%3 != 0 {
				out = append(out, text[:len(text)-1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func percent(form, s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, form, s[i])
	}
	return b.String()
}

// String gives text with Mask in place of each secret.
func (r *Redactor) String(text string) string {
	var out strings.Builder
	w := r.Writer(&out)
	_, _ = w.Write([]byte(text)) // a strings.Builder takes everything
	_ = w.Flush()
	return out.String()
}

// Writer makes a Writer before to.
func (r *Redactor) Writer(to io.Writer) *Writer { return &Writer{r: r, to: to} }

// Writer redacts what is written to it and hands the rest on, the same for any division into writes. It holds back
// only what may be the beginning of a secret; Flush ends it.
type Writer struct {
	r       *Redactor
	to      io.Writer
	pending []byte
	covered int             // how many of the next bytes belong to a secret
	masked  bool            // the last byte was covered
	word    *needle         // the last word met
	left    int             // how many of the next bytes are still that word
	ends    func(byte) bool // inside the value after a word: what ends it
	begun   bool            // that value's first byte was seen
	out     []byte
}

// Write takes all of p unless the writer behind fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.pending = append(w.pending, p...)
	return len(p), w.process(false)
}

// Flush writes what was held back.
func (w *Writer) Flush() error { return w.process(true) }

func (w *Writer) process(last bool) error {
	w.out = w.out[:0]
	i := 0
	for ; i < len(w.pending); i++ {
		rest := w.pending[i:]
		length, word, undecided := w.r.match(rest)
		if undecided && !last {
			break
		}
		w.covered = max(w.covered, length)
		if word != nil {
			w.word, w.left = word, len(word.text)
		}
		w.take(rest[0])
	}
	w.pending = append(w.pending[:0], w.pending[i:]...)
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.to.Write(w.out)
	return err
}

// take passes one byte on, or covers it.
func (w *Writer) take(c byte) {
	cover := w.covered > 0
	if cover {
		w.covered--
	}
	switch {
	case w.ends == nil:
	case !w.begun && (c == ' ' || c == '\t' || c == '"' || c == '\''): // between the word and its value
	case w.ends(c):
		w.ends = nil
	default:
		w.begun, cover = true, true
	}
	if !cover {
		w.out = append(w.out, c)
	} else if !w.masked {
		w.out = append(w.out, Mask...)
	}
	w.masked = cover
	if w.left > 0 {
		if w.left--; w.left == 0 {
			w.ends, w.begun = w.word.ends, false
		}
	}
}

// match tells how long the longest secret is with which text begins, and with which word. undecided: more text could
// still make it one, or a longer one.
func (r *Redactor) match(text []byte) (length int, word *needle, undecided bool) {
	for i := range r.needles[text[0]] {
		n := &r.needles[text[0]][i]
		have := min(len(text), len(n.text))
		head, want := text[:have], n.text[:have]
		if string(head) != want && !(n.fold && strings.EqualFold(string(head), want)) {
			continue
		}
		switch {
		case have < len(n.text):
			undecided = true
		case n.ends != nil:
			word = n
		default:
			length = max(length, have)
		}
	}
	return length, word, undecided
}
