package main

import (
	"github.com/spf13/cobra"

	"berth/internal/launch"
)

func (a *app) urlCommand() *cobra.Command {
	var secrets bool
	c := &cobra.Command{
		Use:   "url [NAME] [code|vnc|api|PORT]",
		Short: "Print one link",
		Example: `  berth url                              VS Code of this folder's sandbox
  berth url shop vnc
  berth url shop api --show-secrets      with the key for X-Session-API-Key`,
		Args:              between(0, 2),
		ValidArgsFunction: a.completeLink,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, name, kind, err := a.linkOf(cmd.Context(), args)
			if err != nil {
				return err
			}
			links, err := s.Links(cmd.Context(), name)
			if err != nil {
				return err
			}
			link, err := find(name, kind, links)
			if err != nil {
				return err
			}
			if !secrets || link.Kind != launch.API {
				return a.printURL(link)
			}
			key, err := s.clientKey(cmd.Context(), name)
			if err != nil {
				return err
			}
			return a.printKey(link, key.Reveal())
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&a.plainAddresses, "ip", false, "link to 127.0.0.1 instead of NAME.localhost")
	c.Flags().BoolVar(&secrets, "show-secrets", false, "also the key of the api link, on a line of its own")
	return c
}

// printURL prints one bare link: it is for the user's own hands, key and all.
func (a *app) printURL(l launch.Link) error {
	if a.global.json {
		return a.print.Object("url", upLink{Kind: string(l.Kind), At: address(l), URL: l.URL.Reveal(), Opens: l.Opens})
	}
	a.print.Lines(l.URL.Reveal())
	return nil
}

// printKey prints the api's link and the key that its callers send as X-Session-API-Key.
func (a *app) printKey(l launch.Link, key string) error {
	if a.global.json {
		return a.print.Object("url", struct {
			upLink
			Key string `json:"key"`
		}{upLink{Kind: string(l.Kind), At: address(l), URL: l.URL.Reveal(), Opens: l.Opens}, key})
	}
	a.print.Lines(l.URL.Reveal(), key)
	return nil
}
