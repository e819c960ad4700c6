package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/build"
	"berth/internal/config"
	"berth/internal/event"
	"berth/internal/launch"
)

// upFlags are the flags of up that are no configuration keys.
type upFlags struct {
	open, plan, attach bool
	print              string
	launch.UpOptions
	command []string // what stands behind --
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
			name, command, err := splitCommand(cmd, args)
			if err != nil {
				return err
			}
			o.command = command
			return a.up(cmd.Context(), name, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	keyFlags(f, false)
	f.BoolVar(&o.open, "open", false, "open VS Code in the browser when it is up")
	f.BoolVar(&o.plan, "plan", false, "print the plan and do nothing")
	f.StringVar(&o.print, "print", "", "`docker|compose|json` print the sandbox in this form and do nothing")
	f.BoolVar(&o.Recreate, "recreate", false, "replace the sandbox when its plan has changed")
	f.BoolVar(&o.Keep, "keep", false, "leave what was made when the launch fails")
	f.BoolVar(&o.attach, "attach", false, "run CMD in the sandbox, stay with it and end with its code")
	a.completeFlags(c)
	return c
}

// splitCommand parts the arguments into at most one name and the command behind --.
func splitCommand(cmd *cobra.Command, args []string) (names, command []string, err error) {
	names = args
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		names, command = args[:dash], args[dash:]
	}
	if len(names) > 1 {
		return nil, nil, usage("a command goes behind --: "+cmd.CommandPath()+" "+names[0]+" -- "+strings.Join(names[1:], " "),
			"%s: one argument too many: %s", names[1], cmd.UseLine())
	}
	return names, command, nil
}

// launchGarbage is how much may lie about in a launch without a screen, in per cent of what is in use: its process ends
// before collecting would be worth the time.
const launchGarbage = 400

func (a *app) up(ctx context.Context, args []string, o upFlags) error {
	if len(o.command) > 0 && !o.attach {
		return usage("berth up --attach -- "+strings.Join(o.command, " "), "%s: a command is run only with --attach", o.command[0])
	}
	debug.SetGCPercent(launchGarbage)
	q, err := a.request(args)
	if err != nil {
		return err
	}
	s, err := a.connect(ctx, q.Settings, a.print.Event)
	if err != nil {
		return err
	}
	if o.plan || o.print != "" {
		return a.printPlan(ctx, s, q, o.print)
	}
	if s.Build, err = a.offerBuild(ctx, s, q); err != nil {
		return err
	}
	result, err := s.Up(ctx, q, o.UpOptions)
	if err != nil {
		return err
	}
	if o.attach {
		return a.attach(ctx, s, result.Status, o.command)
	}
	if err := a.printUp(result); err != nil {
		return err
	}
	if o.open {
		return a.browse(ctx, s, result.Status.Name, result.Links, string(launch.Code), false)
	}
	return nil
}

// request reads the configuration for a launch and asks about a project file that wants more than it may have.
func (a *app) request(args []string) (launch.Request, error) {
	in := a.input()
	s, err := config.Load(in)
	var untrusted *config.UntrustedError
	if errors.As(err, &untrusted) && a.interactive() {
		s, err = a.askTrust(in, untrusted)
	}
	if err != nil {
		return launch.Request{}, err
	}
	a.warn(s.Notices)
	q := launch.Request{Project: a.machine().Cwd, Settings: s}
	if q.Project == "" {
		return q, usage("cd to a folder that is there", "the current folder is gone")
	}
	if len(args) > 0 {
		q.Name = args[0]
	}
	return q, nil
}

// linkLabels are what links are called for people, in the order they are printed.
var linkLabels = []struct {
	kind  launch.LinkKind
	label string
}{{launch.Code, "VS Code"}, {launch.VNC, "VNC"}, {launch.API, "API"}}

// upJSON is a sandbox that came up, with the links handed to the user.
type upJSON struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Profile string   `json:"profile"`
	Posture string   `json:"posture"`
	Already bool     `json:"already"`
	Links   []upLink `json:"links"`
}

