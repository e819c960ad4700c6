package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

func (a *app) imageCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "image",
		Short:   "List, show and remove images that berth uses",
		Example: "  berth image ls\n  berth image show workbench\n  berth image rm workbench",
		Args:    a.unknownCommand,
		RunE:    helpOf,
	}
	c.AddCommand(a.imageLsCommand(), a.imageShowCommand(), a.imageRmCommand(), a.imagePruneCommand())
	return c
}

// ownRepository is where all images are that berth makes; no registry has that name.
const ownRepository = "localhost/berth/"

// used is an image and the sandboxes that were made from it.
type used struct {
	sandbox.LocalImage
	by []string
}

// own tells whether berth made the image.
func (u used) own() bool {
	return strings.HasPrefix(u.Ref, ownRepository) || u.Labels[sandbox.LabelKind] != ""
}

// kind names what an image is for.
func (u used) kind() string {
	if k := u.Labels[sandbox.LabelKind]; k != "" {
		return k
	}
	if rest, ok := strings.CutPrefix(u.Ref, ownRepository); ok {
		name, _, _ := strings.Cut(rest, ":")
		return name
	}
	return "pulled"
}

// images gives berth's own images and those that sandboxes, of any owner, were made from. Unnamed ones, which builds
// leave, are the engine's to tidy.
func (s *session) images(ctx context.Context) ([]used, error) {
	list, err := s.engine.Images(ctx)
	if err != nil {
		return nil, err
	}
	sandboxes, err := s.engine.Sandboxes(ctx)
	if err != nil {
		return nil, err
	}
	var out []used
	for _, image := range list {
		u := used{LocalImage: image}
		for _, one := range sandboxes {
			if one.Spec.Image.ID == image.ID {
				u.by = append(u.by, one.Spec.Name)
			}
		}
		unnamed := strings.HasPrefix(u.Ref, "sha256:")
		if u.own() && !unnamed || len(u.by) > 0 {
			out = append(out, u)
		}
	}
	return out, nil
}

// reference gives the reference that a user's word means.
func reference(word string) string {
	if ref, ok := ownImages()[word]; ok {
		return ref
	}
	return word
}

// noImage is the fault of an image that is not there.
func (s *session) noImage(ctx context.Context, word string) error {
	hint := "berth image ls"
	if list, err := s.images(ctx); err == nil {
		var refs []string
		for _, u := range list {
			refs = append(refs, u.Ref)
		}
		if near := fault.Nearest(word, refs); near != "" {
			hint = "did you mean " + near + "?"
		}
	}
	if slices.Contains(append(recipeNames(), "starter"), word) {
		hint = "berth build " + word
	}
	return fault.New(fault.NotFound, hint, "%s: the engine has no such image", word)
}
