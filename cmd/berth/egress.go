package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/gateway"
	"berth/internal/launch"
	"berth/internal/report"
	"berth/internal/sandbox"
	"berth/internal/state"
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
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			name, err := s.pick(cmd.Context(), args)
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

// outside is what is known of a sandbox's way out.
type outside struct {
	plan    *launch.Plan
	project string
	always  []string
	now     gateway.Status // the zero value without a gateway
	client  gateway.Client
	serves  bool
}

// outside asks for a sandbox's way out: its plan, what was allowed for good, and its gateway, if it has one.
func (s *session) outside(ctx context.Context, name string) (outside, error) {
	if err := state.CheckName(name); err != nil {
		return outside{}, err
	}
	status, err := s.Status(ctx, name)
	if err != nil {
		return outside{}, err
	}
	s.Revive(ctx, []sandbox.Observed{status.Observed})
	o := outside{project: status.Project, client: gateways{store: s.Store}.client(name)}
	if o.plan, err = s.Kept(name); err != nil {
		return o, err
	}
	if o.always, err = s.Store.Allowed(o.project); err != nil {
		return o, err
	}
	o.serves = running(status.State) && s.Store.Held(state.Gateway, name)
	if o.serves {
		o.now, err = o.client.Status(ctx)
	}
	return o, err
}

// listed refuses to change what is no list.
func (o outside) listed(name string) error {
	if mode := o.plan.Egress.Mode; mode != egress.List {
		why := map[egress.Mode]string{
			egress.On:     "on: every public host is reached already, and only egress_private in your own configuration leads to private ones",
			egress.Direct: "direct: nothing is refused",
			egress.Off:    "off: nothing is reached",
		}[mode]
		return fault.New(fault.Usage, "berth up --recreate --egress HOST:PORT makes it a list", "%s: its egress is %s", name, why)
	}
	return nil
}

// allow lets a sandbox reach a target until it ends, or from now on.
func (s *session) allow(ctx context.Context, name, target string, always bool) error {
	o, err := s.outside(ctx, name)
	if err == nil {
		err = o.listed(name)
	}
	if err != nil {
		return err
	}
	rule, err := egress.ParseRule(target)
	if err != nil {
		return err
	}
	if !o.serves && !always {
		return fault.New(fault.Conflict, "berth start "+name+"    or allow it for good: --always", "%s: it is not up", name)
	}
	if always {
		if err := s.Store.Allow(o.project, rule.String()); err != nil {
			return err
		}
	}
	if o.serves {
		return o.client.Allow(ctx, rule.String())
	}
	return nil
}

// revoke takes back what allow gave.
func (s *session) revoke(ctx context.Context, name, target string) error {
	o, err := s.outside(ctx, name)
	if err == nil {
		err = o.listed(name)
	}
	if err != nil {
		return err
	}
	rule, err := egress.ParseRule(target)
	if err != nil {
		return err
	}
	for _, own := range o.plan.Listed() {
		if own == rule {
			return fault.New(fault.Usage, "take it out of egress there, then: berth up --recreate", "%s: %s stands in the configuration", name, target)
		}
	}
	if o.by(rule.String()) == "" {
		return fault.New(fault.NotFound, "berth egress "+name+" shows what is", "%s: %s was not allowed", name, target)
	}
	if err := s.Store.Disallow(o.project, rule.String()); err != nil || !o.serves {
		return err
	}
	return o.client.Disallow(ctx, rule.String())
}

// by says how a target was allowed, "" when it was not.
func (o outside) by(target string) string {
	for _, one := range o.allowed() {
		if one.Target == target && (one.By == byAlways || one.By == byOnce) {
			return one.By
		}
	}
	return ""
}

// What lets a target through.
const (
	byConfig  = "the configuration"
	byAlways  = "allowed by you, always"
	byOnce    = "allowed by you, once"
	byPrivate = "egress_private"
)

// allowedJSON is a target that is reached, and by what.
type allowedJSON struct {
	Target string `json:"target"`
	By     string `json:"by"`
}

