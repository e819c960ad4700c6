package main

import "github.com/spf13/cobra"

// manyFlags are the flags of the commands that act on several sandboxes.
type manyFlags struct {
	grace string
	force bool
	all   bool
}

func (a *app) stopCommand() *cobra.Command {
	c, o := a.manyCommand("stop", "Stop sandboxes; start brings them back", "  berth stop shop\n  berth stop --all\n  berth stop --force shop                at once")
	c.Flags().StringVar(&o.grace, "grace", "", "`duration` the server may take to end, such as 8s")
	c.Flags().BoolVar(&o.force, "force", false, "no grace")
	return c
}

// manyCommand makes a command that does the same to each named sandbox, to this folder's, or to all.
func (a *app) manyCommand(name, short, example string) (*cobra.Command, *manyFlags) {
	o := &manyFlags{}
	c := &cobra.Command{
		Use:               name + " [NAME...]",
		Short:             short,
		Example:           example,
		ValidArgsFunction: a.completeMany,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet(name)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&o.all, "all", false, "every sandbox of yours")
	return c, o
}
