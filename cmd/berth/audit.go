package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"berth/hardening"
	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/probe"
	"berth/internal/report"
)

func (a *app) auditCommand() *cobra.Command {
	var probes bool
	c := &cobra.Command{
		Use:   "audit [NAME]",
		Short: "Compare what runs with what was planned, rule by rule",
		Example: `  berth audit shop
  berth audit shop --probe               also try the walls from inside
  berth audit shop --json`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.audit(cmd.Context(), args, probes)
		},
	}
	c.Flags().BoolVar(&probes, "probe", false, "also try the walls from inside")
	return c
}

func (a *app) audit(ctx context.Context, args []string, probes bool) error {
	s, name, err := a.attendOne(ctx, args)
	if err != nil {
		return err
	}
	found, err := s.Audit(ctx, name, probes)
	if err != nil {
		return err
	}
	if a.global.json {
		err = a.print.Object("audit", auditJSON(found))
	} else {
		a.print.Lines(a.auditLines(found)...)
	}
	if err != nil || hardening.Good(found.Findings) {
		return err
	}
	broken := len(slices.DeleteFunc(slices.Clone(found.Findings), hardening.Finding.Good))
	return fault.New(fault.Findings, "berth up --recreate makes it as planned", "%s: %s", name, report.Plural(broken, "rule does not hold", "rules do not hold"))
}

// gravity orders findings: what is broken first, what holds last.
var gravity = map[hardening.State]int{hardening.Failed: 0, hardening.Unknown: 1, hardening.GivenUp: 2, hardening.Unsupported: 3, hardening.Held: 4}

// byGravity gives findings, what is broken first.
func byGravity(findings []hardening.Finding) []hardening.Finding {
	return slices.SortedStableFunc(slices.Values(findings), func(x, y hardening.Finding) int { return cmp.Compare(gravity[x.State], gravity[y.State]) })
}

// auditMarks stand before a finding.
var auditMarks = map[hardening.State]report.Mark{
	hardening.Failed: report.Bad, hardening.Unknown: report.Bad, hardening.GivenUp: report.Warn,
	hardening.Unsupported: report.Warn, hardening.Held: report.Good,
}

// auditLines gives the posture and a line for each rule: rule, how it stands, evidence, and what to do.
func (a *app) auditLines(r launch.AuditReport) []string {
	findings := byGravity(r.Findings)
	longest := 0
	for _, f := range findings {
		longest = max(longest, len(f.Rule))
	}
	lines := []string{r.Name + ": " + r.Posture.String()}
	for _, f := range findings {
		lines = append(lines, a.print.Fit(fmt.Sprintf("%s %-*s  %s", a.print.Mark(auditMarks[f.State]), longest, f.Rule, evidence(f))))
		if f.Fix != "" && !f.Good() {
			lines = append(lines, fmt.Sprintf("  %-*s  fix: %s", longest, "", f.Fix))
		}
	}
	return lines
}

// evidence says what was seen, and what was wanted where that is something else.
func evidence(f hardening.Finding) string {
	switch {
	case f.State == hardening.Held && f.Observed != "":
		return f.Observed + "  (" + f.By + ")"
	case f.State == hardening.Held:
		return f.Why
	case f.Because != "":
		return string(f.State) + ": " + f.Because
	}
	return fmt.Sprintf("%s: wanted %s, is %s", f.State, cmp.Or(f.Wanted, "nothing"), cmp.Or(f.Observed, "nothing"))
}

// probesJSON holds the attacks from inside: those of the sandbox's user, and those of root, which an exec may be.
type probesJSON struct {
	Agent []probe.Outcome `json:"agent"`
	Root  []probe.Outcome `json:"root"`
}

func auditJSON(r launch.AuditReport) any {
	type difference struct {
		Field string `json:"field"`
		Want  string `json:"want"`
		Have  string `json:"have"`
	}
	out := struct {
		Name     string              `json:"name"`
		Holds    bool                `json:"holds"`
		Posture  string              `json:"posture"`
		Findings []hardening.Finding `json:"findings"`
		Changed  []difference        `json:"changed"`
		Probes   probesJSON          `json:"probes"`
	}{r.Name, hardening.Good(r.Findings), r.Posture.String(), r.Findings, []difference{}, probesJSON{
		append([]probe.Outcome{}, r.Probes.Agent...), append([]probe.Outcome{}, r.Probes.Root...)}}
	for _, d := range r.Changed {
		out.Changed = append(out.Changed, difference{d.Field, d.Want, d.Have})
	}
	return out
}
