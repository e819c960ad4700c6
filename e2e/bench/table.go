package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one line of the table: what was measured of one variant.
type row struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"` // ms, %, MB, B/s
	Values []float64 `json:"values"`
	Ratio  float64   `json:"ratio,omitempty"` // median over rounds of this ÷ the reference in the same round
	Fail   int       `json:"fail"`
	Goal   goal      `json:"goal"`
	Note   string    `json:"note,omitempty"` // why there are no values
}

// goal is what a row has to keep: its median, or its ratio, at most. The zero goal asks nothing.
type goal struct {
	Most   float64 `json:"most,omitempty"`
	Ratio  bool    `json:"ratio,omitempty"`
	OrPeer float64 `json:"or_peer,omitempty"` // a median of another program that is as good
}

func (g goal) String() string {
	switch {
	case g.Most == 0:
		return ""
	case g.Most == math.MaxFloat64:
		return "none fails"
	case g.OrPeer > 0:
		return fmt.Sprintf("<= %g or %.1f", g.Most, g.OrPeer)
	}
	return fmt.Sprintf("<= %g", g.Most)
}

// kept tells whether a row keeps its goal; a failed round never does.
func (r row) kept() bool {
	if r.Goal.Most == 0 || r.Note != "" {
		return true
	}
	got := percentile(r.Values, 50)
	if r.Goal.Ratio {
		got = r.Ratio
	}
	return r.Fail == 0 && got <= max(r.Goal.Most, r.Goal.OrPeer)
}

func missed(rows []row) bool {
	return slices.ContainsFunc(rows, func(r row) bool { return !r.kept() })
}

// percentile gives the p-th percentile by nearest rank, the mean of the middle two for an even median, NaN of nothing.
func percentile(values []float64, p float64) float64 {
	sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	if p == 50 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[max(0, int(math.Ceil(p/100*float64(n)))-1)]
}

// ratio gives the median over rounds of variant ÷ reference; a round in which one of them failed (NaN) is left out.
func ratio(variant, reference []float64) float64 {
	var each []float64
	for i := range min(len(variant), len(reference)) {
		each = append(each, variant[i]/reference[i])
	}
	return percentile(each, 50)
}

func table(rows []row) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "p50\tp95\tunit\t÷ raw\tfail\tgoal\t\t  variant")
	for _, r := range rows {
		if r.Note != "" {
			fmt.Fprintf(w, "-\t-\t%s\t\t\t\t\t  %s: %s\n", r.Unit, r.Name, r.Note)
			continue
		}
		share, verdict := "", ""
		if r.Ratio > 0 {
			share = fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Goal.Most > 0 {
			verdict = map[bool]string{true: "kept", false: "MISSED"}[r.kept()]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t  %s\n", figure(percentile(r.Values, 50)), figure(percentile(r.Values, 95)), r.Unit, share, r.Fail, r.Goal, verdict, r.Name)
	}
	w.Flush() //nolint:errcheck // into memory
	return b.String()
}

func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// writeJSON writes the rows with every value; a failed round is null.
func writeJSON(path string, rows []row) error {
	type plain row
	type exact struct {
		plain
		Values []*float64 `json:"values"`
	}
	out := []exact{}
	for _, r := range rows {
		e := exact{plain: plain(r)}
		for _, v := range r.Values {
			if math.IsNaN(v) {
				e.Values = append(e.Values, nil)
				continue
			}
			e.Values = append(e.Values, &v)
		}
		if math.IsNaN(e.Ratio) {
			e.Ratio = 0
		}
		out = append(out, e)
	}
	text, err := json.MarshalIndent(map[string]any{"schema": "berth.bench/v1", "rows": out}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
