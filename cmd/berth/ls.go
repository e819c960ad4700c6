package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/launch"
	"berth/internal/report"
	"berth/internal/sandbox"
)

// lsFlags say which sandboxes are listed, and how.
type lsFlags struct {
	all, names bool
	filters    []string
	format     string
}

func (a *app) lsCommand() *cobra.Command {
	var o lsFlags
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"ps"},
		Short:   "List sandboxes",
		Example: `  berth ls
  berth ls -a                            also stopped ones
  berth ls -q --filter state=paused      names alone
  berth ls --format '{{.Name}} {{.State}}'`,
		Args: between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ls(cmd, o) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.all, "all", "a", false, "also stopped sandboxes")
	f.BoolVarP(&o.names, "names", "q", false, "names alone")
	f.StringArrayVar(&o.filters, "filter", nil, "`key=value` only those with this name, state, profile, image, project or network (repeat)")
	f.StringVar(&o.format, "format", "", "`text` print this for each, with {{.Name}} and the like for its values, {{json .}} for all")
	return c
}

func (a *app) ls(cmd *cobra.Command, o lsFlags) error {
	keep, err := parseFilters(o.filters)
	if err != nil {
		return err
	}
	layout, err := parseLayout(o.format)
	if err != nil {
		return err
	}
	s, err := a.attend(cmd.Context())
	if err != nil {
		return err
	}
	list, err := s.revived(cmd.Context())
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s launch.Status) bool { return !keep(s) })
	shown := list
	if !o.all && !filtersState(o.filters) {
		shown = slices.DeleteFunc(slices.Clone(list), func(s launch.Status) bool { return s.State == sandbox.Stopped })
	}
	if err := a.printList(shown, o, layout); err != nil {
		return err
	}
	if hidden := len(list) - len(shown); hidden > 0 && !a.global.json {
		a.print.Note("%s not shown: berth ls -a", report.Plural(hidden, "stopped sandbox is", "stopped sandboxes are"))
	}
	return nil
}

func (a *app) printList(list []launch.Status, o lsFlags, layout layout) error {
	switch {
	case a.global.json:
		rows := []listed{}
		for _, s := range list {
			rows = append(rows, listedOf(s))
		}
		return a.print.Object("ls", struct {
			Sandboxes []listed `json:"sandboxes"`
		}{rows})
	case o.names:
		a.print.Lines(names(list)...)
	case o.format != "":
		for _, s := range list {
			a.print.Lines(layout.of(s, time.Now()))
		}
	default:
		a.print.Lines(a.listTable(list, time.Now()).Lines()...)
	}
	return nil
}

// listed is a sandbox as `berth ls --json` and --format show it. It holds no key.
type listed struct {
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Profile   string     `json:"profile"`
	Image     string     `json:"image"`
	Project   string     `json:"project"`
	Posture   string     `json:"posture,omitempty"`
	GivenUp   []string   `json:"given_up,omitempty"`
	Mounts    []mounted  `json:"mounts"`
	Networks  []string   `json:"networks"`
	Published []string   `json:"published"`
	Links     []linked   `json:"links"`
	Created   time.Time  `json:"created"`
	Started   *time.Time `json:"started,omitempty"`
	ExitCode  *int       `json:"exit_code,omitempty"`
}

type mounted struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
}

type linked struct {
	Kind string `json:"kind"`
	At   string `json:"at"`
}

func listedOf(s launch.Status) listed {
	out := listed{
		Name: s.Name, State: string(s.State), Profile: s.Profile, Image: s.Image, Project: s.Project, Posture: s.Posture,
		GivenUp: s.GivenUp, Mounts: []mounted{}, Networks: joinedNetworks(s), Published: []string{}, Links: []linked{}, Created: s.Created.UTC(),
	}
	for _, m := range s.Mounts {
		out.Mounts = append(out.Mounts, mounted{m.Source, m.Target, m.ReadOnly})
	}
	for _, p := range s.Observed.Published {
		out.Published = append(out.Published, fmt.Sprintf("%s->%d", p.Host, p.Container))
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, linked{string(l.Kind), l.At.String()})
	}
	if !s.Started.IsZero() {
		started := s.Started.UTC()
		out.Started = &started
	}
	if s.State == sandbox.Stopped {
		out.ExitCode = &s.ExitCode
	}
	return out
}

