package main

import (
	"github.com/spf13/cobra"
)

func (a *app) egressCommand() *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "egress [NAME]",
		Short: "Show what a sandbox may reach outside and what it was refused; allow more",
		Long: "egress shows what the sandbox may reach outside, by what, and the newest refusals. berth up --egress says\n" +
			"what it may reach at all: off, on, direct or a list; allow and revoke change the list while it runs.",
		Example: `  berth egress shop
  berth egress -f shop                       each decision as it is made
  berth egress allow shop registry.example:443
  berth egress revoke shop registry.example:443`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, name, err := a.attendOne(cmd.Context(), args)
			if err != nil {
				return err
			}
			if follow {
				return a.followEgress(cmd.Context(), s, name)
			}
			return a.showEgress(cmd.Context(), s, name)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "stay and print each decision")
	c.AddCommand(a.egressAllowCommand(), a.egressRevokeCommand())
	return c
}

func (a *app) egressAllowCommand() *cobra.Command {
	var always bool
	c := &cobra.Command{
		Use:   "allow NAME HOST:PORT",
		Short: "Let a sandbox reach one more target, until it ends or always",
		Long: "allow puts a target on the egress list of a running sandbox: host:port, *.host:port or @group. It holds until\n" +
			"the sandbox ends; --always keeps it for every later sandbox of the same project folder.",
		Example: `  berth egress allow shop registry.example:443
  berth egress allow --always shop '*.example.org:443'`,
		Args:              between(2, 2),
		ValidArgsFunction: a.completeRefused,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			if err := s.allow(cmd.Context(), args[0], args[1], always); err != nil {
				return err
			}
			a.print.Note("%s may reach %s %s", args[0], args[1], map[bool]string{false: "until it ends", true: "from now on"}[always])
			return nil
		},
	}
	c.Flags().BoolVar(&always, "always", false, "for every later sandbox of the project, too")
	return c
}

func (a *app) egressRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME HOST:PORT",
		Short: "Take back what was allowed once or always",
		Long: "revoke takes back what berth egress allow gave, for this run and for good. Connections that are open stay open.\n" +
			"What the configuration lists is taken out there.",
		Example:           "  berth egress revoke shop registry.example:443",
		Args:              between(2, 2),
		ValidArgsFunction: a.completeAllowed,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			if err := s.revoke(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			a.print.Note("%s may no longer reach %s", args[0], args[1])
			return nil
		},
	}
}

// completeRefused offers a sandbox, then what it was refused and could be allowed.
func (a *app) completeRefused(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return a.completeTarget(cmd, args, word, func(o outside) []string {
		var out []string
		for _, d := range o.now.Denied {
			if d.Offer != "" {
				out = append(out, d.Offer+"\trefused at "+d.Time.Local().Format("15:04:05"))
			}
		}
		return out
	})
}

// completeAllowed offers a sandbox, then what can be revoked.
func (a *app) completeAllowed(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	return a.completeTarget(cmd, args, word, func(o outside) []string {
		var out []string
		for _, one := range o.allowed() {
			if one.By == byAlways || one.By == byOnce {
				out = append(out, one.Target+"\t"+one.By)
			}
		}
		return out
	})
}
