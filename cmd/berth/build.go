package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/build"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/inside"
	"berth/internal/report"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// buildFlags say how much of an image is made anew.
type buildFlags struct {
	plan, noCache, refresh bool
}

func (a *app) buildCommand() *cobra.Command {
	var o buildFlags
	c := &cobra.Command{
		Use:   "build [NAME]",
		Short: "Build an image on this machine: workbench, workbench-slim, starter",
		Long: "build makes an image from packages, step by step, and keeps what has not changed. workbench is the\n" +
			"agent server with VS Code and a desktop, workbench-slim the same without the desktop. Without a name\n" +
			"it is workbench.",
		Example: `  berth build workbench
  berth build --plan workbench           the steps, and whether it is built already`,
		Args:      between(0, 1),
		ValidArgs: []string{"workbench", "workbench-slim", "starter"},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "workbench"
			if len(args) > 0 {
				name = args[0]
			}
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			return a.build(cmd.Context(), s, name, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&o.plan, "plan", false, "print the steps and do nothing")
	f.BoolVar(&o.noCache, "no-cache", false, "build every step again")
	f.BoolVar(&o.refresh, "refresh", false, "ask for newer packages of the system")
	return c
}

// build makes an image and says so, or what it would do.
func (a *app) build(ctx context.Context, s *session, name string, o buildFlags) error {
	if recipe, ok := build.Find(name); ok && o.plan {
		return a.buildPlan(ctx, s, recipe)
	}
	if o.plan && name == starter {
		a.print.Lines("starter is berth's own program and nothing else: "+inside.StarterRef(version), "  load")
		return nil
	}
	result, err := a.makeImage(ctx, s, name, o)
	if err != nil {
		return err
	}
	return a.printBuilt(name, result)
}

// starter is the image that is berth's own program.
const starter = "starter"

// makeImage builds one of berth's own images, or finds it built.
func (a *app) makeImage(ctx context.Context, s *session, name string, o buildFlags) (build.Result, error) {
	recipe, ok := build.Find(name)
	switch {
	case name == starter:
		return loadStarter(ctx, s, o)
	case !ok:
		hint := "workbench, workbench-slim or starter"
		if near := fault.Nearest(name, append(recipeNames(), starter)); near != "" {
			hint = "did you mean " + near + "?"
		}
		return build.Result{}, usage(hint, "%s: berth knows no such image to build", name)
	}
	lock, err := s.Store.TryLock(state.Build, string(recipe), "build")
	if err != nil {
		return build.Result{}, err
	}
	defer lock.Unlock() //nolint:errcheck // a lock ends with its process
	log, err := s.Store.Create(state.BuildLogs, string(recipe)+"-"+time.Now().UTC().Format("20060102-150405")+".log")
	if err != nil {
		return build.Result{}, err
	}
	defer log.Close() //nolint:errcheck // the log is a help, not the result
	h := a.machine()
	return build.Run(ctx, s.engine, build.Request{
		Recipe: recipe, Run: build.Exec, Root: h.UID == 0,
		Survey: func(ctx context.Context) build.Setting { return build.Survey(ctx, h.Env, build.Exec, os.ReadFile) },
		Log:    log, LogName: a.tilde(log.Name()), NoCache: o.noCache, Refresh: o.refresh,
	}, s.Sink)
}

func recipeNames() []string {
	var names []string
	for _, r := range build.Recipes {
		names = append(names, string(r))
	}
	return names
}

func (a *app) printBuilt(name string, r build.Result) error {
	if a.global.json {
		return a.print.Object("build", struct {
			Name    string  `json:"name"`
			Ref     string  `json:"ref"`
			ID      string  `json:"id"`
			Cached  bool    `json:"cached"`
			Seconds float64 `json:"seconds"`
		}{name, r.Ref, r.ID, r.Cached, r.Took.Seconds()})
	}
	line := name + " is built in " + report.Duration(r.Took) + ": " + r.Ref
	if r.Cached {
		line = name + " is built already: " + r.Ref
	}
	a.print.Lines(line, "  use      berth up --image "+name)
	return nil
}

// buildPlan says which steps would run and which are kept.
func (a *app) buildPlan(ctx context.Context, s *session, recipe build.Recipe) error {
	stages, err := build.Plan(ctx, s.engine, recipe)
	if err != nil {
		return err
	}
	if !a.global.json {
		for _, one := range stages {
			word := "build"
			if one.Kept {
				word = "kept "
			}
			a.print.Lines(word + "  " + one.Step + "  " + one.Ref)
		}
		return nil
	}
	type stage struct {
		Step string `json:"step"`
		Ref  string `json:"ref"`
		Kept bool   `json:"kept"`
	}
	out := struct {
		Name   string  `json:"name"`
		Ref    string  `json:"ref"`
		Stages []stage `json:"stages"`
	}{Name: string(recipe), Ref: recipe.Ref()}
	for _, one := range stages {
		out.Stages = append(out.Stages, stage(one))
	}
	return a.print.Object("build-plan", out)
}

// loadStarter puts berth's own image into the engine, unless it is there.
func loadStarter(ctx context.Context, s *session, o buildFlags) (build.Result, error) {
	began := time.Now()
	about, err := s.engine.Describe(ctx)
	if err != nil {
		return build.Result{}, err
	}
	archive, err := inside.StarterImage(about.Arch, version)
	if err != nil {
		return build.Result{}, err
	}
	have, err := s.engine.Image(ctx, archive.Ref)
	if err == nil && have.Labels[sandbox.LabelKey] == archive.Key && !o.noCache {
		return build.Result{Ref: archive.Ref, ID: have.ID, Cached: true}, nil
	}
	s.Sink(event.Event{Time: began.UTC(), Step: "load", Stage: event.Begin, Text: archive.Ref})
	stream := streamed(archive)
	defer stream.Close() //nolint:errcheck // ends the writer
	if err := s.engine.Load(ctx, stream); err != nil {
		return build.Result{}, err
	}
	s.Sink(event.Event{Time: time.Now().UTC(), Step: "load", Stage: event.Done, Text: archive.Ref, Elapsed: time.Since(began)})
	return build.Result{Ref: archive.Ref, ID: archive.ID, Took: time.Since(began)}, nil
}
