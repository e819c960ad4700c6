package main

import "github.com/spf13/cobra"

func (a *app) openCommand() *cobra.Command {
	var ip, noBrowser bool
	c := &cobra.Command{
		Use:   "open [NAME] [code|vnc|api|PORT]",
		Short: "Open VS Code, the desktop or the API in the browser",
		Example: `  berth open                             VS Code of this folder's sandbox
  berth open shop vnc                    its desktop
  berth open shop --no-browser           print the link instead`,
		Args:              between(0, 2),
		ValidArgsFunction: a.completeLink,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("open")
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&ip, "ip", false, "link to 127.0.0.1 instead of NAME.localhost")
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "print the link instead of opening it")
	return c
}
