package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitCodes is the topic that `berth help exit-codes` prints, and the section of the manual.
const exitCodes = `  0    done
  1    failed, with a sentence
  2    usage, configuration, or a project file that is not trusted
  3    the engine cannot be reached or refuses
  4    the image or its registry
  5    findings of audit, doctor or build
  6    not found: sandbox, link, image, file
  7    conflict: a name, port or lock is taken, or the plan has changed
  124  not ready in time; the sandbox is kept
  125  exec: berth could not run the command
  126  exec: the command cannot be invoked
  127  exec: no such command
  130  interrupted (SIGINT); what was half made is removed
  141  the reader of the output went away
  143  terminated (SIGTERM); what was half made is removed
exec, shell and up --attach otherwise end with the command's own code.
`

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND | exit-codes]",
		Short:             "Explain a command, or the exit codes",
		Example:           "  berth help up\n  berth help exit-codes",
		ValidArgsFunction: a.completeHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "exit-codes" {
				a.print.Lines(strings.Split(strings.TrimSuffix(exitCodes, "\n"), "\n")...)
				return nil
			}
			root := cmd.Root()
			found, rest, err := root.Find(args)
			if err != nil || (len(rest) > 0 && found.HasSubCommands()) {
				return a.unknownCommand(found, append(rest, args...)[:1])
			}
			a.help(found, nil)
			return nil
		},
	}
}

func (a *app) completeHelp(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := []string{"exit-codes\tthe exit codes"}
	for _, c := range cmd.Root().Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name()+"\t"+c.Short)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// help prints the help of a command to stdout.
func (a *app) help(cmd *cobra.Command, _ []string) {
	a.print.Lines(strings.Split(strings.TrimSuffix(helpText(cmd), "\n"), "\n")...)
}

// helpText gives what a command is for, how it is called, examples, its commands and its flags.
func helpText(cmd *cobra.Command) string {
	var b strings.Builder
	if cmd.Long != "" {
		fmt.Fprintf(&b, "%s\n", cmd.Long)
	} else {
		fmt.Fprintf(&b, "%s.\n", cmd.Short)
	}
	fmt.Fprintf(&b, "\nUsage\n")
	for _, line := range useLines(cmd) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples\n%s\n", cmd.Example)
	}
	writeCommands(&b, cmd)
	if flags := flagLines(cmd.LocalFlags()); cmd.HasParent() && len(flags) > 0 {
		fmt.Fprintf(&b, "\nFlags\n%s", strings.Join(flags, ""))
	}
	if !cmd.HasParent() {
		fmt.Fprintf(&b, "\nFlags of every command\n%s", strings.Join(flagLines(cmd.PersistentFlags()), ""))
		fmt.Fprintf(&b, "\nberth COMMAND --help says more; berth help exit-codes lists the exit codes.\n")
		return b.String()
	}
	fmt.Fprintf(&b, "\nberth --help lists the flags of every command.\n")
	return b.String()
}

func useLines(cmd *cobra.Command) []string {
	lines := []string{cmd.UseLine()}
	for _, alias := range cmd.Aliases {
		lines = append(lines, strings.Replace(cmd.UseLine(), " "+cmd.Name(), " "+alias, 1))
	}
	if cmd.HasSubCommands() && cmd.HasParent() {
		lines = []string{cmd.CommandPath() + " COMMAND"}
	}
	return lines
}

func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	for _, group := range cmd.Groups() {
		fmt.Fprintf(b, "\n%s\n", group.Title)
		writeGroup(b, cmd, group.ID)
	}
	if len(cmd.Groups()) == 0 && cmd.HasAvailableSubCommands() {
		fmt.Fprintf(b, "\nCommands\n")
		writeGroup(b, cmd, "")
	}
}

func writeGroup(b *strings.Builder, cmd *cobra.Command, id string) {
	for _, c := range cmd.Commands() {
		if c.GroupID == id && (c.IsAvailableCommand() || c.Name() == "help") {
			fmt.Fprintf(b, "  %-11s %s\n", c.Name(), c.Short)
		}
	}
}

// flagLines gives a line for each flag: "  -a, --all   also stopped sandboxes".
func flagLines(flags *pflag.FlagSet) []string {
	var names, texts []string
	longest := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, text := described(f)
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		if value != "" {
			name += " " + strings.ToUpper(value)
		}
		names, texts = append(names, name), append(texts, text)
		longest = max(longest, len(name))
	})
	lines := make([]string, len(names))
	for i := range names {
		lines[i] = fmt.Sprintf("%-*s  %s\n", longest, names[i], texts[i])
	}
	return lines
}

// described splits the usage of a flag, "`word` text", into what stands for its value and what it does.
func described(f *pflag.Flag) (value, text string) {
	if rest, ok := strings.CutPrefix(f.Usage, "`"); ok {
		value, text, _ = strings.Cut(rest, "` ")
		return value, text
	}
	return "", f.Usage
}
