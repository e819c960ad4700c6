package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) resumeCommand() *cobra.Command {
	var o manyFlags
	c := a.manyCommand("resume", "Let paused sandboxes go on", "  berth resume shop\n  berth resume --all", &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.each(cmd.Context(), "resume", args, o.all, func(ctx context.Context, s *session, name string) (string, error) {
			if err := s.Resume(ctx, name); err != nil {
				return "", err
			}
			status, err := s.Status(ctx, name)
			return string(status.State), err
		})
	}
	return c
}
