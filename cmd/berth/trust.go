package main

import "github.com/spf13/cobra"

func (a *app) trustCommand() *cobra.Command {
	var revoke, diff bool
	c := &cobra.Command{
		Use:   "trust [FILE]",
		Short: "Approve a project's .berth.toml as it is now",
		Example: `  berth trust --diff                     what the file widens
  berth trust
  berth trust --revoke`,
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return notYet("trust") },
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&diff, "diff", false, "show what the file widens, and do nothing")
	c.Flags().BoolVar(&revoke, "revoke", false, "take the approval back")
	c.MarkFlagsMutuallyExclusive("diff", "revoke")
	return c
}
