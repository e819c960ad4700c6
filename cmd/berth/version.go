package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

// version is berth's own; the build may set it.
var version = "0.1.0"

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  berth version\n  berth version --json",
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if a.global.json {
				return a.print.Object("version", struct {
					Version  string `json:"version"`
					Go       string `json:"go"`
					Platform string `json:"platform"`
				}{version, runtime.Version(), platform})
			}
			a.print.Lines("berth " + version + ", " + platform + ", " + runtime.Version())
			return nil
		},
	}
}
