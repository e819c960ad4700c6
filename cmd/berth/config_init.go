package main

import "github.com/spf13/cobra"

func (a *app) configInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Write a user's file with every key, commented out",
		Example: "  berth config init",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config init") },
	}
}
