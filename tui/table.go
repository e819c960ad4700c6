package tui

import "strings"

// table draws Lines: sign, name in a column of its own, text wrapped beside it, the fix below.
func table(st style, lines []Line, w int) []string {
	name := nameColumn(lines, w)
	var out []string
	for _, l := range lines {
		out = append(out, tableRow(st, l, name, w)...)
	}
	return out
}

// nameColumn is how wide the names of Lines stand, 0 when there is no room for a column of text beside them.
func nameColumn(lines []Line, w int) int {
	name := 0
	for _, l := range lines {
		name = max(name, width(clean(l.Name)))
	}
	if name > w*2/5 && w < 60 {
		return 0
	}
	return min(name, w*2/5)
}

func tableRow(st style, l Line, nameWidth, w int) []string {
	head, name := " "+st.mark(l.Mark)+" ", clean(l.Name)
	if nameWidth == 0 {
		out := hang(head+name, w, 3)
		for _, piece := range hang(clean(l.Text), max(1, w-5), 0) {
			out = append(out, "     "+piece)
		}
		return append(out, fixLines(l, 5, w)...)
	}
	indent := 3 + nameWidth + 2
	head += pad(elide(name, nameWidth), nameWidth) + "  "
	var out []string
	for i, piece := range hang(clean(l.Text), w-indent, 0) {
		if i == 0 {
			out = append(out, head+piece)
		} else {
			out = append(out, strings.Repeat(" ", indent)+piece)
		}
	}
	return append(out, fixLines(l, indent, w)...)
}

func fixLines(l Line, indent, w int) []string {
	if l.Fix == "" {
		return nil
	}
	var out []string
	for _, piece := range hang("fix: "+clean(l.Fix), max(1, w-indent), 5) {
		out = append(out, strings.Repeat(" ", indent)+piece)
	}
	return out
}
