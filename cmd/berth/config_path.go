package main

import (
	"os"

	"github.com/spf13/cobra"
)

func (a *app) configPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print where the user's and the project's file are looked for",
		Example: "  berth config path",
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			in := a.input()
			if a.global.json {
				return a.print.Object("config-path", struct {
					User    string `json:"user"`
					Project string `json:"project"`
				}{in.UserFile, in.ProjectFile})
			}
			for _, path := range []string{in.UserFile, in.ProjectFile} {
				if path != "" {
					a.print.Lines(path + presence(path))
				}
			}
			return nil
		},
	}
}

func presence(path string) string {
	if _, err := os.Stat(path); err != nil {
		return "  (not there)"
	}
	return ""
}
