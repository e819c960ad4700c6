package main

import "github.com/spf13/cobra"

func (a *app) pauseCommand() *cobra.Command {
	c, _ := a.manyCommand("pause", "Freeze sandboxes; resume takes milliseconds", "  berth pause shop")
	return c
}
