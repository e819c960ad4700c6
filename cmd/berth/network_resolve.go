package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"berth/internal/launch"
	"berth/internal/report"
	"berth/network"
)

func (a *app) networkResolveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "resolve [NAME...]",
		Short: "Show which network a name means, and why",
		Long: "resolve shows which network each NAME means: a full name, a name as the compose file nearest to this\n" +
			"folder calls it, project/name, or the beginning of an ID. Without a NAME it takes those of\n" +
			"SANDBOX_ADDITIONAL_NETWORKS and the configuration.",
		Example: `  berth network resolve sccache
  berth network resolve --compose-project blog default
  SANDBOX_ADDITIONAL_NETWORKS='["sccache"]' berth network resolve`,
		ValidArgsFunction: a.completeNetworks,
		RunE: func(cmd *cobra.Command, names []string) error {
			n, settings, err := a.networks(cmd.Context())
			if err != nil {
				return err
			}
			if len(names) == 0 {
				names = settings.AdditionalNetworks
			}
			if len(names) == 0 {
				return usage("berth network resolve NAME, or berth network ls", "no network is asked for, here or in the configuration")
			}
			return a.resolveNetworks(n, names)
		},
	}
	keyFlag(c.Flags(), "compose_project")
	return c
}

// resolveNetworks prints what the names mean up to the first that means nothing.
func (a *app) resolveNetworks(n launch.Networks, names []string) error {
	var found []launch.Joined
	var failed error
	for _, name := range names {
		j, err := n.Resolve(name)
		if err != nil {
			failed = err
			break
		}
		found = append(found, j)
	}
	if len(found) == 0 {
		return failed
	}
	if a.global.json {
		rows := []networkJSON{}
		for _, j := range found {
			rows = append(rows, networkJSONOf(j))
		}
		if err := a.print.Object("network-resolve", struct {
			Networks []networkJSON `json:"networks"`
		}{rows}); err != nil {
			return err
		}
		return failed
	}
	table := report.Table{Head: []string{"NAME", "NETWORK", "BECAUSE", "MEMBERS", "JOINING"}}
	for _, j := range found {
		table.Rows = append(table.Rows, []string{j.Asked, j.Name, because(j, n.Scope()), cmp.Or(j.Members(), "-"), j.Opening.Short})
	}
	a.print.Lines(table.Lines()...)
	return failed
}

// because says by what a network was found.
func because(j launch.Joined, s network.Scope) string {
	switch j.How {
	case network.ByID:
		return "its ID begins so"
	case network.ByOnly:
		return "only compose project " + j.Project + " has one"
	case network.ByProject:
		if s.Project != j.Project && s.V1 != j.Project {
			return "compose project " + j.Project // as written: project/name
		}
		return "compose project " + j.Project + ", " + s.Where
	}
	return "it is its full name"
}
