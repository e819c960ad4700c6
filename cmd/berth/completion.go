package main

import (
	"github.com/spf13/cobra"

	"berth/internal/fault"
)

// shells are the shells with completion, in the order of the help.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print the completion script of a shell: bash, zsh, fish, powershell",
		Example:   "  source <(berth completion bash)\n  berth completion zsh > ~/.zfunc/_berth\n  berth completion fish | source",
		Args:      between(1, 1),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			hint := "bash, zsh, fish or powershell"
			if near := fault.Nearest(args[0], shells); near != "" {
				hint = "did you mean " + near + "?"
			}
			return usage(hint, "%s: no completion for this shell", args[0])
		},
	}
}