type upLink struct {
	Kind    string `json:"kind"`
	At      string `json:"at,omitempty"`
	URL     string `json:"url,omitempty"`
	Opens   string `json:"opens,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// printUp prints what a launch ended with: that it is up, the posture, the links, and how to stop it.
func (a *app) printUp(r *launch.Result) error {
	if a.global.json {
		out := upJSON{Name: r.Status.Name, State: string(r.Status.State), Profile: r.Status.Profile, Posture: r.Posture, Already: r.Already, Links: []upLink{}}
		for _, l := range r.Links {
			out.Links = append(out.Links, upLink{string(l.Kind), address(l), l.URL.Reveal(), l.Opens, l.Missing})
		}
		return a.print.Object("up", out)
	}
	a.print.Lines(upLines(r)...)
	return nil
}

func address(l launch.Link) string {
	if !l.At.IsValid() || l.Missing != "" {
		return ""
	}
	return l.At.String()
}

// upLines gives the end of a launch for people. The api's link is left out where VS Code opens: it is for programs.
func upLines(r *launch.Result) []string {
	lines := []string{r.Status.Name + " is up"}
	if r.Posture != "" {
		lines = append(lines, r.Posture)
	}
	links := map[launch.LinkKind]launch.Link{}
	longest := 0
	for _, l := range r.Links {
		links[l.Kind] = l
		longest = max(longest, len(l.URL.Reveal()))
	}
	code := links[launch.Code]
	for _, row := range linkLabels {
		l, there := links[row.kind]
		switch {
		case !there, row.kind == launch.API && code.Missing == "" && !code.URL.Empty():
		case l.Missing != "":
			lines = append(lines, fmt.Sprintf("  %-7s  %s", row.label, l.Missing))
		case l.Opens != "":
			lines = append(lines, fmt.Sprintf("  %-7s  %-*s  %s", row.label, longest, l.URL.Reveal(), opens(l)))
		default:
			lines = append(lines, fmt.Sprintf("  %-7s  %s", row.label, l.URL.Reveal()))
		}
	}
	for _, l := range r.Links[min(len(linkLabels), len(r.Links)):] { // those of links.extra
		lines = append(lines, fmt.Sprintf("  %-7s  %-*s  %s", l.Kind, longest, l.URL.Reveal(), cmp.Or(l.Missing, l.Opens)))
	}
	return append(lines, "  stop     berth stop "+r.Status.Name)
}

func opens(l launch.Link) string {
	if l.Kind == launch.Code {
		return "opens " + l.Opens
	}
	return l.Opens
}

// offerBuild gives the launch leave to build the image that was asked for by name, if it is not built yet and somebody
// agrees: it takes minutes. Otherwise the launch says what is missing.
func (a *app) offerBuild(ctx context.Context, s *session, q launch.Request) (func(context.Context, string, event.Sink) error, error) {
	missing, err := s.unbuilt(ctx, q.Settings.Image)
	if err != nil || !missing || !a.global.yes && !a.interactive() {
		return nil, err
	}
	yes, err := a.ask(q.Settings.Image + " is not built yet; build it now, from packages, in some minutes?")
	if err != nil || !yes {
		return nil, err
	}
	return a.builder(s), nil
}

// builder lets a launch build one of berth's own images.
func (a *app) builder(s *session) func(context.Context, string, event.Sink) error {
	return func(ctx context.Context, name string, sink event.Sink) error {
		_, err := a.makeImage(ctx, s.emitting(sink), name, buildFlags{})
		return err
	}
}

// unbuilt tells whether a name is that of an image which berth builds and has not built.
func (s *session) unbuilt(ctx context.Context, name string) (bool, error) {
	recipe, ok := build.Find(name)
	if !ok {
		return false, nil
	}
	built, err := build.Built(ctx, s.engine, recipe)
	return !built, err
}
