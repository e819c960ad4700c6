package main

import (
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/config"
)

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON schema of the file",
		Example: "  berth config schema > berth.schema.json",
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			a.print.Lines(strings.TrimSuffix(string(config.Schema()), "\n"))
			return nil
		},
	}
}
