package main

import (
	"cmp"
	"slices"

	"github.com/spf13/cobra"

	"berth/internal/config"
	"berth/internal/report"
)

// variable is one environment variable as `berth env` shows it.
type variable struct {
	Name   string `json:"name"`
	Set    bool   `json:"set"`
	Key    string `json:"key,omitempty"`
	Effect string `json:"effect"`
	Help   string `json:"help"`
}

func (a *app) envCommand() *cobra.Command {
	var explain bool
	c := &cobra.Command{
		Use:     "env",
		Short:   "List the environment variables that berth reads",
		Example: "  berth env                              those that are set\n  berth env --explain                    every one, with what it does",
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			rows := variables(a.machine().Env)
			if !explain {
				rows = slices.DeleteFunc(rows, func(v variable) bool { return !v.Set })
			}
			if a.global.json {
				return a.print.Object("env", struct {
					Variables []variable `json:"variables"`
				}{append([]variable{}, rows...)})
			}
			if len(rows) == 0 {
				a.print.Note("no variable that berth knows is set; berth env --explain lists them")
				return nil
			}
			table := report.Table{Head: []string{"VARIABLE", "EFFECT", "KEY", "WHAT IT DOES"}}
			for _, v := range rows {
				table.Rows = append(table.Rows, []string{v.Name, v.Effect, cmp.Or(v.Key, "-"), v.Help})
			}
			a.print.Lines(table.Lines()...)
			return nil
		},
	}
	c.Flags().BoolVar(&explain, "explain", false, "every variable, what it means, and what berth does with it")
	return c
}

// ownVariables are berth's variables that are no configuration keys.
var ownVariables = []variable{
	{Name: "BERTH_CONFIG", Effect: "own", Help: "the user's configuration file"},
	{Name: "BERTH_NO_BROWSER", Effect: "own", Help: "print links instead of opening them"},
}

// variables lists berth's own variables in the order of the keys, then those of OpenHands and docker.
func variables(env map[string]string) []variable {
	rows := slices.Clone(ownVariables)
	for _, key := range config.Keys {
		if key.Variable() != "" {
			rows = append(rows, variable{Name: key.Variable(), Key: key.Name, Effect: "own", Help: key.Help})
		}
	}
	for _, v := range config.EnvTable {
		rows = append(rows, variable{Name: v.Name, Key: v.Key, Effect: string(v.Effect), Help: v.Why})
	}
	for i := range rows {
		_, rows[i].Set = env[rows[i].Name]
	}
	return rows
}
