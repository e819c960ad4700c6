package main

import "github.com/spf13/cobra"

func (a *app) cpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cp SOURCE TARGET",
		Short: "Copy files into a sandbox or out of it",
		Long: "cp copies a file or a folder; the side inside is written NAME:PATH. It is done by the sandbox's own user\n" +
			"with the sandbox's own tar: what that user may not write stays as it is.",
		Example: `  berth cp shop:/workspace/report.pdf .
  berth cp data.csv shop:/tmp/`,
		Args:              between(2, 2),
		ValidArgsFunction: a.completeCopy,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("cp")
		},
	}
}
