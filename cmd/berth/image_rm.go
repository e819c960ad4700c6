package main

import (
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/sandbox"
)

func (a *app) imageRmCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm REF...",
		Short:   "Remove images that berth built",
		Example: "  berth image rm starter",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			list, err := s.images(cmd.Context())
			if err != nil {
				return err
			}
			var gone []launch.Removal
			for _, word := range args {
				u, err := chosenImage(list, word)
				if err != nil {
					return err
				}
				if u.Ref == "" {
					return s.noImage(cmd.Context(), word)
				}
				if err := s.Runtime.Remove(cmd.Context(), sandbox.ImageObject, u.Ref); err != nil {
					return err
				}
				gone = append(gone, launch.Removal{Kind: sandbox.ImageObject, Name: u.Ref})
			}
			return a.printGone("image-rm", gone, false)
		},
	}
}

// chosenImage finds an image that may be removed; the zero value when there is none of that name.
func chosenImage(list []used, word string) (used, error) {
	for _, u := range list {
		switch {
		case u.Ref != reference(word) && u.ID != word:
			continue
		case len(u.by) > 0:
			return u, fault.New(fault.Conflict, "berth rm "+strings.Join(u.by, " "), "%s: in use by %s", word, strings.Join(u.by, ", "))
		case !u.own():
			return u, usage("docker rmi "+u.Ref, "%s: berth removes only images it made", word)
		}
		return u, nil
	}
	return used{}, nil
}

// printGone prints what was removed, or would be.
func (a *app) printGone(thing string, gone []launch.Removal, dry bool) error {
	if a.global.json {
		return a.printRemovals(thing, gone, dry)
	}
	if len(gone) == 0 {
		a.print.Note("nothing to remove")
	}
	a.print.Lines(a.removalLines(gone, dry)...)
	return nil
}
