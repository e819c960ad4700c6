package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"berth/internal/fault"
	"berth/internal/text"
)

// Widening is one thing that a project file gives the sandbox beyond what it would have without the file.
type Widening struct {
	Key    string
	Value  string // what the file asks for, one line
	Was    string // what holds without it
	Source Source
}

// String gives a line of a diff, safe to show: "+ image = acme/agent:1 (was workbench), .berth.toml:3:1".
func (w Widening) String() string {
	return text.Line(fmt.Sprintf("+ %s = %s (was %s), %s", w.Key, w.Value, cmp.Or(w.Was, "none"), w.Source))
}

// UntrustedError is a project file that widens access and that the user has not approved in this form.
type UntrustedError struct {
	Path  string // absolute
	Shown string
	Sum   [32]byte // sha256 of the file
	Gives []Widening
}

// Error says what to do about the file.
func (e *UntrustedError) Error() string { return e.Unwrap().Error() }

// Unwrap gives the fault, so that its kind and hint are found.
func (e *UntrustedError) Unwrap() error {
	lines := make([]string, len(e.Gives))
	for i, w := range e.Gives {
		lines[i] = "  " + w.String()
	}
	return fault.New(fault.Usage, "read it, then: berth trust "+e.Shown,
		"%s: is not trusted, and it widens what the sandbox may do\n%s", e.Shown, strings.Join(lines, "\n"))
}

func (l *loader) applyProject(doc *document, sum [32]byte) error {
	base := *l.s
	base.sources = maps.Clone(l.s.sources)
	dir := filepath.Dir(l.in.ProjectFile)
	if err := l.apply(l.s, doc, FromProject, dir); err != nil {
		return err
	}
	if l.s.Profile == "compat" && l.s.Source("profile").Kind == FromProject {
		n := doc.root.kids["profile"]
		return doc.problem("profile", &problem{at: n, text: "a project file may not ask for compat", hint: "say it yourself: --profile compat"})
	}
	l.s.ProjectSum = sum
	gives := Widens(l.s, &base, dir)
	if len(gives) == 0 || l.in.Trusted != nil && l.in.Trusted(l.in.ProjectFile, sum) {
		return nil
	}
	return &UntrustedError{Path: l.in.ProjectFile, Shown: doc.name, Sum: sum, Gives: gives}
}

// Widens compares the settings with a project file and without it, and gives what the file adds to the sandbox's
// reach. dir is the project's folder.
func Widens(with, without *Settings, dir string) []Widening {
	var out []Widening
	for _, key := range Keys {
		if key.Widens != When || with.Source(key.Name).Kind != FromProject {
			continue
		}
		for _, value := range widened[key.Name](with, without, dir) {
			out = append(out, Widening{key.Name, value, oneLine(key.field(without)), with.Source(key.Name)})
		}
	}
	return out
}

// widened gives, for each key that can widen, the values by which it does.
var widened = map[string]func(with, without *Settings, dir string) []string{
	"volumes":             volumesOutside,
	"mounts":              mountsOutside,
	"image":               func(w, o *Settings, _ string) []string { return changed(w.Image, o.Image) },
	"default_image":       func(w, o *Settings, _ string) []string { return changed(w.DefaultImage, o.DefaultImage) },
	"profile":             weakerProfile,
	"egress":              widerEgress,
	"additional_networks": func(w, o *Settings, _ string) []string { return added(w.AdditionalNetworks, o.AdditionalNetworks) },
	"compose_project":     func(w, o *Settings, _ string) []string { return changed(w.ComposeProject, o.ComposeProject) },
	"sidecars":            newSidecars,
	"publish":             func(w, o *Settings, _ string) []string { return when(w.Publish && !o.Publish, "true") },
	"env":                 serverVariables,
	"env_file":            filesOutside,
	"memory":              func(w, o *Settings, _ string) []string { return more(w.Memory, o.Memory, 1<<30) },
	"cpus":                func(w, o *Settings, _ string) []string { return more(w.CPUs, o.CPUs, 1) },
	"pids":                func(w, o *Settings, _ string) []string { return more(w.Pids, o.Pids, 256) },
	"nofile":              func(w, o *Settings, _ string) []string { return more(w.Nofile, o.Nofile, 1024) },
	"shm_size":            func(w, o *Settings, _ string) []string { return more(w.ShmSize, o.ShmSize, 0) },
	"bases":               newBases,
	"images":              newImages,
}
