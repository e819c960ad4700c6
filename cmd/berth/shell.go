package main

import "github.com/spf13/cobra"

func (a *app) shellCommand() *cobra.Command {
	var o execFlags
	c := &cobra.Command{
		Use:               "shell [NAME]",
		Short:             "Open a shell in a sandbox",
		Example:           "  berth shell\n  berth shell shop -w /data",
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("shell")
		},
	}
	a.execFlags(c, &o)
	return c
}
