package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"berth/internal/engine"
	"berth/internal/launch"
	"berth/internal/report"
)

func (a *app) statsCommand() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:               "stats [NAME...]",
		Short:             "Show what sandboxes use",
		Example:           "  berth stats                            every running sandbox, until Ctrl-C\n  berth stats shop --once",
		ValidArgsFunction: a.completeMany,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			chosen, err := s.measured(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.stats(cmd.Context(), s, chosen, once)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "print the figures once and end")
	return c
}

// measured gives the named sandboxes, or every one that runs.
func (s *session) measured(ctx context.Context, args []string) ([]launch.Status, error) {
	var out []launch.Status
	for _, name := range args {
		status, err := s.Status(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, status)
	}
	if len(args) > 0 {
		return out, nil
	}
	all, err := s.List(ctx)
	for _, one := range all {
		if running(one.State) {
			out = append(out, one)
		}
	}
	return out, err
}

// stats prints a line for each sandbox about once a second, from one stream each.
func (a *app) stats(ctx context.Context, s *session, chosen []launch.Status, once bool) error {
	if len(chosen) == 0 {
		a.print.Note("no sandbox runs")
		return nil
	}
	if !a.global.json {
		a.print.Lines(fmt.Sprintf(statsRow, "NAME", "CPU", "MEMORY", "PROCESSES"))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var streams sync.WaitGroup
	failed := make([]error, len(chosen))
	for i, one := range chosen {
		streams.Go(func() { failed[i] = a.statsOf(ctx, s, one, once) })
	}
	streams.Wait()
	return errors.Join(failed...)
}

const statsRow = "%-20s %12s  %22s  %s"

func (a *app) statsOf(ctx context.Context, s *session, one launch.Status, once bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen := 0
	return s.engine.Stats(ctx, one.Observed.ID, func(now engine.Stats) {
		if seen++; once && seen > 2 || ctx.Err() != nil {
			return
		}
		if once && seen == 1 && now.CPU == 0 && running(one.State) {
			return // the first value has no earlier one to count the processor from
		}
		a.printStats(one, now)
		if once || a.print.Broken() != nil {
			stop()
		}
	})
}

func (a *app) printStats(one launch.Status, now engine.Stats) {
	limits := one.Observed.Spec.Limits
	if a.global.json {
		_ = a.print.Object("stats", struct { // plain figures: it cannot fail
			Name        string  `json:"name"`
			T           string  `json:"t"`
			CPU         float64 `json:"cpu"` // cores
			CPULimit    float64 `json:"cpu_limit,omitempty"`
			Memory      uint64  `json:"memory"` // bytes
			MemoryLimit uint64  `json:"memory_limit"`
			Pids        uint64  `json:"pids"`
			PidsLimit   int64   `json:"pids_limit,omitempty"`
		}{one.Name, now.Time.Format("2006-01-02T15:04:05Z07:00"), now.CPU, float64(limits.NanoCPUs) / 1e9, now.Memory, now.MemoryLimit, now.Pids, limits.Pids})
		return
	}
	cpu := fmt.Sprintf("%.0f%%", now.CPU*100)
	if limits.NanoCPUs > 0 {
		cpu += fmt.Sprintf(" of %g", float64(limits.NanoCPUs)/1e9)
	}
	memory := report.Memory(int64(now.Memory)) + " of " + report.Memory(int64(now.MemoryLimit))
	a.print.Lines(fmt.Sprintf(statsRow, one.Name, cpu, memory, fmt.Sprintf("%d of %d", now.Pids, limits.Pids)))
}
