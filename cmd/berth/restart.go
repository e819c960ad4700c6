package main

import "github.com/spf13/cobra"

func (a *app) restartCommand() *cobra.Command {
	c, _ := a.manyCommand("restart", "Stop sandboxes and start them again", "  berth restart shop")
	return c
}
