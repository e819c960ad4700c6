package main

import (
	"context"

	"github.com/spf13/cobra"

	"berth/internal/launch"
)

func (a *app) restartCommand() *cobra.Command {
	var o manyFlags
	c := a.manyCommand("restart", "Stop sandboxes and start them again", "  berth restart shop", &o)
	graceFlags(c, &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.eachUp(cmd.Context(), args, o.all, func(ctx context.Context, s *session, name string) (*launch.Result, error) {
			return s.Restart(ctx, name, launch.StopOptions{Grace: o.grace, Force: o.force})
		})
	}
	return c
}
