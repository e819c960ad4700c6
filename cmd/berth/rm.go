package main

import (
	"context"

	"github.com/spf13/cobra"

	"berth/internal/launch"
	"berth/internal/sandbox"
)

// removeFlags are the flags of rm and prune.
type removeFlags struct {
	force, dry, all bool
}

func (a *app) rmCommand() *cobra.Command {
	var o removeFlags
	c := &cobra.Command{
		Use:   "rm [NAME...]",
		Short: "Remove sandboxes and their homes; your folders stay",
		Example: `  berth rm shop
  berth rm -f shop blog                  also running ones
  berth rm --dry-run shop                only say what would go`,
		ValidArgsFunction: a.completeMany,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			chosen, err := s.pickMany(cmd.Context(), args, o.all)
			if err != nil {
				return err
			}
			return a.rm(cmd.Context(), s, chosen, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.force, "force", "f", false, "also a running sandbox")
	f.BoolVar(&o.all, "all", false, "every sandbox of yours")
	f.BoolVar(&o.dry, "dry-run", false, "say what would go and what stays, and do nothing")
	return c
}

// rm removes sandboxes and says for each what goes and what stays.
func (a *app) rm(ctx context.Context, s *session, chosen []string, o removeFlags) error {
	var list []launch.Removal
	var failed []error
	for _, name := range chosen {
		removals, err := s.Removal(ctx, name)
		if err == nil && !o.dry {
			err = s.Remove(ctx, name, o.force)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		list = append(list, removals...)
		if !a.global.json {
			a.print.Lines(a.removalLines(removals, o.dry)...)
		}
	}
	if a.global.json {
		if err := a.printRemovals("rm", list, o.dry); err != nil {
			return err
		}
	}
	return a.last(failed)
}

// removalLines gives "removed container berth-shop" and "kept ~/shop, it is yours".
func (a *app) removalLines(list []launch.Removal, dry bool) []string {
	verb := "removed "
	if dry {
		verb = "would remove "
	}
	var lines []string
	for _, r := range list {
		what := string(r.Kind) + " " + r.Name
		if r.Kind == "folder" {
			what = a.tilde(r.Name)
		}
		line := verb + what
		if r.Kept {
			line = "kept " + what
		}
		if r.Why != "" {
			line += ": " + r.Why
		}
		lines = append(lines, line)
	}
	return lines
}

func (a *app) printRemovals(thing string, list []launch.Removal, dry bool) error {
	type removal struct {
		Kind sandbox.ObjectKind `json:"kind"`
		Name string             `json:"name"`
		Why  string             `json:"why,omitempty"`
	}
	out := struct {
		Removed []removal `json:"removed"`
		Kept    []removal `json:"kept"`
		DryRun  bool      `json:"dry_run"`
	}{[]removal{}, []removal{}, dry}
	for _, r := range list {
		one := removal{r.Kind, r.Name, r.Why}
		if r.Kept {
			out.Kept = append(out.Kept, one)
		} else {
			out.Removed = append(out.Removed, one)
		}
	}
	return a.print.Object(thing, out)
}
