package main

import "github.com/spf13/cobra"

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

func (a *app) imageLsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List berth's images and those sandboxes were made from",
		Example: "  berth image ls\n  berth image ls --json",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("image ls") },
	}
}

func (a *app) imageShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show REF",
		Short:   "Show an image as a launcher sees it",
		Example: "  berth image show starter",
		Args:    between(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("image show") },
	}
}

func (a *app) imageRmCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm REF...",
		Short:   "Remove images that berth built",
		Example: "  berth image rm starter",
		Args:    between(1, -1),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("image rm") },
	}
}

func (a *app) imagePruneCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:     "prune",
		Short:   "Remove images of berth's that nothing uses",
		Example: "  berth image prune --dry-run",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, args []string) error { return notYet("image prune") },
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would go, and do nothing")
	return c
}
