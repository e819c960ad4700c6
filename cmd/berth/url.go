package main

import "github.com/spf13/cobra"

func (a *app) urlCommand() *cobra.Command {
	var ip, secrets bool
	c := &cobra.Command{
		Use:   "url [NAME] [code|vnc|api|PORT]",
		Short: "Print one link",
		Example: `  berth url                              VS Code of this folder's sandbox
  berth url shop vnc
  berth url shop api --show-secrets      with the key for X-Session-API-Key`,
		Args:              between(0, 2),
		ValidArgsFunction: a.completeLink,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("url")
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&ip, "ip", false, "link to 127.0.0.1 instead of NAME.localhost")
	c.Flags().BoolVar(&secrets, "show-secrets", false, "print the key of the api link on a second line")
	return c
}
