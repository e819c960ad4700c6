package mounts

import (
	"fmt"
	"strings"

	"berth/internal/fault"
)

// Mode is what may be done with a mount. The zero Mode is rw.
type Mode struct {
	ReadOnly bool
	Overlay  bool
	NoCopy   bool
	SELinux  string // "", "z" or "Z"
}

// String prints the mode's words: "rw", "ro", "overlay,z".
func (m Mode) String() string {
	words := "rw"
	switch {
	case m.Overlay:
		words = "overlay"
	case m.ReadOnly:
		words = "ro"
	}
	if m.SELinux != "" {
		words += "," + m.SELinux
	}
	if m.NoCopy {
		words += ",nocopy"
	}
	return words
}

// modeWord is one word of a mode and what becomes of it.
type modeWord struct {
	word    string
	exact   bool      // upper and lower case differ
	refused ErrorKind // "" when accepted
	apply   func(*Mode)
}

func noEffect(*Mode) {}

var modeWords = []modeWord{
	{word: "rw", apply: noEffect},
	{word: "ro", apply: func(m *Mode) { m.ReadOnly = true }},
	{word: "overlay", apply: func(m *Mode) { m.Overlay = true }},
	{word: "O", exact: true, apply: func(m *Mode) { m.Overlay = true }},
	{word: "z", exact: true, apply: func(m *Mode) { m.SELinux = "z" }},
	{word: "Z", exact: true, apply: func(m *Mode) { m.SELinux = "Z" }},
	{word: "nocopy", apply: func(m *Mode) { m.NoCopy = true }},
	// Engines accept these, and they do nothing on Linux.
	{word: "cached", apply: noEffect},
	{word: "delegated", apply: noEffect},
	{word: "consistent", apply: noEffect},
	{word: "private", apply: noEffect},
	{word: "rprivate", apply: noEffect},
	// A host mount made later would appear inside.
	{word: "shared", refused: Propagation},
	{word: "rshared", refused: Propagation},
	{word: "slave", refused: Propagation},
	{word: "rslave", refused: Propagation},
	// Podman would chown the user's files.
	{word: "U", exact: true, refused: ChownMode},
}

func findMode(text string) (modeWord, bool) {
	for _, w := range modeWords {
		if text == w.word || !w.exact && strings.EqualFold(text, w.word) {
			return w, true
		}
	}
	return modeWord{}, false
}

// conflicts are words that cannot stand together.
var conflicts = [][2]string{{"ro", "rw"}, {"z", "Z"}}

// parseModes reads the third field, whose text begins at byte at of value.
func (p *parser) parseModes(e *Entry, field span) *SyntaxError {
	e.modes = p.piece(field)
	seen := map[string]bool{}
	for at := field.from; at <= field.to; {
		end := at + strings.IndexByte(p.value[at:field.to]+",", ',')
		from, to := trim(p.value, at, end, blanks)
		at = end + 1
		if from == to {
			continue
		}
		w, err := p.modeWord(e, span{from, to})
		if err != nil {
			return err
		}
		w.apply(&e.Mode)
		seen[w.word] = true
	}
	for _, pair := range conflicts {
		if seen[pair[0]] && seen[pair[1]] {
			return p.fail(ModeConflict, e, field, fmt.Sprintf("mode %s: %s and %s contradict each other", quote(e.modes.text), pair[0], pair[1]),
				fmt.Sprintf("drop %s or %s", pair[0], pair[1]))
		}
	}
	if e.Mode.Overlay {
		e.Mode.ReadOnly = false // "ro,overlay" is how OpenHands documents overlay
	}
	if e.Mode.NoCopy && e.kind == sourcePath {
		return p.fail(ModeConflict, e, field, fmt.Sprintf("mode %s: nocopy is for volumes, and the source is a path", quote(e.modes.text)), "drop nocopy")
	}
	return nil
}

func (p *parser) modeWord(e *Entry, at span) (modeWord, *SyntaxError) {
	text := p.value[at.from:at.to]
	w, ok := findMode(text)
	switch {
	case !ok:
		return w, p.fail(UnknownMode, e, at, "unknown mode "+quote(text), "write "+nearestMode(text))
	case w.refused == Propagation:
		return w, p.fail(Propagation, e, at, fmt.Sprintf("mode %s: a folder mounted later on the host would appear in the sandbox", quote(text)), "drop "+w.word)
	case w.refused == ChownMode:
		return w, p.fail(ChownMode, e, at, `mode "U" would change the owner of your files on the host`, "drop U")
	}
	return w, nil
}

// spelled are the words people write for a mode.
var spelled = map[string]string{"readonly": "ro", "read-only": "ro", "read": "ro", "r": "ro", "readwrite": "rw", "read-write": "rw",
	"write": "rw", "writable": "rw", "w": "rw", "cow": "overlay", "copy-on-write": "overlay"}

// nearestMode gives the likeliest of ro, rw and overlay; ro when in doubt, because it allows least.
func nearestMode(text string) string {
	text = strings.ToLower(text)
	if word, ok := spelled[text]; ok {
		return word
	}
	best := "ro"
	for _, word := range []string{"rw", "overlay"} {
		if fault.Distance(text, word) < fault.Distance(text, best) {
			best = word
		}
	}
	return best
}
