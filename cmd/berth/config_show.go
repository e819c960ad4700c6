package main

import (
	"slices"

	"github.com/spf13/cobra"

	"berth/internal/config"
	"berth/internal/fault"
)

func (a *app) configShowCommand() *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use:               "show [KEY...]",
		Short:             "Print the values in force",
		Example:           "  berth config show\n  berth config show --origin volumes image",
		ValidArgsFunction: completeKeys,
		RunE: func(_ *cobra.Command, args []string) error {
			lines, err := a.configLines(args)
			if err != nil {
				return err
			}
			if a.global.json {
				return a.print.Object("config", configJSON(lines))
			}
			a.print.Lines(configText(lines, origin || len(args) > 0, origin)...)
			return nil
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "every key, and where its value comes from")
	return c
}

func completeKeys(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, key := range config.Keys {
		names = append(names, key.Name+"\t"+key.Help)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// configLines gives the lines of the named keys, of all when none is named.
func (a *app) configLines(names []string) ([]config.Line, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	lines := s.Lines()
	if len(names) == 0 {
		return lines, nil
	}
	var out []config.Line
	for _, name := range names {
		i := slices.IndexFunc(lines, func(l config.Line) bool { return l.Key == name })
		if i < 0 {
			return nil, unknownKey(name, lines)
		}
		out = append(out, lines[i])
	}
	return out, nil
}

func unknownKey(name string, lines []config.Line) error {
	var keys []string
	for _, l := range lines {
		keys = append(keys, l.Key)
	}
	hint := "berth config show --origin"
	if near := fault.Nearest(name, keys); near != "" {
		hint = "did you mean " + near + "?"
	}
	return usage(hint, "%s: no such key", name)
}

// configText gives "key = value" as TOML, with the source behind it if asked for. Keys that nobody set are left out
// unless all are wanted; then they are comments that say what holds.
func configText(lines []config.Line, all, origin bool) []string {
	var out []string
	for _, l := range lines {
		text := l.Key + " = " + l.Value
		switch {
		case l.Value == "" && !all:
			continue
		case l.Value == "":
			text = "# " + l.Key + ": " + unset(l.Key)
		}
		if origin {
			text += "  # " + l.Source.String()
		}
		out = append(out, text)
	}
	return out
}

// unset says what holds for a key that nobody set.
func unset(name string) string {
	for _, key := range config.Keys {
		if key.Name == name {
			return key.Unset
		}
	}
	return ""
}

func configJSON(lines []config.Line) any {
	type line struct {
		Key    string `json:"key"`
		Value  string `json:"value"` // as TOML; "" when nobody set it
		Source string `json:"source"`
	}
	out := struct {
		Keys []line `json:"keys"`
	}{}
	for _, l := range lines {
		out.Keys = append(out.Keys, line{l.Key, l.Value, l.Source.String()})
	}
	return out
}
