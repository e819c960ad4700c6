package main

import "github.com/spf13/cobra"

// logFlags say which lines of a sandbox's output.
type logFlags struct {
	follow, times bool
	since, grep   string
	tail          int
}

func (a *app) logsCommand() *cobra.Command {
	var o logFlags
	c := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Print what a sandbox's server says",
		Example: `  berth logs shop
  berth logs -f --tail 20 shop
  berth logs --since 10m --grep error shop`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("logs")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.follow, "follow", "f", false, "stay and print what comes")
	f.StringVar(&o.since, "since", "", "`time` to begin at: 10m ago, or 2026-11-21T09:14:02Z")
	f.IntVar(&o.tail, "tail", 10000, "`n` lines from the end; 0: all")
	f.BoolVarP(&o.times, "timestamps", "t", false, "the time before each line")
	f.StringVar(&o.grep, "grep", "", "`regexp` that lines must match")
	return c
}
