package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/report"
	"berth/internal/sandbox"
)

// inspectFlags say in whose words a sandbox is described.
type inspectFlags struct {
	spec, raw, secrets bool
}

func (a *app) inspectCommand() *cobra.Command {
	var o inspectFlags
	c := &cobra.Command{
		Use:   "inspect [NAME]",
		Short: "Say all that berth knows of a sandbox",
		Example: `  berth inspect shop
  berth inspect shop --spec              what it is made from
  berth inspect shop --raw               the engine's own words`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(cmd.Context(), args, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&o.spec, "spec", false, "the Spec alone, as JSON")
	f.BoolVar(&o.raw, "raw", false, "what the engine answers, as JSON")
	f.BoolVar(&o.secrets, "show-secrets", false, "do not hide the keys")
	return c
}

func (a *app) inspect(ctx context.Context, args []string, o inspectFlags) error {
	if o.spec && o.raw {
		return usage("leave one of them out", "--spec --raw: both say in whose words")
	}
	s, name, err := a.attendOne(ctx, args)
	if err != nil {
		return err
	}
	status, err := s.Status(ctx, name)
	if err != nil {
		return err
	}
	secrets := s.secretNames(status)
	if o.secrets {
		secrets = nil
	}
	switch {
	case o.raw:
		return a.printRaw(ctx, s, status, secrets)
	case o.spec:
		return a.print.Object("spec", masked(status.Observed.Spec, secrets))
	case a.global.json:
		return a.print.Object("inspect", struct {
			listed
			ID   string       `json:"id"`
			Spec sandbox.Spec `json:"spec"`
		}{listedOf(status), status.Observed.ID, masked(status.Observed.Spec, secrets)})
	}
	a.print.Lines(a.inspectLines(s, status, time.Now())...)
	if o.secrets {
		return a.printKeys(s, name)
	}
	return nil
}

// secretNames are the variables of a sandbox whose values are nobody's business. Where its plan is gone nobody knows
// which the user gave, so that all are hidden.
func (s *session) secretNames(status launch.Status) map[string]bool {
	out := map[string]bool{"SESSION_API_KEY": true, "OH_SESSION_API_KEYS_0": true, "OH_SECRET_KEY": true}
	p, err := s.Kept(status.Name)
	if err != nil {
		for _, e := range status.Observed.Spec.Env {
			out[e.Name] = true
		}
		return out
	}
	for _, e := range p.Spec.Env {
		out[e.Name] = out[e.Name] || e.Secret
	}
	return out
}

// masked hides the values of the named variables.
func masked(s sandbox.Spec, secrets map[string]bool) sandbox.Spec {
	env := slices.Clone(s.Env)
	for i := range env {
		if secrets[env[i].Name] && env[i].Value != "" {
			env[i].Value = "****"
		}
	}
	s.Env = env
	return s
}

// printRaw prints the engine's answer, indented, with the values of secret variables hidden.
func (a *app) printRaw(ctx context.Context, s *session, status launch.Status, secrets map[string]bool) error {
	answer, err := s.engine.Raw(ctx, status.Observed.ID)
	if err != nil {
		return err
	}
	var tree map[string]any
	if err := json.Unmarshal(answer, &tree); err != nil {
		return fault.New(fault.Engine, "", "%s: the engine answers nonsense: %w", status.Name, err)
	}
	if c, ok := tree["Config"].(map[string]any); ok {
		env, _ := c["Env"].([]any)
		for i := range env {
			pair, _ := env[i].(string)
			if name, _, ok := strings.Cut(pair, "="); ok && secrets[name] {
				env[i] = name + "=****"
			}
		}
	}
	text, err := json.MarshalIndent(tree, "", "  ")
	a.print.Lines(string(text))
	return err
}

// inspectLines says what a sandbox is, one thing a line.
func (a *app) inspectLines(s *session, status launch.Status, now time.Time) []string {
	spec := status.Observed.Spec
	lines := []string{status.Name + "  " + inspectState(status, now)}
	if status.Posture != "" {
		lines = append(lines, status.Posture)
	}
	add := func(name, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %-8s %s", name, fmt.Sprintf(format, args...)))
	}
	add("image", "%s, %.12s", status.Image, strings.TrimPrefix(spec.Image.ID, "sha256:"))
	add("id", "%.12s", status.Observed.ID)
	add("project", "%s", cmp.Or(status.Project, "-"))
	add("user", "%s", spec.Process.User)
	origins := s.origins(status.Name)
	for _, m := range status.Mounts {
		add("mount", "%s%s", mountLine(m), origins[m.Target])
	}
	if spec.Network.Mode != "" {
		add("network", "%s", networkLine(spec.Network))
	}
	for _, l := range status.Links {
		add("link", "%s at %s, this machine only", l.Kind, l.At)
	}
	add("limits", "%s", limitLine(spec.Limits))
	if p, err := s.Kept(status.Name); err == nil {
		for _, g := range p.GiveUp {
			add("given up", "%s, %s", g, cmp.Or(g.Source, "by you"))
		}
	}
	return lines
}

// origins says for each mount where it was asked for.
func (s *session) origins(name string) map[string]string {
	out := map[string]string{}
	if p, err := s.Kept(name); err == nil {
		for _, m := range p.Mounts {
			out[m.Target] = "  from " + m.Origin.String()
		}
	}
	return out
}

func inspectState(s launch.Status, now time.Time) string {
	switch s.State {
	case sandbox.Stopped:
		line := fmt.Sprintf("stopped %s ago with code %d", report.Age(now.Sub(s.Observed.Ended)), s.ExitCode)
		if s.Observed.OOMKilled {
			line += ", out of memory"
		}
		return line
	case sandbox.Up, sandbox.Starting, sandbox.Paused:
		return string(s.State) + ", started " + report.Age(now.Sub(s.Started)) + " ago"
	}
	return string(s.State)
}

func mountLine(m sandbox.Mount) string {
	mode := "rw"
	if m.ReadOnly {
		mode = "ro"
	}
	return m.Source + " -> " + m.Target + " " + mode
}

func networkLine(n sandbox.Network) string {
	words := []string{n.Mode}
	for _, at := range n.Attached {
		if at.Name != n.Mode {
			words = append(words, at.Name)
		}
	}
	return strings.Join(words, ", ")
}

func limitLine(l sandbox.Limits) string {
	return fmt.Sprintf("memory %s, cpus %g, processes %d, /dev/shm %s", report.Memory(l.Memory), float64(l.NanoCPUs)/1e9, l.Pids, report.Memory(l.Shm))
}

// printKeys prints the keys of a sandbox, which only --show-secrets asks for.
func (a *app) printKeys(s *session, name string) error {
	record, err := s.Store.Record(name)
	if err != nil {
		return err
	}
	a.print.Lines("  key      " + record.Keys.Session.Reveal())
	return nil
}
