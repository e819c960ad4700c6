package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"berth/internal/launch"
	"berth/internal/report"
)

func (a *app) networkLsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the engine's networks, who is on them, and what joining each opens",
		Long: "ls lists the networks of the engine with the containers that run on them and what joining opens.\n" +
			"A sandbox starts on none of them; each one joined lets it and the members reach each other.",
		Example: "  berth network ls\n  berth network ls --json\n  berth up --network shop_default",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, _, err := a.networks(cmd.Context())
			if err != nil {
				return err
			}
			return a.printNetworks(n)
		},
	}
	keyFlag(c.Flags(), "compose_project")
	return c
}

func (a *app) printNetworks(n launch.Networks) error {
	all := n.All()
	if a.global.json {
		rows := []networkJSON{}
		for _, j := range all {
			rows = append(rows, networkJSONOf(j))
		}
		return a.print.Object("network-ls", struct {
			Scope    *scopeJSON    `json:"scope,omitempty"`
			Networks []networkJSON `json:"networks"`
		}{scopeJSONOf(n.Scope()), rows})
	}
	table := report.Table{Head: []string{"NETWORK", "KIND", "MEMBERS", "JOINING"}}
	for _, j := range all {
		joining := j.Opening.Short
		if why := refused(j); why != "" {
			joining = "refused: " + why
		}
		table.Rows = append(table.Rows, []string{j.Name, j.About(), cmp.Or(j.Members(), "-"), joining})
	}
	a.print.Lines(table.Lines()...)
	if s := n.Scope(); s.Project != "" {
		a.print.Note("short names belong to compose project %s (%s)", s.Project, s.Where)
	}
	return nil
}
