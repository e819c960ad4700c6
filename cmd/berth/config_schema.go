package main

import "github.com/spf13/cobra"

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON schema of the file",
		Example: "  berth config schema > berth.schema.json",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config schema") },
	}
}
