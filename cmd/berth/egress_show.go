package main

import (
	"cmp"
	"context"
	"fmt"

	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/gateway"
	"berth/internal/report"
)

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
