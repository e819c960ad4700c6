package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/internal/fault"
)

// usage makes a fault of what was typed.
func usage(hint, format string, args ...any) error {
	return fault.New(fault.Usage, hint, format, args...)
}

// exposing are flags that other tools have for listening on every interface. berth has none, and says why.
var exposing = map[string]bool{"expose": true, "bind": true, "listen": true, "address": true, "ip-address": true, "publish-all": true}

// flagFault words an error of the flag parser as berth does, with the nearest flag for an unknown one.
func flagFault(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &missing):
		return usage(seeHelp(cmd), "%s: needs a value", written(missing.GetSpecifiedName(), missing.GetSpecifiedShortnames()))
	case errors.As(err, &invalid):
		return usage(seeHelp(cmd), "--%s=%s: %s", invalid.GetFlag().Name, invalid.GetValue(), reason(invalid.Unwrap()))
	}
	return usage(seeHelp(cmd), "%w", err)
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	name, letters := e.GetSpecifiedName(), e.GetSpecifiedShortnames()
	if exposing[name] {
		return usage("from another machine: ssh -L 8010:127.0.0.1:8010 THIS-MACHINE", "--%s: berth listens on this machine only, on no other address", name)
	}
	if letters != "" {
		return usage(seeHelp(cmd), "-%s: %s has no such flag", name, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := fault.Nearest(name, names); near != "" {
		return usage(fmt.Sprintf("did you mean --%s?", near), "--%s: %s has no such flag", name, cmd.CommandPath())
	}
	return usage(seeHelp(cmd), "--%s: %s has no such flag", name, cmd.CommandPath())
}

// unknownCommand refuses an argument where only a subcommand can stand.
func (a *app) unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(append(names, c.Name()), c.Aliases...)
		}
	}
	hint := seeHelp(cmd)
	if near := fault.Nearest(args[0], names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", cmd.CommandPath()+" "+near)
	}
	return usage(hint, "%s: %s has no such command", args[0], cmd.CommandPath())
}

// between refuses fewer or more arguments than a command takes; max < 0 is no limit.
func between(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usage(seeHelp(cmd), "%s: an argument is missing: %s", cmd.CommandPath(), cmd.UseLine())
		case high >= 0 && len(args) > high:
			return usage(seeHelp(cmd), "%s: one argument too many: %s", args[high], cmd.UseLine())
		}
		return nil
	}
}

func seeHelp(cmd *cobra.Command) string { return cmd.CommandPath() + " --help" }

func written(name, letters string) string {
	if letters != "" {
		return "-" + name
	}
	return "--" + name
}

// reason takes the parser's own name off a Go conversion error: "invalid syntax" is all a user needs.
func reason(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return strings.TrimPrefix(err.Error(), "time: ")
}
