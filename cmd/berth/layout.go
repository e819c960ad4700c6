package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/report"
)

// layout is what --format asks for: text and values by turns. It is written as the docker command's users do, but it is
// no template of Go's: text/template alone would add a fifth to the program, since it keeps every method of every type.
type layout []func(launch.Status, time.Time) string

// values are what a layout can show of a sandbox.
var values = map[string]func(launch.Status, time.Time) string{
	".Name":    func(s launch.Status, _ time.Time) string { return s.Name },
	".State":   func(s launch.Status, _ time.Time) string { return string(s.State) },
	".Profile": func(s launch.Status, _ time.Time) string { return s.Profile },
	".Image":   func(s launch.Status, _ time.Time) string { return s.Image },
	".Project": func(s launch.Status, _ time.Time) string { return s.Project },
	".Posture": func(s launch.Status, _ time.Time) string { return s.Posture },
	".Links":   func(s launch.Status, _ time.Time) string { return linksWord(s.Links) },
	".Created": func(s launch.Status, _ time.Time) string { return s.Created.UTC().Format(time.RFC3339) },
	".Age":     func(s launch.Status, now time.Time) string { return report.Age(now.Sub(s.Created)) },
	".ExitCode": func(s launch.Status, _ time.Time) string {
		return strconv.Itoa(s.ExitCode)
	},
	".Mounts": func(s launch.Status, _ time.Time) string {
		var words []string
		for _, m := range s.Mounts {
			words = append(words, mountLine(m))
		}
		return strings.Join(words, ", ")
	},
	"json .": func(s launch.Status, _ time.Time) string {
		text, err := json.Marshal(listedOf(s))
		if err != nil {
			panic(err) // a list holds nothing that JSON cannot say
		}
		return string(text)
	},
}

// parseLayout reads a text with {{.Name}} and the like in it; \t and \n are a tab and a new line.
func parseLayout(text string) (layout, error) {
	var out layout
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text)
	for text != "" {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			out = append(out, func(launch.Status, time.Time) string { return before })
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, usage("for example: --format '{{.Name}} {{.State}}'", "--format: {{%s: the braces are not closed", inner)
		}
		name := strings.Join(strings.Fields(inner), " ")
		value, known := values[name]
		if !known {
			return nil, unknownValue(name)
		}
		out, text = append(out, value), after
	}
	return out, nil
}

func unknownValue(name string) error {
	names := slices.Sorted(maps.Keys(values))
	hint := "there are: " + strings.Join(names, ", ")
	if near := fault.Nearest(name, names); near != "" {
		hint = "did you mean {{" + near + "}}?"
	}
	return usage(hint, "--format: {{%s}}: a sandbox has no such value", name)
}

// of lays a sandbox out.
func (l layout) of(s launch.Status, now time.Time) string {
	var b strings.Builder
	for _, part := range l {
		b.WriteString(part(s, now))
	}
	return b.String()
}
