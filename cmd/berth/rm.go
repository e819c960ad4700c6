package main

import "github.com/spf13/cobra"

func (a *app) rmCommand() *cobra.Command {
	var force, dry, all bool
	c := &cobra.Command{
		Use:   "rm [NAME...]",
		Short: "Remove sandboxes and their homes; your folders stay",
		Example: `  berth rm shop
  berth rm -f shop blog                  also running ones
  berth rm --dry-run shop                only say what would go`,
		ValidArgsFunction: a.completeMany,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("rm")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&force, "force", "f", false, "also a running sandbox, without asking")
	f.BoolVar(&all, "all", false, "every sandbox of yours")
	f.BoolVar(&dry, "dry-run", false, "say what would go and what stays, and do nothing")
	return c
}
