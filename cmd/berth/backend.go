package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"berth/hardening"
	"berth/internal/config"
	"berth/internal/event"
	"berth/internal/launch"
	"berth/tui"
)

// backend is what the screen asks; it joins configuration, launcher and engine. The engine is looked for on first use
// and again after a failure, so that the first frame waits for nothing and a screen survives an engine's restart.
type backend struct {
	a *app

	mu   sync.Mutex
	s    *session
	name string          // the engine, "docker 28.5"
	mine map[string]bool // sandboxes started from this screen
	read [32]byte        // the project file whose wishes were shown last

	tell     func(tui.News)  // who watches, nil when nobody does
	watching context.Context // how long
	attended map[string]bool // sandboxes whose gateways are listened to
}

var _ tui.Backend = (*backend)(nil)

func newBackend(a *app) *backend {
	return &backend{a: a, mine: map[string]bool{}, attended: map[string]bool{}}
}

// session gives the engine, opened at most once while it answers.
func (b *backend) session(ctx context.Context) (*session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.s != nil {
		return b.s, nil
	}
	settings, err := b.a.ownSettings()
	if err != nil {
		return nil, err
	}
	s, err := b.a.connect(ctx, settings, func(event.Event) {})
	if err != nil {
		return nil, err
	}
	b.s = s
	return s, nil
}

// emitting gives a session whose events go to emit.
func (s *session) emitting(emit event.Sink) *session {
	l := *s.Launcher
	l.Sink = emit
	return &session{Launcher: &l, engine: s.engine}
}

// engineName gives "docker 20.10", asked once.
func (b *backend) engineName(ctx context.Context, s *session) string {
	b.mu.Lock()
	name := b.name
	b.mu.Unlock()
	if name != "" {
		return name
	}
	about, err := s.engine.Describe(ctx)
	if err != nil {
		return ""
	}
	kind, _, _ := strings.Cut(string(about.Kind), "-")
	parts := strings.SplitN(about.Version, ".", 3)
	name = kind + " " + strings.Join(parts[:min(2, len(parts))], ".")
	b.mu.Lock()
	b.name = name
	b.mu.Unlock()
	return name
}

// notKeys are edits that are no keys of the configuration.
var notKeys = []string{tui.EditName, tui.EditRecreate, tui.EditTrust, tui.EditConfig}

// edited gives the edits as a layer above the flags.
func edited(e tui.Edits) []config.Flag {
	var out []config.Flag
	for _, key := range slices.Sorted(maps.Keys(e)) {
		if !slices.Contains(notKeys, key) && e[key] != "" {
			out = append(out, config.Flag{Key: key, Name: key + ", chosen here", Values: []string{e[key]}, Replaces: true})
		}
	}
	return out
}

// settings reads every layer with the edits on top. A project file that wants more than it may have becomes a question;
// until it is answered with yes, the settings are those without it.
func (b *backend) settings(e tui.Edits) (*config.Settings, *tui.Question, error) {
	in := b.a.input(edited(e)...)
	s, err := config.Load(in)
	var untrusted *config.UntrustedError
	if !errors.As(err, &untrusted) {
		return s, nil, err
	}
	if e[tui.EditTrust] == "yes" && b.wasShown(untrusted.Sum) {
		store, err := b.a.store()
		if err != nil {
			return nil, nil, err
		}
		if err := store.Trust(untrusted.Path, untrusted.Sum); err != nil {
			return nil, nil, err
		}
		s, err = config.Load(in)
		return s, nil, err
	}
	in.ProjectFile = ""
	s, err = config.Load(in)
	if e[tui.EditTrust] == "no" {
		return s, nil, err
	}
	q := &tui.Question{Key: tui.EditTrust, Title: untrusted.Shown + " asks for more than it may have", Yes: "trust it", No: "leave it out"}
	for _, w := range untrusted.Gives {
		q.Lines = append(q.Lines, w.String())
	}
	b.mu.Lock()
	b.read = untrusted.Sum
	b.mu.Unlock()
	return s, q, err
}

// wasShown tells whether this is the file that the user said yes to: a sandbox may have written another since.
func (b *backend) wasShown(sum [32]byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read == sum
}

func (b *backend) request(e tui.Edits) (launch.Request, *tui.Question, error) {
	s, q, err := b.settings(e)
	return launch.Request{Name: e[tui.EditName], Project: b.a.machine().Cwd, Settings: s}, q, err
}

// Plan shows what the configuration alone tells, then the whole plan once the engine has answered.
func (b *backend) Plan(ctx context.Context, e tui.Edits, show func(tui.Plan)) error {
	q, question, err := b.request(e)
	if err != nil {
		return remedied(err)
	}
	show(b.sketch(q, question))
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	p, err := s.Plan(ctx, q)
	if err != nil {
		return remedied(err)
	}
	out := tui.Plan{
		Ready: true, Sandbox: p.Spec.Name, Engine: b.engineName(ctx, s), Text: p.String(), Profile: string(p.Profile), Profiles: profiles(),
		Warnings: strings.Count(p.String(), "\n  warning "), Rules: ruleLines(p.Findings), Question: question,
		Can: []string{tui.EditImage, tui.EditNetworks, tui.EditConfig},
	}
	for _, step := range p.Steps {
		out.Steps = append(out.Steps, tui.Step{Kind: string(step.Kind), Text: step.Text})
	}
	if now, err := s.Status(ctx, p.Spec.Name); err == nil {
		out.Running = running(now.State)
	}
	show(out)
	return nil
}

func profiles() []string {
	var out []string
	for _, p := range hardening.Profiles() {
		out = append(out, string(p))
	}
	return out
}

// sketch is the plan before the engine is asked.
func (b *backend) sketch(q launch.Request, question *tui.Question) tui.Plan {
	name := q.Name
	if store, err := b.a.store(); err == nil && name == "" {
		name, _ = (&launch.Launcher{Store: store}).Name(q) // without a name the title has none yet
	}
	text := "sandbox " + name + ", profile " + q.Settings.Profile + "\n"
	if ref := launch.ImageRef(q.Settings, ownImages()); ref != "" {
		text += "  image   " + ref + "\n"
	}
	for _, v := range q.Settings.Volumes {
		text += "  mount   " + v.Text + "\n"
	}
	return tui.Plan{Sandbox: name, Text: text, Profile: q.Settings.Profile, Question: question, Can: []string{tui.EditImage, tui.EditNetworks, tui.EditConfig}}
}

// findingMarks are the marks of the screen for how a rule stands.
var findingMarks = map[hardening.State]tui.Mark{
	hardening.Held: tui.Holds, hardening.Failed: tui.Fails, hardening.Unknown: tui.Fails,
	hardening.GivenUp: tui.Warns, hardening.Unsupported: tui.Warns,
}

// ruleLines gives each rule with its reason, those that do not hold first.
func ruleLines(findings []hardening.Finding) []tui.Line {
	var out []tui.Line
	for _, f := range byGravity(findings) {
		line := tui.Line{Mark: findingMarks[f.State], Name: f.Rule, Text: f.Why, Fix: f.Fix, Evidence: []string{"wanted: " + f.Wanted, "found: " + f.Observed}}
		if f.State != hardening.Held {
			line.Text = evidence(f)
		}
		out = append(out, line)
	}
	return out
}
