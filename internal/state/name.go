package state

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// Claim is a sandbox name that is in use, and by which project folder.
type Claim struct{ Name, Project string }

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

const nameLength = 31

// CheckName tells whether a name the user gave can name a sandbox.
func CheckName(name string) error {
	if nameForm.MatchString(name) {
		return nil
	}
	return fault.New(fault.Usage, fmt.Sprintf("call it %q", stem(name)),
		"%q: a sandbox name is a small letter, then up to 30 small letters, digits or -", name)
}

// NameFor gives the sandbox of a project folder: the one it has, else a free name made from the folder's.
func NameFor(folder string, taken []Claim) string {
	used := map[string]bool{}
	for _, c := range taken {
		if c.Project == folder {
			return c.Name
		}
		used[c.Name] = true
	}
	name := stem(filepath.Base(folder))
	for n := 2; used[name]; n++ {
		suffix := "-" + strconv.Itoa(n)
		base := stem(filepath.Base(folder))
		name = strings.TrimRight(base[:min(len(base), nameLength-len(suffix))], "-") + suffix
	}
	return name
}

// stem brings any text to the form of a name.
func stem(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, text)
	name = strings.TrimLeft(name, "-0123456789")
	name = strings.TrimRight(name[:min(len(name), nameLength)], "-")
	if name == "" {
		return "sandbox"
	}
	return name
}
