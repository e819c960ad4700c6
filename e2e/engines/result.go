package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Result is what one engine did.
type Result struct {
	Engine string            // what the run calls it
	Cells  map[string]string // what was seen, by the name of a column
	Says   []string          // what the plan says about this engine
}

// save writes a result into a folder, for the table.
func (r Result) save(folder string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, r.Engine+".json"), text, 0o644)
}

// results reads what a run saved, in the order of its engines.
func results(folder string) ([]Result, error) {
	var out []Result
	for _, engine := range engines {
		text, err := os.ReadFile(filepath.Join(folder, engine+".json"))
		if os.IsNotExist(err) {
			continue
		}
		var r Result
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", engine, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// engines are those of make engines, in the order of the tables.
var engines = []string{"docker-20.10", "docker-26.1", "docker-28.5", "userns-remap", "rootless", "podman-5.8", "podman-rootless"}

// table is a part of the page: a row an engine.
type table struct {
	title, about string
	columns      []string
}

var tables = []table{
	{"What ran", "Each engine is one of Debian's, alone in a network namespace. *Tests* are those of the rooms that speak to an engine:\nconformance of its answers, the round trip of random sandboxes, rules and system call filters, at the real engine.",
		[]string{"engine", "API", "runtime", "tests"}},
	{"A launch by profile", "The starter image with the project's folder at /workspace, by berth itself: how its gateway is joined to it, and what\n`berth audit --probe --json` says. No rule failed where a cell is filled.",
		[]string{"compat", "standard", "strict", "paranoid"}},
	{"Links and reach", "Through the gateway of the standard sandbox, from beside it and from inside.",
		[]string{"network", "API with its key", "without", "private address", "resolver", "stop and start", "left after rm"}},
	{"Networks", "*Published* is `--publish`; *joined* is a neighbour's port reached by its name on an additional network; *relay* the\nsame through a relay, and its other port.",
		[]string{"published", "joined", "relay", "its other port", "its network"}},
}

const head = `# Engines

What berth does on container engines that differ. This page is written by ` + "`make engines`" + ` (as root, on Linux, with
debootstrap and a Debian mirror; 11 minutes on two busy cores, 3 more to make the system trees), which starts each engine from Debian's packages
beside the machine's own and runs one suite on it: ` + "`.ci/engines.sh`, `e2e/engines`" + `. One engine alone:
` + "`sudo bash .ci/engines.sh rootless`" + `. Podman 4 is not among them: it tells of another IPC namespace than was asked for, so the
audit ends each launch there.
`

// page is the whole document.
func page(all []Result) string {
	var out strings.Builder
	out.WriteString(head)
	for _, t := range tables {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| |%s\n|---|%s\n", t.title, t.about, row(t.columns), strings.Repeat("---|", len(t.columns)))
		for _, r := range all {
			cells := make([]string, len(t.columns))
			for i, c := range t.columns {
				cells[i] = r.Cells[c]
			}
			fmt.Fprintf(&out, "| %s |%s\n", r.Engine, row(cells))
		}
	}
	out.WriteString("\n## What is said\n\nThe warnings of a standard plan, and what `berth doctor` says of the engine.\n")
	for _, r := range all {
		fmt.Fprintf(&out, "\n**%s**\n\n", r.Engine)
		if len(r.Says) == 0 {
			out.WriteString("- nothing\n")
		}
		for _, line := range r.Says {
			fmt.Fprintf(&out, "- %s\n", line)
		}
	}
	return out.String()
}

func row(cells []string) string {
	var out strings.Builder
	for _, c := range cells {
		if c == "" {
			c = "–"
		}
		fmt.Fprintf(&out, " %s |", strings.ReplaceAll(c, "|", "\\|"))
	}
	return out.String()
}
