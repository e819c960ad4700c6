package main

import "github.com/spf13/cobra"

func (a *app) doctorCommand() *cobra.Command {
	var forReport bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what is missing on this machine, and what to type",
		Example: "  berth doctor\n  berth doctor --report                  to paste into an issue: no names, no keys",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("doctor") },
	}
	c.Flags().BoolVar(&forReport, "report", false, "mask names, folders and keys")
	return c
}
