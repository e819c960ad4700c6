package main

import (
	"context"

	"github.com/spf13/cobra"

	"berth/internal/launch"
)

func (a *app) startCommand() *cobra.Command {
	var o manyFlags
	c := a.manyCommand("start", "Start stopped sandboxes again", "  berth start shop\n  berth start --all", &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.eachUp(cmd.Context(), args, o.all, func(ctx context.Context, s *session, name string) (*launch.Result, error) {
			return s.Start(ctx, name)
		})
	}
	return c
}

// eachUp brings several sandboxes up and prints the links of each.
func (a *app) eachUp(ctx context.Context, args []string, all bool, do func(context.Context, *session, string) (*launch.Result, error)) error {
	s, err := a.attend(ctx)
	if err != nil {
		return err
	}
	chosen, err := s.pickMany(ctx, args, all)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range chosen {
		result, err := do(ctx, s, name)
		if err == nil {
			err = a.printUp(result)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return a.last(failed)
}
