package main

import "github.com/spf13/cobra"

func (a *app) lsCommand() *cobra.Command {
	var all, names bool
	var filters []string
	var format string
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"ps"},
		Short:   "List sandboxes",
		Example: `  berth ls
  berth ls -a                            also stopped ones
  berth ls -q --filter state=paused      names alone
  berth ls --format '{{.Name}} {{.State}}'`,
		Args: between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return notYet("ls")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&all, "all", "a", false, "also stopped sandboxes")
	f.BoolVarP(&names, "names", "q", false, "names alone")
	f.StringArrayVar(&filters, "filter", nil, "`key=value` of name, state, profile, image or project (repeat)")
	f.StringVar(&format, "format", "", "`template` of Go for each sandbox")
	return c
}
