package main

import (
	"github.com/spf13/cobra"

	"berth/internal/config"
	"berth/internal/report"
)

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Read every layer and say what is wrong",
		Example: "  berth config check",
		Args:    between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			set := 0
			for _, l := range s.Lines() {
				if l.Source.Kind != config.FromDefault {
					set++
				}
			}
			if a.global.json {
				return a.print.Object("config-check", struct {
					Set     int      `json:"set"`
					Notices []string `json:"notices"`
				}{set, append([]string{}, s.Notices...)})
			}
			a.warn(s.Notices)
			a.print.Lines(report.Plural(set, "value", "values") + " set, no mistakes")
			return nil
		},
	}
}

// warn prints notices beside the data.
func (a *app) warn(notices []string) {
	for _, n := range notices {
		a.print.Warn(n)
	}
}
