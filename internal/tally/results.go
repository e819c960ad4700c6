package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// line is one event of `go test -json` (go doc test2json).
type line struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// test names one test of one package; an empty Test is the package itself.
type test struct{ Package, Test string }

// result is how a test ended over all runs: a failure beats all, a pass beats a skip.
type result struct {
	action string
	why    string // of a skip
}

type results map[test]result

// rank orders the endings; what is not in it is none.
var rank = map[string]int{"skip": 1, "pass": 2, "fail": 3}

// each hands on every event of an answer. Lines that are no JSON are a compiler's or a crash's words.
func each(r io.Reader, event func(line), words func(string)) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var l line
		if json.Unmarshal(scanner.Bytes(), &l) != nil || l.Action == "" {
			words(scanner.Text())
			continue
		}
		event(l)
	}
	return scanner.Err()
}

// follow shows a run: a line a package, and all that a failed test wrote.
func follow(r io.Reader, out io.Writer) (ok bool, err error) {
	ok = true
	wrote := map[test]*strings.Builder{}
	err = each(r, func(l line) {
		key := test{l.Package, l.Test}
		switch {
		case l.Action == "output" || l.Action == "build-output":
			if wrote[key] == nil {
				wrote[key] = &strings.Builder{}
			}
			wrote[key].WriteString(l.Output)
			return
		case l.Action == "fail" || l.Action == "build-fail":
			ok = false
			if wrote[key] != nil {
				fmt.Fprint(out, wrote[key])
			}
		}
		if rank[l.Action] > 0 {
			delete(wrote, key)
		}
		if l.Test == "" && (l.Action == "pass" || l.Action == "fail") { // skipped: it has no tests
			fmt.Fprintf(out, "%-5s %s  %.1f s\n", l.Action, l.Package, l.Elapsed)
		}
	}, func(text string) { fmt.Fprintln(out, text) })
	return ok, err
}

// read adds an answer kept by follow.
func (all results) read(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return all.add(file)
}

func (all results) add(r io.Reader) error {
	last := map[test]string{}
	return each(r, func(l line) {
		key := test{l.Package, l.Test}
		if reason := skipReason(l.Output); reason != "" {
			last[key] = reason
		}
		if l.Test == "" && l.Action != "fail" || rank[l.Action] <= rank[all[key].action] {
			return
		}
		all[key] = result{action: l.Action, why: last[key]}
	}, func(string) {})
}

var reason = regexp.MustCompile(`^\s+\S+_test\.go:\d+: (.*)`)

// skipReason finds what t.Skip was given: "    file_test.go:12: no engine here".
func skipReason(output string) string {
	if found := reason.FindStringSubmatch(output); found != nil {
		return found[1]
	}
	return ""
}

// leaves are the tests without subtests; a package counts only when it failed as a whole, before any test.
func (all results) leaves() []test {
	parents, failures := map[test]bool{}, map[string]bool{}
	for t, r := range all {
		if name, _, sub := cutLast(t.Test); sub {
			parents[test{t.Package, name}] = true
		}
		failures[t.Package] = failures[t.Package] || t.Test != "" && r.action == "fail"
	}
	var out []test
	for t, r := range all {
		alone := parents[t] && r.action == "fail" && !all.below(t, "fail")
		if t.Test == "" && !failures[t.Package] || t.Test != "" && (!parents[t] || alone) {
			out = append(out, t)
		}
	}
	return out
}

// below says whether a subtest of t ended so.
func (all results) below(t test, action string) bool {
	for other := range maps.Keys(all) {
		if other.Package == t.Package && strings.HasPrefix(other.Test, t.Test+"/") && all[other].action == action {
			return true
		}
	}
	return false
}

func cutLast(name string) (before, after string, found bool) {
	at := strings.LastIndexByte(name, '/')
	if at < 0 {
		return name, "", false
	}
	return name[:at], name[at+1:], true
}

func (all results) sum() (passed, failed, skipped int) {
	for _, t := range all.leaves() {
		switch all[t].action {
		case "pass":
			passed++
		case "fail":
			failed++
		case "skip":
			skipped++
		}
	}
	return passed, failed, skipped
}

// reasons lists what was skipped, with the reason.
func (all results) reasons() []string {
	var out []string
	for _, t := range all.leaves() {
		if all[t].action == "skip" {
			out = append(out, fmt.Sprintf("%s %s: %s", t.Package, t.Test, all[t].why))
		}
	}
	slices.Sort(out)
	return out
}