// joinedNetworks are the networks of others that a sandbox is on.
func joinedNetworks(s launch.Status) []string {
	names := []string{}
	for _, a := range s.Observed.Spec.Network.Attached {
		if a.Name != sandbox.OwnNetwork(s.Name) {
			names = append(names, a.Name)
		}
	}
	return names
}

// stateSigns stand before a state, so that a glance finds it; the word follows.
var stateSigns = map[sandbox.State]string{sandbox.Up: "●", sandbox.Starting: "◌", sandbox.Paused: "‖", sandbox.Stopped: "○", sandbox.Created: "○"}

func (a *app) listTable(list []launch.Status, now time.Time) report.Table {
	table := report.Table{Head: []string{"NAME", "STATE", "PROFILE", "IMAGE", "MOUNTS", "LINKS", "AGE"}}
	for _, s := range list {
		table.Rows = append(table.Rows, []string{
			s.Name, a.stateWord(s), profileWord(s), s.Image, mountsWord(s.Mounts, a.tilde), cmp.Or(linksWord(s.Links), "-"), report.Age(now.Sub(s.Created)),
		})
	}
	return table
}

func (a *app) stateWord(s launch.Status) string {
	word := string(s.State)
	if s.State == sandbox.Stopped && s.ExitCode != 0 && s.ExitCode != 143 {
		word = fmt.Sprintf("stopped (%d)", s.ExitCode)
	}
	if a.accessible() || a.ascii() {
		return word
	}
	return stateSigns[s.State] + " " + word
}

func profileWord(s launch.Status) string {
	if n := len(s.GivenUp); n > 0 {
		return fmt.Sprintf("%s -%d", s.Profile, n)
	}
	return s.Profile
}

// mountsWord gives the first mount and how many more there are: "~/shop rw +1".
func mountsWord(mounts []sandbox.Mount, short func(string) string) string {
	if len(mounts) == 0 {
		return "-"
	}
	first := mounts[0]
	for _, m := range mounts {
		if m.Target == "/workspace" {
			first = m
		}
	}
	mode := "rw"
	if first.ReadOnly {
		mode = "ro"
	}
	word := short(first.Source) + " " + mode
	if more := len(mounts) - 1; more > 0 {
		word += fmt.Sprintf(" +%d", more)
	}
	return word
}

// linksWord names the links a user opens; the api is there always and says nothing.
func linksWord(links []launch.Link) string {
	var words []string
	for _, l := range links {
		if l.Kind != launch.API {
			words = append(words, string(l.Kind))
		}
	}
	return strings.Join(words, " ")
}

// tilde writes the home as ~.
func (a *app) tilde(path string) string {
	home := a.machine().Home
	if path == home && home != "" {
		return "~"
	}
	if rest, ok := strings.CutPrefix(path, home+"/"); ok && home != "" {
		return "~/" + rest
	}
	return path
}

// filterKeys give the value that a filter looks at.
var filterKeys = map[string]func(launch.Status) string{
	"name":    func(s launch.Status) string { return s.Name },
	"state":   func(s launch.Status) string { return string(s.State) },
	"profile": func(s launch.Status) string { return s.Profile },
	"image":   func(s launch.Status) string { return s.Image },
	"project": func(s launch.Status) string { return s.Project },
	"network": func(s launch.Status) string { return strings.Join(joinedNetworks(s), " ") },
}

// parseFilters gives a test that wants every filter to hold: name, image and project as a part of the value, state and
// profile as the whole of it.
func parseFilters(filters []string) (func(launch.Status) bool, error) {
	type filter struct {
		of    func(launch.Status) string
		value string
		whole bool
	}
	var all []filter
	for _, text := range filters {
		key, value, ok := strings.Cut(text, "=")
		of := filterKeys[key]
		if !ok || of == nil {
			return nil, usage("name=, state=, profile=, image=, project= or network=", "--filter %s: no such filter", text)
		}
		all = append(all, filter{of, value, key == "state" || key == "profile"})
	}
	return func(s launch.Status) bool {
		for _, f := range all {
			got := f.of(s)
			if f.whole && got != f.value || !strings.Contains(got, f.value) {
				return false
			}
		}
		return true
	}, nil
}

func filtersState(filters []string) bool {
	return slices.ContainsFunc(filters, func(f string) bool { return strings.HasPrefix(f, "state=") })
}
