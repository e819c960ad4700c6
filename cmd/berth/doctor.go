package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/agentserver"
	"berth/internal/config"
	"berth/internal/doctor"
	"berth/internal/engine"
	"berth/internal/fault"
	"berth/internal/inside"
	"berth/internal/launch"
	"berth/internal/report"
)

func (a *app) doctorCommand() *cobra.Command {
	var masked bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what is missing on this machine, and what to type",
		Example: "  berth doctor\n  berth doctor --report                  to paste into an issue: no names, no keys",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.ownSettings()
			if err != nil {
				return err
			}
			findings := doctor.Findings(doctor.Gather(cmd.Context(), a.examination(s)))
			if masked {
				findings = doctor.Masked(findings, a.machine())
			}
			if err := a.printFindings(findings); err != nil {
				return err
			}
			if doctor.Red(findings) {
				return fault.New(fault.Findings, "", "something here keeps sandboxes from being safe or from starting")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&masked, "report", false, "mask names, folders and keys")
	return c
}

// examination says what the doctor looks at.
func (a *app) examination(s *config.Settings) doctor.Request {
	r := doctor.Request{
		Host: a.machine(), Engine: a.engineOptions(s), Registry: registryOf(cmp.Or(s.Image, s.DefaultImage, agentserver.PublicImage)),
		Left: func(context.Context) ([]launch.Removal, error) { return nil, nil },
	}
	store, err := a.store()
	r.State = err
	r.Inside = func(arch string) error {
		if store == nil {
			return nil
		}
		_, err := inside.Unpack(filepath.Join(store.Places().Cache, "inside"), arch)
		return err
	}
	if store == nil {
		return r
	}
	r.Places = []string{store.Places().State}
	r.Left = func(ctx context.Context) ([]launch.Removal, error) {
		e, err := engine.Open(ctx, r.Engine)
		if err != nil {
			return nil, err
		}
		defer e.Close() //nolint:errcheck // it was only asked
		return a.launcher(e, store, a.print.Event).Leftovers(ctx)
	}
	return r
}

// registryOf gives the registry of a reference; "" for one that is of this machine only.
func registryOf(ref string) string {
	host, _, ok := strings.Cut(ref, "/")
	switch {
	case host == "localhost", ownImages()[ref] != "":
		return ""
	case ok && strings.ContainsAny(host, ".:"):
		return host
	}
	return "registry-1.docker.io"
}

var doctorMarks = map[doctor.Level]report.Mark{doctor.Good: report.Good, doctor.Warn: report.Warn, doctor.Bad: report.Bad}

func (a *app) printFindings(findings []doctor.Finding) error {
	if a.global.json {
		return a.print.Object("doctor", struct {
			Version  string           `json:"version"`
			Findings []doctor.Finding `json:"findings"`
		}{version, findings})
	}
	longest := 0
	for _, f := range findings {
		longest = max(longest, len(f.Topic))
	}
	for _, f := range findings {
		a.print.Lines(fmt.Sprintf("%s %-*s  %s", a.print.Mark(doctorMarks[f.Level]), longest, f.Topic, f.Text))
		for _, line := range f.More {
			a.print.Lines(fmt.Sprintf("  %-*s  %s", longest, "", line))
		}
		if f.Fix != "" {
			a.print.Lines(fmt.Sprintf("  %-*s  fix: %s", longest, "", f.Fix))
		}
	}
	return nil
}
