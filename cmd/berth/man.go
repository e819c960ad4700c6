package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/internal/config"
	"berth/internal/fault"
)

func (a *app) manCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "man [COMMAND | berth-config]",
		Short:   "Print the manual page of berth, of a command, or of the configuration",
		Example: "  berth man | man -l -\n  berth man up | man -l -\n  berth man berth-config | man -l -\n  berth man --dir ~/.local/share/man/man1",
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir != "" {
				return a.writePages(cmd.Root(), dir)
			}
			if len(args) == 1 && args[0] == "berth-config" {
				a.print.Lines(strings.Split(strings.TrimSuffix(config.Man(version), "\n"), "\n")...)
				return nil
			}
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return a.unknownCommand(cmd.Root(), args)
			}
			a.print.Lines(strings.Split(strings.TrimSuffix(manPage(found), "\n"), "\n")...)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "`folder` write every page there instead")
	return c
}

// writePages writes a page for berth and for each command.
func (a *app) writePages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.New(fault.Failure, "", "%s: %w", dir, err)
	}
	for _, c := range everyCommand(root) {
		path := filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		if err := os.WriteFile(path, []byte(manPage(c)), 0o644); err != nil {
			return fault.New(fault.Failure, "", "%s: %w", path, err)
		}
		a.print.Lines(path)
	}
	path := filepath.Join(dir, "berth-config.5")
	if err := os.WriteFile(path, []byte(config.Man(version)), 0o644); err != nil {
		return fault.New(fault.Failure, "", "%s: %w", path, err)
	}
	a.print.Lines(path)
	return nil
}

// everyCommand lists root and all that is below it and shown, parents first.
func everyCommand(root *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			out = append(out, everyCommand(c)...)
		}
	}
	return out
}

// manPage gives the page of a command in the man macros.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %q 1 \"\" %q\n", strings.ToUpper(name), "berth "+version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", roff(name), roff(cmd.Short))
	for _, line := range useLines(cmd) {
		fmt.Fprintf(&b, ".B %s\n.br\n", roff(line))
	}
	if cmd.Long != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(cmd.Long))
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	manCommands(&b, cmd)
	manFlags(&b, cmd)
	if !cmd.HasParent() {
		fmt.Fprintf(&b, ".SH EXIT STATUS\n.nf\n%s.fi\n.SH SEE ALSO\nberth-config(5)\n", roff(exitCodes))
	}
	return b.String()
}

func manCommands(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
		}
	}
}

func manFlags(b *strings.Builder, cmd *cobra.Command) {
	heading := ".SH OPTIONS\n"
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, text := described(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		fmt.Fprintf(b, "%s.TP\n.B %s\n%s\n", heading, roff(strings.TrimSpace(names+" "+strings.ToUpper(value))), roff(text))
		heading = ""
	})
}

// roff protects what the macros would take for their own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
