package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/launch"
	"berth/internal/report"
)

// manyFlags are the flags of the commands that act on several sandboxes.
type manyFlags struct {
	grace time.Duration
	force bool
	all   bool
}

func (a *app) stopCommand() *cobra.Command {
	var o manyFlags
	c := a.manyCommand("stop", "Stop sandboxes; start brings them back",
		"  berth stop shop\n  berth stop --all\n  berth stop --force shop                at once", &o)
	graceFlags(c, &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.each(cmd.Context(), "stop", args, o.all, func(ctx context.Context, s *session, name string) (string, error) {
			return "stopped", s.Stop(ctx, name, launch.StopOptions{Grace: o.grace, Force: o.force})
		})
	}
	return c
}

func graceFlags(c *cobra.Command, o *manyFlags) {
	c.Flags().DurationVar(&o.grace, "grace", 0, "`duration` how long the server may take to end, such as 8s")
	c.Flags().BoolVar(&o.force, "force", false, "no grace")
}

// manyCommand makes a command that does the same to each named sandbox, to this folder's, or to all.
func (a *app) manyCommand(name, short, example string, o *manyFlags) *cobra.Command {
	c := &cobra.Command{
		Use:               name + " [NAME...]",
		Short:             short,
		Example:           example,
		ValidArgsFunction: a.completeMany,
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&o.all, "all", false, "every sandbox of yours")
	return c
}

// each does one thing to several sandboxes, prints a line for each, and goes on after a failure: what went wrong with
// one is no reason to leave the others.
func (a *app) each(ctx context.Context, thing string, args []string, all bool, do func(context.Context, *session, string) (string, error)) error {
	s, err := a.attend(ctx)
	if err != nil {
		return err
	}
	chosen, err := s.pickMany(ctx, args, all)
	if err != nil {
		return err
	}
	type done struct {
		Name  string `json:"name"`
		State string `json:"state"`
	}
	list := []done{}
	var failed []error
	for _, name := range chosen {
		began := time.Now()
		state, err := do(ctx, s, name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		list = append(list, done{name, state})
		if !a.global.json {
			a.print.Lines(name + " " + state + "  " + report.Duration(time.Since(began)))
		}
	}
	if a.global.json {
		if err := a.print.Object(thing, struct {
			Sandboxes []done `json:"sandboxes"`
		}{list}); err != nil {
			return err
		}
	}
	return a.last(failed)
}

// last prints all faults but the last, which it gives back to be printed and to decide the exit code.
func (a *app) last(failed []error) error {
	if len(failed) == 0 {
		return nil
	}
	for _, err := range failed[:len(failed)-1] {
		if !errors.Is(err, context.Canceled) {
			a.print.Fault(err)
		}
	}
	return failed[len(failed)-1]
}
