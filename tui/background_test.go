package tui

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// began is one package as GODEBUG=inittrace=1 reports it.
var began = regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock`)

func TestTheBackgroundIsKnownBeforeBubbleTeaAsksAndStartingCostsNothing(t *testing.T) {
	best := 1000.0
	for range 5 { // the least of some: the machine does other things too
		trace := inits(t)
		ours, theirs := strings.Index(trace, "init berth/tui/background "), strings.Index(trace, "init github.com/charmbracelet/bubbletea ")
		if ours < 0 || theirs < 0 || ours > theirs {
			t.Fatalf("berth/tui/background does not come first:\n%s", trace)
		}
		var sum float64
		for _, m := range began.FindAllStringSubmatch(trace, -1) {
			ms, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += ms
		}
		best = min(best, sum)
	}
	t.Logf("all inits take %.2f ms", best)
	if best > 5 && !underRace {
		t.Errorf("all inits take %.2f ms, more than 5", best)
	}
}

// inits is what the runtime says of the packages that the demo initialises.
func inits(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "demo", "nothing")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, _ := cmd.CombinedOutput() // it ends with 2: there is no such demo
	if !strings.Contains(string(out), "no such demo: nothing") {
		t.Fatalf("got %s", out)
	}
	return string(out)
}
