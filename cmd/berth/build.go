package main

import "github.com/spf13/cobra"

func (a *app) buildCommand() *cobra.Command {
	var plan, noCache, refresh bool
	c := &cobra.Command{
		Use:   "build [NAME]",
		Short: "Build an image on this machine: workbench, workbench-slim, starter",
		Long: "build makes an image from packages, step by step, and keeps what has not changed. workbench is the\n" +
			"agent server with VS Code and a desktop, workbench-slim the same without the desktop.",
		Example: `  berth build workbench
  berth build --plan workbench           the steps, and which of them are kept`,
		Args:      between(0, 1),
		ValidArgs: []string{"workbench", "workbench-slim", "starter"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("build")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&plan, "plan", false, "print the steps and do nothing")
	f.BoolVar(&noCache, "no-cache", false, "build every step again")
	f.BoolVar(&refresh, "refresh", false, "ask for newer packages")
	return c
}
