package main

import "github.com/spf13/cobra"

func (a *app) auditCommand() *cobra.Command {
	var probe bool
	c := &cobra.Command{
		Use:   "audit [NAME]",
		Short: "Compare what runs with what was planned, rule by rule",
		Example: `  berth audit shop
  berth audit shop --probe               also try the walls from inside
  berth audit shop --json`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("audit")
		},
	}
	c.Flags().BoolVar(&probe, "probe", false, "also try the walls from inside")
	return c
}
