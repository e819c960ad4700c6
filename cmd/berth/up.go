package main

import (
	"github.com/spf13/cobra"
)

// upFlags are the flags of up that are no configuration keys.
type upFlags struct {
	open, plan, recreate, keep, attach bool
	print                              string
}

func (a *app) upCommand() *cobra.Command {
	var o upFlags
	c := &cobra.Command{
		Use:     "up [NAME] [flags] [-- CMD...]",
		Aliases: []string{"run"},
		Short:   "Start a sandbox, or print the links of the one that runs",
		Long: "up starts the sandbox of this folder, or NAME, and prints its links. If it runs already, its links\n" +
			"are printed again; if its plan has changed, up says what differs and wants --recreate.",
		Example: `  berth up                               this folder at /workspace
  berth up -v ~/shop:/workspace -v ~/data:/data:ro
  berth up --image starter               without a registry, in a second
  berth up --plan                        what would be done, nothing is
  berth up --attach -- make test         run one command in it, and end with its code
  berth up --print=docker                the same as a docker command`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("up")
		},
	}
	f := c.Flags()
	f.SortFlags = false
	keyFlags(f, false)
	f.BoolVar(&o.open, "open", false, "open VS Code in the browser when it is up")
	f.BoolVar(&o.plan, "plan", false, "print the plan and do nothing")
	f.StringVar(&o.print, "print", "", "`docker|compose|json` print the sandbox in this form and do nothing")
	f.BoolVar(&o.recreate, "recreate", false, "replace the sandbox when its plan has changed")
	f.BoolVar(&o.keep, "keep", false, "leave what was made when the launch fails")
	f.BoolVar(&o.attach, "attach", false, "run CMD in the sandbox, stay with it and end with its code")
	return c
}
