package main

import "github.com/spf13/cobra"

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "config",
		Short:   "Show, check and edit the configuration",
		Example: "  berth config show --origin\n  berth config check\n  berth config init",
		Args:    a.unknownCommand,
		RunE:    helpOf,
	}
	c.AddCommand(a.configShowCommand(), a.configCheckCommand(), a.configEditCommand(), a.configPathCommand(), a.configSchemaCommand(), a.configInitCommand())
	return c
}

// helpOf prints the help of a command that is nothing without a subcommand.
func helpOf(cmd *cobra.Command, _ []string) error { return cmd.Help() }
