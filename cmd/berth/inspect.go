package main

import "github.com/spf13/cobra"

func (a *app) inspectCommand() *cobra.Command {
	var spec, raw, secrets bool
	c := &cobra.Command{
		Use:   "inspect [NAME]",
		Short: "Say all that berth knows of a sandbox",
		Example: `  berth inspect shop
  berth inspect shop --spec              what it is made from
  berth inspect shop --raw               the engine's own words`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("inspect")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&spec, "spec", false, "the Spec alone, as JSON")
	f.BoolVar(&raw, "raw", false, "what the engine answers, as JSON")
	f.BoolVar(&secrets, "show-secrets", false, "do not hide values of secret variables")
	c.MarkFlagsMutuallyExclusive("spec", "raw")
	return c
}
