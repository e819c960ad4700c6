package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/state"
)

func (a *app) openCommand() *cobra.Command {
	var noBrowser bool
	c := &cobra.Command{
		Use:   "open [NAME] [code|vnc|api|PORT]",
		Short: "Open VS Code, the desktop or the API in the browser",
		Example: `  berth open                             VS Code of this folder's sandbox
  berth open shop vnc                    its desktop
  berth open shop --no-browser           print the link instead`,
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
			return a.browse(cmd.Context(), s, name, links, kind, noBrowser)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&a.plainAddresses, "ip", false, "link to 127.0.0.1 instead of NAME.localhost")
	c.Flags().BoolVar(&noBrowser, "no-browser", false, "print the link instead of opening it")
	return c
}

// kinds are the words that name a link; a port does as well.
var kinds = []string{string(launch.Code), string(launch.VNC), string(launch.API)}

// linkOf reads [NAME] [KIND]: one word alone is a kind if it can be one.
func (a *app) linkOf(ctx context.Context, args []string) (s *session, name, kind string, err error) {
	kind = string(launch.Code)
	switch {
	case len(args) == 2:
		kind, args = args[1], args[:1]
	case len(args) == 1 && isKind(args[0]):
		kind, args = args[0], nil
	}
	if !isKind(kind) {
		hint := "code, vnc, api or a port"
		if near := fault.Nearest(kind, kinds); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, "", "", usage(hint, "%s: no such link", kind)
	}
	s, name, err = a.attendOne(ctx, args)
	return s, name, kind, err
}

func isKind(word string) bool {
	return slices.Contains(kinds, word) || word != "" && strings.Trim(word, "0123456789") == ""
}

// find gives the link of a kind, or a fault that says why there is none.
func find(name, kind string, links []launch.Link) (launch.Link, error) {
	for _, l := range links {
		if string(l.Kind) != kind {
			continue
		}
		if l.Missing != "" || l.URL.Empty() {
			return l, fault.New(fault.NotFound, instead(name, links), "%s: %s: %s", name, kind, l.Missing)
		}
		return l, nil
	}
	if slices.Contains(kinds, kind) {
		return launch.Link{}, fault.New(fault.NotFound, "berth inspect "+name, "%s: it has no %s link", name, kind)
	}
	return launch.Link{}, fault.New(fault.NotFound, "links.extra = ["+kind+"] in the configuration, then berth up --recreate",
		"%s: port %s has no link", name, kind)
}

// instead is the command for a link that is there, "" if none is.
func instead(name string, links []launch.Link) string {
	for _, l := range links {
		if l.Missing == "" && !l.URL.Empty() {
			return "berth url " + name + " " + string(l.Kind)
		}
	}
	return ""
}

// browse opens a link in the user's browser, or prints it where no browser is sensible.
func (a *app) browse(ctx context.Context, s *session, name string, links []launch.Link, kind string, noBrowser bool) error {
	link, err := find(name, kind, links)
	if err != nil {
		return err
	}
	browser, why := host.FindBrowser(a.machine())
	if noBrowser || why != nil {
		if why != nil && !noBrowser {
			a.print.Note("%s", why)
		}
		return a.printURL(link)
	}
	dir, err := s.Store.Folder(state.Pages)
	if err != nil {
		return err
	}
	if err := browser.Open(ctx, link.URL.Reveal(), dir); err != nil {
		a.print.Note("%s", err)
		return a.printURL(link)
	}
	if a.global.json {
		return a.print.Object("open", upLink{Kind: kind, At: address(link), Opens: link.Opens})
	}
	a.print.Note("opened %s in the browser", link.At)
	return nil
}
