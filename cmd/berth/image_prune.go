package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/sandbox"
)

func (a *app) imagePruneCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:     "prune",
		Short:   "Remove older images of berth's that nothing uses",
		Example: "  berth image prune --dry-run",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			list, err := s.images(cmd.Context())
			if err != nil {
				return err
			}
			var gone []launch.Removal
			for _, u := range stale(list, slices.Collect(maps.Values(ownImages()))) {
				if !dry {
					err = s.Runtime.Remove(cmd.Context(), sandbox.ImageObject, u.Ref)
				}
				if err != nil && fault.KindOf(err) != fault.Conflict { // another build stands on it: it stays
					return err
				}
				if err == nil {
					gone = append(gone, launch.Removal{Kind: sandbox.ImageObject, Name: u.Ref, Why: "nothing uses it"})
				}
			}
			return a.printGone("image-prune", gone, dry)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would go, and do nothing")
	return c
}

// stale picks the sandbox images of older berths: the current ones stay, and so do the parts of which they were made.
func stale(list []used, current []string) []used {
	var out []used
	for _, u := range list {
		final := u.kind() == "starter" || u.kind() == "workbench"
		if u.own() && final && len(u.by) == 0 && !slices.Contains(current, u.Ref) {
			out = append(out, u)
		}
	}
	return out
}
