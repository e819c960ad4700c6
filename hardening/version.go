package hardening

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// version is a version's leading numbers: 20.10.24+dfsg1 is 20, 10, 24. Nil is a version nobody told.
type version []int

func parseVersion(text string) version {
	var out version
	for _, piece := range strings.Split(strings.TrimPrefix(text, "v"), ".") {
		digits := len(piece) - len(strings.TrimLeft(piece, "0123456789"))
		n, err := strconv.Atoi(piece[:digits])
		if err != nil {
			break
		}
		out = append(out, n)
		if digits < len(piece) {
			break
		}
	}
	return out
}

// branch is a version's first two numbers: fixes are made per branch.
func (v version) branch() version { return v[:min(2, len(v))] }

func (v version) before(w version) bool {
	for i := range max(len(v), len(w)) {
		if c := cmp.Compare(v.at(i), w.at(i)); c != 0 {
			return c < 0
		}
	}
	return false
}

func (v version) at(i int) int {
	if i < len(v) {
		return v[i]
	}
	return 0
}

// before tells whether a version lacks a fix that came out in the given ones, one a branch, oldest first. A branch
// without a fix of its own has it only when it is younger than the last. An untold version has none.
func before(text string, fixes ...string) bool {
	v := parseVersion(text)
	for _, fix := range fixes {
		if f := parseVersion(fix); slices.Equal(f.branch(), v.branch()) {
			return v.before(f)
		}
	}
	return v.before(parseVersion(fixes[len(fixes)-1]))
}
