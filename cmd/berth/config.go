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

func (a *app) configShowCommand() *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use:     "show [KEY...]",
		Short:   "Print the values in force",
		Example: "  berth config show\n  berth config show --origin volumes image",
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config show") },
	}
	c.Flags().BoolVar(&origin, "origin", false, "where each value comes from")
	return c
}

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Read every layer and say what is wrong",
		Example: "  berth config check",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config check") },
	}
}

func (a *app) configEditCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "edit",
		Short:   "Open the user's file in $VISUAL or $EDITOR, then check it",
		Example: "  berth config edit",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config edit") },
	}
}

func (a *app) configPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print where the user's and the project's file are looked for",
		Example: "  berth config path",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config path") },
	}
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON schema of the file",
		Example: "  berth config schema > berth.schema.json",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config schema") },
	}
}

func (a *app) configInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Write a user's file with every key, commented out",
		Example: "  berth config init",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("config init") },
	}
}
