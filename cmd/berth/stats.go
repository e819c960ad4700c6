package main

import "github.com/spf13/cobra"

func (a *app) statsCommand() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:               "stats [NAME...]",
		Short:             "Show what sandboxes use",
		Example:           "  berth stats                            every running sandbox, until Ctrl-C\n  berth stats shop --once",
		ValidArgsFunction: a.completeMany,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("stats")
		},
	}
	c.Flags().BoolVar(&once, "once", false, "print the figures once and end")
	return c
}
