package report

import "strings"

// Table is rows under a heading; a row may be shorter than the heading.
type Table struct {
	Head []string
	Rows [][]string
}

// Lines lays the table out: columns two spaces apart, as wide as their widest cell, the last one ragged.
func (t Table) Lines() []string {
	widths := make([]int, len(t.Head))
	all := append([][]string{t.Head}, t.Rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	var out []string
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(line(cell))
			b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}
