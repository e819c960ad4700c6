package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"berth/internal/config"
	"berth/internal/fault"
)

func (a *app) configInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Write a user's file with every key, commented out",
		Example: "  berth config init",
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			path := a.userFile()
			if path == "" {
				return usage("berth --config FILE config init", "config init: there is no home to keep a file in")
			}
			if err := writeNew(path, config.Example()); err != nil {
				return err
			}
			a.print.Lines(path)
			return nil
		},
	}
}

// writeNew writes a file that must not be there yet.
func writeNew(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault.New(fault.Failure, "", "%s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "berth config edit", "%s: is there already", path)
	}
	if err != nil {
		return fault.New(fault.Failure, "", "%s: %w", path, err)
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return fault.New(fault.Failure, "", "%s: %w", path, err)
	}
	return nil
}
