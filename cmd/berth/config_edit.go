package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/fault"
)

func (a *app) configEditCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "edit",
		Short:   "Open the user's file in $VISUAL or $EDITOR, then check it",
		Example: "  berth config edit",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.edit(cmd.Context(), a.stdin, a.stdout, a.stderr); err != nil {
				return err
			}
			_, err := a.settings()
			return err
		},
	}
}

// edit opens the user's file in the user's editor and waits for it.
func (a *app) edit(ctx context.Context, in io.Reader, out, errs io.Writer) error {
	path := a.userFile()
	if path == "" {
		return usage("berth --config FILE config edit", "config edit: there is no home to keep a file in")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault.New(fault.Failure, "", "%s: %w", path, err)
	}
	words := strings.Fields(a.firstSet("VISUAL", "EDITOR"))
	if len(words) == 0 {
		words = []string{"vi"}
	}
	c := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	c.Stdin, c.Stdout, c.Stderr = in, out, errs
	if err := c.Run(); err != nil {
		return fault.New(fault.Failure, "set EDITOR to an editor that is installed", "%s: %w", words[0], err)
	}
	return nil
}

// firstSet gives the value of the first variable that has one.
func (a *app) firstSet(names ...string) string {
	for _, name := range names {
		if v := a.env(name); v != "" {
			return v
		}
	}
	return ""
}
