package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) pauseCommand() *cobra.Command {
	var o manyFlags
	c := a.manyCommand("pause", "Freeze sandboxes; resume takes milliseconds", "  berth pause shop", &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.each(cmd.Context(), "pause", args, o.all, func(ctx context.Context, s *session, name string) (string, error) {
			return "paused", s.Pause(ctx, name)
		})
	}
	return c
}
