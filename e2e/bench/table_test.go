package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPercentilesAreByNearestRankAndLeaveOutFailures(t *testing.T) {
	values := []float64{5, 1, math.NaN(), 3, 2, 4}
	for p, want := range map[float64]float64{50: 3, 95: 5, 20: 1} {
		if got := percentile(values, p); got != want {
			t.Errorf("p%g = %g, want %g", p, got, want)
		}
	}
	if got := percentile([]float64{1, 2, 3, 10}, 50); got != 2.5 {
		t.Errorf("median of four %g, want 2.5", got)
	}
	if got := percentile([]float64{math.NaN()}, 50); !math.IsNaN(got) {
		t.Errorf("median of nothing %g", got)
	}
}

func TestTheRatioIsTheMedianOfTheRoundsAndNotOfTheMedians(t *testing.T) {
	if got := ratio([]float64{2, 30, 9}, []float64{1, 10, 3}); got != 3 {
		t.Errorf("got %g, want 3", got)
	}
	if got := ratio([]float64{2, math.NaN(), 4}, []float64{1, 1, 2}); got != 2 {
		t.Errorf("with a failed round %g, want 2", got)
	}
}

func TestAGoalIsKeptByTheFigureItSpeaksOfAndByNoFailedRound(t *testing.T) {
	most := goal{Most: 10}
	for name, c := range map[string]struct {
		row  row
		want bool
	}{
		"at the bound":     {row{Values: []float64{10}, Goal: most}, true},
		"above":            {row{Values: []float64{11}, Goal: most}, false},
		"as the peer":      {row{Values: []float64{11}, Goal: goal{Most: 10, OrPeer: 12}}, true},
		"a ratio":          {row{Values: []float64{900}, Ratio: 1.1, Goal: goal{Most: 1.15, Ratio: true}}, true},
		"a ratio above":    {row{Values: []float64{1}, Ratio: 1.2, Goal: goal{Most: 1.15, Ratio: true}}, false},
		"with a failure":   {row{Values: []float64{1}, Fail: 1, Goal: most}, false},
		"nothing measured": {row{Values: []float64{math.NaN()}, Goal: most}, false},
		"no goal":          {row{Values: []float64{1e9}}, true},
		"skipped":          {row{Note: "not installed", Goal: most}, true},
	} {
		if got := c.row.kept(); got != c.want {
			t.Errorf("%s: kept %v", name, got)
		}
	}
}

func TestTheFiguresAreWrittenWithFailedRoundsAsNull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	if err := writeJSON(path, []row{{Name: "a", Unit: "ms", Values: []float64{1.5, math.NaN()}, Ratio: math.NaN()}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(string(text)), ""); !strings.Contains(got, `"values":[1.5,null]`) {
		t.Errorf("got %s", got)
	}
}
