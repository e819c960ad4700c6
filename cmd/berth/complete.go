package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// completionLimit is how long an engine may take to name its sandboxes while the user waits with a half-typed line.
const completionLimit = 40 * time.Millisecond

// completeOne offers the names of sandboxes for the first argument.
func (a *app) completeOne(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeMany(cmd, args, word)
}

// completeMany offers the names that are not on the line yet. Without an engine it offers none, at once.
func (a *app) completeMany(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	a.flags = given(cmd)
	return slices.DeleteFunc(a.known(cmd.Context()), func(name string) bool { return slices.Contains(args, name) }),
		cobra.ShellCompDirectiveNoFileComp
}

// known asks the engine for the names of sandboxes; nobody can be told of a failure here.
func (a *app) known(ctx context.Context) []string {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := context.WithTimeout(ctx, completionLimit)
	defer stop()
	s, err := a.attend(ctx)
	if err != nil {
		return nil
	}
	list, err := s.List(ctx)
	if err != nil {
		return nil
	}
	return names(list)
}

// completeTarget offers a sandbox, then what targets names of its way out.
func (a *app) completeTarget(cmd *cobra.Command, args []string, word string, targets func(outside) []string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeOne(cmd, args, word)
	}
	a.flags = given(cmd)
	ctx, stop := context.WithTimeout(cmd.Context(), completionLimit)
	defer stop()
	s, err := a.attend(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	o, err := s.outside(ctx, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return targets(o), cobra.ShellCompDirectiveNoFileComp
}

// completeLink offers a sandbox, then what to open of it.
func (a *app) completeLink(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	links := []string{"code\tVS Code", "vnc\tthe desktop", "api\tthe agent server"}
	if len(args) > 0 {
		return links, cobra.ShellCompDirectiveNoFileComp
	}
	found, directive := a.completeMany(cmd, args, word)
	return append(found, links...), directive
}

// completeCopy offers sandboxes, to be followed by a colon, beside files.
func (a *app) completeCopy(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	found, _ := a.completeMany(cmd, nil, word)
	for i := range found {
		found[i] += ":"
	}
	return found, cobra.ShellCompDirectiveNoSpace
}