// allowed lists what the list lets through.
func (o outside) allowed() []allowedJSON {
	out := []allowedJSON{}
	if o.plan.Egress.Mode == egress.List {
		for _, rule := range o.plan.Listed() {
			out = append(out, allowedJSON{rule.String(), byConfig})
		}
		for _, index := range o.plan.Egress.Packages {
			out = append(out, allowedJSON{index.Rule.String(), "@packages, " + index.Source})
		}
		kept := map[string]bool{}
		for _, target := range o.always {
			kept[target] = true
			out = append(out, allowedJSON{target, byAlways})
		}
		for _, target := range o.now.Once {
			if !kept[target] {
				out = append(out, allowedJSON{target, byOnce})
			}
		}
	}
	for _, target := range o.plan.Egress.Private {
		out = append(out, allowedJSON{target.String(), byPrivate})
	}
	return out
}

// showEgress prints what a sandbox may reach, and what it was refused.
func (a *app) showEgress(ctx context.Context, s *session, name string) error {
	o, err := s.outside(ctx, name)
	if err != nil {
		return err
	}
	if a.global.json {
		return a.print.Object("egress", struct {
			Sandbox string             `json:"sandbox"`
			Mode    egress.Mode        `json:"mode"`
			Allowed []allowedJSON      `json:"allowed"`
			Refused []gateway.Decision `json:"refused"`
		}{name, o.plan.Egress.Mode, o.allowed(), append([]gateway.Decision{}, o.now.Denied...)})
	}
	a.print.Lines(fmt.Sprintf("%s  egress %s", name, egressModes[o.plan.Egress.Mode]))
	table := report.Table{Head: []string{"ALLOWED", "BY"}}
	for _, one := range o.allowed() {
		table.Rows = append(table.Rows, []string{one.Target, one.By})
	}
	if len(table.Rows) > 0 {
		a.print.Lines(table.Lines()...)
	}
	return a.showRefused(name, o)
}

// egressModes say what each mode reaches.
var egressModes = map[egress.Mode]string{
	egress.Off:    "off: nothing is reached",
	egress.List:   "list: only what is allowed",
	egress.On:     "on: any public host through berth, no private addresses",
	egress.Direct: "direct: internet, your LAN and this machine's services, past berth",
}

func (a *app) showRefused(name string, o outside) error {
	table := report.Table{Head: []string{"REFUSED", "TIMES", "LAST", "WHY"}}
	offers := ""
	for i := len(o.now.Denied) - 1; i >= 0; i-- {
		d := o.now.Denied[i]
		table.Rows = append(table.Rows, []string{d.Target(), fmt.Sprint(d.Count), d.Time.Local().Format("15:04:05"), d.Reason})
		offers = cmp.Or(offers, d.Offer)
	}
	switch {
	case !o.serves && (o.plan.Egress.Mode == egress.List || o.plan.Egress.Mode == egress.On):
		a.print.Note("%s has no gateway now, so nothing goes out", name)
	case len(table.Rows) > 0:
		a.print.Lines(table.Lines()...)
	}
	if offers != "" {
		a.print.Note("to let it through: berth egress allow %s %s    for good: --always", name, offers)
	}
	return a.print.Broken()
}

// followEgress prints the newest refusals and each decision from now on.
func (a *app) followEgress(ctx context.Context, s *session, name string) error {
	o, err := s.outside(ctx, name)
	if err != nil {
		return err
	}
	if !o.serves {
		return fault.New(fault.Conflict, "berth start "+name, "%s: it has no gateway that decides", name)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = o.client.Follow(ctx, func(d gateway.Decision) {
		a.printDecision(name, d)
		if a.print.Broken() != nil {
			stop()
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (a *app) printDecision(name string, d gateway.Decision) {
	if a.global.json {
		_ = a.print.Object("egress-decision", struct { // plain figures: it cannot fail
			Sandbox string `json:"sandbox"`
			gateway.Decision
		}{name, d})
		return
	}
	a.print.Lines(d.Time.Local().Format("15:04:05") + "  " + d.String())
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
