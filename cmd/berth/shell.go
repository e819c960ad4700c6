package main

import (
	"context"

	"github.com/spf13/cobra"

	"berth/internal/host"
	"berth/internal/launch"
)

func (a *app) shellCommand() *cobra.Command {
	var o execFlags
	c := &cobra.Command{
		Use:               "shell [NAME]",
		Short:             "Open a shell in a sandbox",
		Example:           "  berth shell\n  berth shell shop -w /data",
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, status, err := a.inside(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.shell(cmd.Context(), s, status, o)
		},
	}
	execVars(c, &o)
	return c
}

// shellLine starts bash where the image has it; every image that is fit for berth has sh.
var shellLine = []string{"sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh"}

func (a *app) shell(ctx context.Context, s *session, in launch.Status, o execFlags) error {
	o.stdin, o.tty = true, host.IsTerminal(a.stdin)
	return a.exec(ctx, s, in, shellLine, o)
}

// attach runs a command, or a shell, in a sandbox that has just come up.
func (a *app) attach(ctx context.Context, s *session, in launch.Status, command []string) error {
	a.print.Finish()
	if len(command) == 0 {
		return a.shell(ctx, s, in, execFlags{})
	}
	return a.exec(ctx, s, in, command, execFlags{stdin: true, tty: host.IsTerminal(a.stdin) && host.IsTerminal(a.stdout)})
}
