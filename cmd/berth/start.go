package main

import "github.com/spf13/cobra"

func (a *app) startCommand() *cobra.Command {
	c, _ := a.manyCommand("start", "Start stopped sandboxes again", "  berth start shopn  berth start --all")
	return c
}
