package main

import "github.com/spf13/cobra"

// completeOne offers the names of sandboxes for the first argument.
func (a *app) completeOne(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeMany(cmd, args, word)
}

// completeMany offers the names of sandboxes. Without an engine it offers none, at once.
func (a *app) completeMany(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeLink offers a sandbox, then what to open of it.
func (a *app) completeLink(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	kinds := []string{"code\tVS Code", "vnc\tthe desktop", "api\tthe agent server"}
	if len(args) > 0 {
		return kinds, cobra.ShellCompDirectiveNoFileComp
	}
	names, directive := a.completeMany(cmd, args, word)
	return append(names, kinds...), directive
}

// completeCopy offers sandboxes, to be followed by a colon, beside files.
func (a *app) completeCopy(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	names, _ := a.completeMany(cmd, args, word)
	for i := range names {
		names[i] += ":"
	}
	return names, cobra.ShellCompDirectiveNoSpace
}
