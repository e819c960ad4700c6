package main

import (
	"github.com/spf13/cobra"
)

// The groups of commands, in the order of the help.
const (
	groupRun      = "run"
	groupLook     = "look"
	groupImages   = "images"
	groupSettings = "settings"
	groupHelp     = "help"
)

// groups gives each group its heading.
var groups = []*cobra.Group{
	{ID: groupRun, Title: "Sandboxes"},
	{ID: groupLook, Title: "What is inside"},
	{ID: groupImages, Title: "Images and networks"},
	{ID: groupSettings, Title: "Settings"},
	{ID: groupHelp, Title: "Help"},
}

// tree makes the whole tree of commands. It touches nothing.
func (a *app) tree() *cobra.Command {
	cobra.EnableCommandSorting = false // the order of the help is the order of use
	root := a.rootCommand()
	root.AddGroup(groups...)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupRun, []*cobra.Command{a.upCommand(), a.lsCommand(), a.openCommand(), a.urlCommand(), a.execCommand(), a.shellCommand(),
			a.logsCommand(), a.stopCommand(), a.startCommand(), a.restartCommand(), a.pauseCommand(), a.resumeCommand(), a.rmCommand(), a.pruneCommand()}},
		{groupLook, []*cobra.Command{a.inspectCommand(), a.statsCommand(), a.cpCommand(), a.egressCommand(), a.auditCommand()}},
		{groupImages, []*cobra.Command{a.buildCommand(), a.imageCommand(), a.networkCommand()}},
		{groupSettings, []*cobra.Command{a.configCommand(), a.envCommand(), a.trustCommand()}},
		{groupHelp, []*cobra.Command{a.doctorCommand(), a.firewallCommand(), a.completionCommand(), a.manCommand(), a.versionCommand()}},
	} {
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.resetTerminalCommand(), a.gatewayCommand())
	root.SetHelpCommand(a.helpCommand())
	root.SetHelpCommandGroupID(groupHelp)
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "berth",
		Short: "Sandboxes for coding agents, with your folders in them",
		Long: "berth mounts folders of this machine into a hardened Docker sandbox, starts the agent server in it\n" +
			"and shows the links to VS Code and the desktop. Without a command it opens the terminal UI.",
		Example: `  cd shop && berth                 plan, Enter, links
  berth -v ~/data:/data:ro --image starter
  berth up -y                      the same without a screen
  SANDBOX_VOLUMES=~/shop:/workspace,~/data:/data:ro berth up
  berth ls                         what runs
  berth rm shop                    take it away, the folders stay`,
		Args:              a.unknownCommand,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.prepare,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.wantsVersion {
				a.print.Lines("berth " + version)
				return nil
			}
			return a.runRoot(cmd.Context())
		},
	}

	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagFault)
	root.SetHelpFunc(a.help)
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	root.Flags().BoolVar(&a.wantsVersion, "version", false, "print the version")
	a.globalFlags(root)
	return root
}

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	keyFlags(f, true)
	f.StringVar(&a.global.config, "config", "", "`file` the configuration to read instead of the user's")
	f.BoolVarP(&a.global.yes, "yes", "y", false, "answer yes where berth would ask")
	f.BoolVar(&a.global.noAsk, "no-input", false, "never ask; end where an answer is needed")
	f.BoolVar(&a.global.json, "json", false, "one JSON object on stdout, events and errors as JSON on stderr")
	f.BoolVar(&a.global.plain, "plain", false, "lines instead of the screen")
	f.BoolVar(&a.global.accessible, "accessible", false, "lines for a screen reader: words for signs, nothing repainted")
	f.StringVar(&a.global.color, "color", "auto", "`auto|always|never` colours")
	f.BoolVar(&a.global.quiet, "quiet", false, "only data and errors")
	f.BoolVar(&a.global.debug, "debug", false, "write what berth does to a file in its state folder")
	root.Flags().SortFlags = false
	keyFlags(root.Flags(), false) // berth alone takes what up takes: its screen launches too
	root.Flags().BoolVar(&a.noMouse, "no-mouse", false, "leave the mouse to the terminal")
}

// prepare makes what the flags ask for before any command runs.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	a.flags = given(cmd)
	switch a.global.color {
	case "auto", "always", "never":
	default:
		return usage("--color is auto, always or never", "--color=%s: no such choice", a.global.color)
	}
	a.print = a.printer()
	return nil
}
