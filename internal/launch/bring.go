package launch

import (
	"context"
	"io"
	"strings"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// withImage brings the image that a plan lacks and plans again, now that it can be looked at.
func (l *Launcher) withImage(ctx context.Context, q Request, p *Plan) (*Plan, state.Record, sandbox.Observation, error) {
	r := &run{Launcher: l, plan: p}
	first := p.Steps[0]
	begun := time.Now()
	r.emit(event.Event{Step: string(first.Kind), Stage: event.Begin, Text: first.Text})
	err := l.bring(ctx, p, first.Kind)
	if err != nil {
		r.emit(event.Event{Step: string(first.Kind), Stage: event.Failed, Text: first.Text, Error: err.Error(), Elapsed: time.Since(begun)})
		return nil, state.Record{}, sandbox.Observation{}, err
	}
	r.emit(event.Event{Step: string(first.Kind), Stage: event.Done, Text: first.Text, Elapsed: time.Since(begun)})
	observed, err := l.Runtime.Observe(ctx, p.Spec.Image.Ref)
	if err != nil {
		return nil, state.Record{}, observed, err
	}
	plan, record, err := l.plan(q, observed)
	if err == nil && plan.NeedsImage() {
		err = fault.New(fault.Image, "berth image ls", "%s: the engine does not have it, although it was brought", p.Spec.Image.Ref)
	}
	return plan, record, observed, err
}

func (l *Launcher) bring(ctx context.Context, p *Plan, kind StepKind) error {
	ref := p.Spec.Image.Ref
	if kind == StepLoad {
		return l.loadStarter(ctx, strings.TrimPrefix(p.Spec.Image.Platform, "linux/"))
	}
	if name := ownName(l.Names, ref); name != "" && l.Build == nil {
		return fault.New(fault.Image, "berth build "+name, "%s: it is not built yet", name)
	} else if name != "" {
		return l.Build(ctx, name, l.named(p.Spec.Name))
	}
	_, err := l.Runtime.Pull(ctx, ref, "", l.named(p.Spec.Name))
	return err
}

// loadStarter puts berth's own image into the engine.
func (l *Launcher) loadStarter(ctx context.Context, arch string) error {
	archive, err := l.Starter(arch)
	if err != nil {
		return err
	}
	in, out := io.Pipe()
	go func() {
		_, err := archive.WriteTo(out)
		out.CloseWithError(err)
	}()
	defer in.Close() //nolint:errcheck // ends the writer
	return l.Runtime.Load(ctx, in)
}

// named gives a sink that says whose events they are.
func (l *Launcher) named(name string) event.Sink {
	return func(e event.Event) {
		e.Sandbox = name
		l.Sink(e)
	}
}
