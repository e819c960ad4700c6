package main

import "github.com/spf13/cobra"

func (a *app) resumeCommand() *cobra.Command {
	c, _ := a.manyCommand("resume", "Let paused sandboxes go on", "  berth resume shopn  berth resume --all")
	return c
}
