package main

import "github.com/spf13/cobra"

// execFlags say how a command runs inside.
type execFlags struct {
	stdin, tty bool
	user, dir  string
}

func (a *app) execCommand() *cobra.Command {
	var o execFlags
	c := &cobra.Command{
		Use:   "exec [NAME] -- CMD...",
		Short: "Run a command in a sandbox",
		Example: `  berth exec shop -- make test
  berth exec -- git status               in this folder's sandbox
  echo hello | berth exec -i shop -- cat
  berth exec -w /data shop -- ls -l`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return notYet("exec")
		},
	}
	a.execFlags(c, &o)
	c.Flags().BoolVarP(&o.stdin, "interactive", "i", false, "connect stdin")
	c.Flags().BoolVarP(&o.tty, "tty", "t", false, "give the command a terminal")
	return c
}

func (a *app) execFlags(c *cobra.Command, o *execFlags) {
	c.Flags().SortFlags = false
	c.Flags().StringVarP(&o.user, "user", "u", "", "`uid:gid` to run as instead of the sandbox's own, in numbers")
	c.Flags().StringVarP(&o.dir, "workdir", "w", "", "`folder` inside to run in")
}
