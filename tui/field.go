package tui

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/sahilm/fuzzy"
)

// field is one line of text being typed.
type field struct {
	open bool
	text []rune
}

// longest is how much a field takes.
const longest = 256

func (f *field) String() string { return string(f.text) }

// used tells whether something is typed or being typed.
func (f *field) used() bool { return f.open || len(f.text) > 0 }

// filtered says what a filter is and how many rows it leaves.
func filtered(f field, left, all int) string {
	text := "filter: " + f.String()
	if f.open {
		text += "_"
	}
	return fmt.Sprintf("%s  %d of %d", text, left, all)
}

// key takes what was typed. done says that enter or esc closed the field; esc empties it too.
func (f *field) key(k tea.KeyMsg) (done bool) {
	switch k.Type {
	case tea.KeyEnter:
		f.open = false
	case tea.KeyEsc:
		f.open, f.text = false, nil
	case tea.KeyBackspace, tea.KeyCtrlH:
		f.text = f.text[:max(0, len(f.text)-1)]
	case tea.KeyCtrlU:
		f.text = nil
	case tea.KeyCtrlW:
		f.text = f.text[:wordStart(f.text)]
	case tea.KeySpace, tea.KeyRunes:
		if !k.Alt {
			f.text = append(f.text, []rune(clean(string(k.Runes)))...)
			f.text = f.text[:min(len(f.text), longest)]
		}
	}
	return !f.open
}

func wordStart(t []rune) int {
	i := len(t)
	for i > 0 && t[i-1] == ' ' {
		i--
	}
	for i > 0 && t[i-1] != ' ' {
		i--
	}
	return i
}

// left gives the rows that a filter leaves, in their own order: its letters stand in the row's name, in turn, or all
// of it stands in the rest of the row.
func left[T any](f field, rows []T, say func(T) (name, rest string)) []T {
	typed := strings.ToLower(f.String())
	if typed == "" {
		return rows
	}
	var out []T
	for _, r := range rows {
		name, rest := say(r)
		if len(fuzzy.Find(typed, []string{name})) > 0 || strings.Contains(strings.ToLower(rest), typed) {
			out = append(out, r)
		}
	}
	return out
}

// best gives the indexes of the rows that a typed text means, the likeliest first; all when it is empty.
func best(typed string, rows []string) []int {
	var out []int
	if typed == "" {
		for i := range rows {
			out = append(out, i)
		}
	}
	for _, m := range fuzzy.Find(typed, rows) {
		out = append(out, m.Index)
	}
	return out
}
