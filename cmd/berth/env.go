package main

import "github.com/spf13/cobra"

func (a *app) envCommand() *cobra.Command {
	var explain bool
	c := &cobra.Command{
		Use:     "env",
		Short:   "List the environment variables that berth reads",
		Example: "  berth env                              those that are set\n  berth env --explain                    every one, with what it does",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("env") },
	}
	c.Flags().BoolVar(&explain, "explain", false, "every variable, what it means, and what berth does with it")
	return c
}
