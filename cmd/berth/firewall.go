package main

import (
	"context"

	"github.com/spf13/cobra"

	"berth/hardening"
	"berth/internal/sandbox"
)

func (a *app) firewallCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "firewall",
		Short:   "Show the rules that keep neighbours out of an old engine's ports",
		Example: "  berth firewall print",
		Args:    a.unknownCommand,
		RunE:    helpOf,
	}
	c.AddCommand(&cobra.Command{
		Use:   "print",
		Short: "Print rules to review: before engine 28 the LAN reaches what is published on 127.0.0.1",
		Long: "print prints what closes the two ways by which a neighbour on the LAN reaches containers of an engine before 28,\n" +
			"also those published on 127.0.0.1 alone: frames for 127.0.0.1, and routes to a container's own address. berth\n" +
			"publishes nothing there; other containers may. It runs nothing itself: read the rules, then run them as root. They are\n" +
			"gone after a restart, and a network made later needs one more.",
		Example: "  berth firewall print\n  berth firewall print > rules.sh",
		Args:    between(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.printFirewall(cmd.Context()) },
	})
	return c
}

func (a *app) printFirewall(ctx context.Context) error {
	q, err := a.request(nil)
	if err != nil {
		return err
	}
	s, err := a.connect(ctx, q.Settings, a.print.Event)
	if err != nil {
		return err
	}
	seen, err := s.Runtime.Observe(ctx)
	if err != nil {
		return err
	}
	rules := []string{}
	if seen.Engine.Kind != sandbox.Podman && !hardening.MayPublish(seen.Engine) {
		rules = hardening.FirewallRules(seen.Networks)
	}
	if a.global.json {
		return a.print.Object("firewall", struct {
			Engine string   `json:"engine"`
			Rules  []string `json:"rules"`
		}{seen.Engine.Version, rules})
	}
	switch {
	case len(rules) > 0:
	case !hardening.MayPublish(seen.Engine):
		reason, _ := hardening.WhyNotPublish(seen.Engine)
		a.print.Note("%s; it does not tell the devices of its networks: drop what other devices forward to their ranges", reason)
	default:
		a.print.Note("engine %s keeps what is published on 127.0.0.1 to this machine by itself", seen.Engine.Version)
	}
	a.print.Lines(rules...)
	return nil
}
