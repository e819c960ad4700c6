package main

import "github.com/spf13/cobra"

func (a *app) pruneCommand() *cobra.Command {
	var force, dry bool
	var older string
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove what launches left behind, and stopped sandboxes if asked to",
		Example: `  berth prune                            what unfinished launches left
  berth prune --older-than 7d            also sandboxes stopped for a week
  berth prune --dry-run`,
		Args: between(0, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("prune")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&force, "force", "f", false, "without asking")
	f.BoolVar(&dry, "dry-run", false, "say what would go and what stays, and do nothing")
	f.StringVar(&older, "older-than", "", "`duration` after which stopped sandboxes go too, such as 12h or 7d")
	return c
}
