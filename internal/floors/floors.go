// Package floors holds the one table of which room of the house may use which; its test keeps every import to it.
package floors

import (
	"fmt"
	"path"
	"strings"
)

// Package is what the go command lists of one package.
type Package struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// room is where a package stands and which modules it may use beside the standard library.
type room struct {
	floor   int
	outside string // import path prefixes, separated by blanks; "any" for all
}

const module = "berth"

// rooms is docs/architecture.md's picture. A room uses rooms on lower floors only, never one on its own.
var rooms = map[string]room{
	"e2e": {8, "any"},

	"cmd/berth": {7, "github.com/spf13/cobra github.com/spf13/pflag"},

	"tui":               {6, "github.com/charmbracelet github.com/sahilm/fuzzy github.com/aymanbagabas/go-osc52"},
	"internal/report":   {6, "github.com/charmbracelet/x"},
	"internal/snapshot": {6, ""},

	"internal/validate": {5, ""},
	"internal/doctor":   {5, ""},
	"internal/importer": {5, ""},

	"internal/launch":  {4, ""},
	"internal/gateway": {4, "golang.org/x/sys github.com/gofrs/flock"},
	"internal/build":   {4, "github.com/moby/go-archive github.com/moby/patternmatcher"},

	"hardening": {3, ""},
	"internal/engine": {3, "github.com/docker/docker github.com/docker/cli github.com/docker/go-connections " +
		"github.com/containerd github.com/opencontainers"},
	"internal/config": {3, "github.com/BurntSushi/toml"},

	"internal/sandbox": {2, ""},
	"internal/state":   {2, "github.com/adrg/xdg github.com/gofrs/flock golang.org/x/sys"},
	"cmd/berth-inside": {2, "mvdan.cc/sh golang.org/x/sys"},

	"mounts":               {1, ""},
	"network":              {1, ""},
	"internal/image":       {1, "github.com/distribution/reference"},
	"internal/agentserver": {1, ""},
	"internal/tunnel":      {1, "golang.org/x/sys"},
	"internal/probe":       {1, "golang.org/x/sys"},
	"internal/overlay":     {1, "golang.org/x/sys"},
	"internal/guard":       {1, ""},
	"internal/egress":      {1, ""},
	"internal/inside":      {1, "github.com/andybalholm/brotli"},

	"internal/event":            {0, ""},
	"internal/fault":            {0, ""},
	"internal/secret":           {0, ""},
	"internal/text":             {0, ""},
	"internal/host":             {0, "github.com/pkg/browser golang.org/x/sys"},
	"internal/inside/pack":      {2, "github.com/andybalholm/brotli"},
	"tui/background":            {0, "github.com/charmbracelet/lipgloss"},
	"examples/images/workbench": {0, ""},

	// for tests
	"internal/dockertest": {0, "github.com/docker github.com/moby/docker-image-spec github.com/opencontainers"},
	"internal/golden":     {0, ""},
	"internal/floors":     {0, ""},
	"internal/tally":      {0, ""},
}

// forTests is what a test may use on top of its room's own; test helpers are rooms of floor 0.
const forTests = "github.com/rogpeppe/go-internal pgregory.net/rapid github.com/creack/pty github.com/chromedp github.com/charmbracelet/x/term github.com/moby/profiles"

// Check names every import that goes up, sideways or outside, and every room that is on no floor.
func Check(packages []Package) []string {
	var wrong []string
	for _, p := range packages {
		name := place(p.ImportPath)
		from, known := rooms[name]
		if !known {
			wrong = append(wrong, name+": this room is on no floor")
			continue
		}
		for _, imported := range p.Imports {
			wrong = append(wrong, refuse(name, from, imported, from.outside)...)
		}
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			wrong = append(wrong, refuse(name+" (test)", from, imported, from.outside+" "+forTests)...)
		}
	}
	return wrong
}

// refuse judges one import of a room.
func refuse(name string, from room, imported, outside string) []string {
	target, inside := strings.CutPrefix(imported, module+"/")
	itself, isTest := strings.CutSuffix(name, " (test)")
	to := place(imported)
	switch {
	case !inside && allowed(imported, outside), to == itself, isTest && helper(target):
		return nil
	case !inside:
		return []string{fmt.Sprintf("%s uses %s, which its room may not", name, imported)}
	case rooms[to].floor >= from.floor:
		return []string{fmt.Sprintf("%s (floor %d) uses %s (floor %d)", name, from.floor, target, rooms[to].floor)}
	}
	return nil
}

// place gives the room of a package: its own, or the nearest above it, of which it then is a part.
func place(importPath string) string {
	name := strings.TrimPrefix(importPath, module+"/")
	for at := name; at != "."; at = path.Dir(at) {
		if _, known := rooms[at]; known {
			return at
		}
	}
	return name
}

func helper(name string) bool { return name == "internal/dockertest" || name == "internal/golden" }

// allowed takes the standard library, whose paths have no dot before the first slash, and the prefixes listed.
func allowed(imported, outside string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true
	}
	for _, prefix := range strings.Fields(outside) {
		if prefix == "any" || imported == prefix || strings.HasPrefix(imported, prefix+"/") {
			return true
		}
	}
	return false
}
