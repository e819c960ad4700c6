package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/launch"
	"berth/internal/report"
	"berth/internal/sandbox"
)

func (a *app) pruneCommand() *cobra.Command {
	var o removeFlags
	var older string
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove what launches left behind, and stopped sandboxes if asked to",
		Example: `  berth prune                            what unfinished launches left
  berth prune --older-than 7d            also sandboxes stopped for a week
  berth prune --dry-run`,
		Args: between(0, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			var age time.Duration
			if older != "" {
				var err error
				if age, err = parseLong(older); err != nil {
					return usage("12h, 7d or 2w", "--older-than %s: not a duration", older)
				}
			}
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			return a.prune(cmd.Context(), s, age, older != "", o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.force, "force", "f", false, "do not ask about stopped sandboxes")
	f.BoolVar(&o.dry, "dry-run", false, "say what would go and what stays, and do nothing")
	f.StringVar(&older, "older-than", "", "`duration` also sandboxes that have been stopped so long, such as 12h or 7d")
	return c
}

// prune clears what died; stopped sandboxes have a home that somebody may want, so they are named and asked about.
func (a *app) prune(ctx context.Context, s *session, age time.Duration, stopped bool, o removeFlags) error {
	clear := s.Prune
	if o.dry {
		clear = s.Leftovers
	}
	gone, err := clear(ctx)
	if err != nil {
		return err
	}
	if stopped {
		old, err := a.pruneStopped(ctx, s, age, o)
		if err != nil {
			return err
		}
		gone = append(gone, old...)
	}
	if a.global.json {
		return a.printRemovals("prune", gone, o.dry)
	}
	if len(gone) == 0 {
		a.print.Note("nothing is left over")
	}
	a.print.Lines(a.removalLines(gone, o.dry)...)
	return nil
}

func (a *app) pruneStopped(ctx context.Context, s *session, age time.Duration, o removeFlags) ([]launch.Removal, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	var old []string
	for _, one := range list {
		if one.State == sandbox.Stopped && time.Since(one.Observed.Ended) >= age {
			old = append(old, one.Name)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	if !o.force && !o.dry {
		yes, err := a.ask("remove " + report.Plural(len(old), "stopped sandbox", "stopped sandboxes") + " with their homes: " + strings.Join(old, ", ") + "?")
		if err != nil || !yes {
			return nil, err
		}
	}
	var gone []launch.Removal
	for _, name := range old {
		removals, err := s.Removal(ctx, name)
		if err == nil && !o.dry {
			err = s.Remove(ctx, name, false)
		}
		if err != nil {
			return gone, err
		}
		gone = append(gone, removals...)
	}
	return gone, nil
}
