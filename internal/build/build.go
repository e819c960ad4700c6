// Package build carries out the recipe of an image on the user's engine: base, parts side by side, the image; it draws nothing.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Builder is what a build asks of an engine. Failures are *fault.Faults of a fitting kind, save where said.
type Builder interface {
	// Image describes an image the engine has; kind Image when it has none of this name.
	Image(ctx context.Context, ref string) (sandbox.LocalImage, error)
	// Pull fetches ref for a platform ("" is the engine's).
	Pull(ctx context.Context, ref, platform string, sink event.Sink) (sandbox.LocalImage, error)
	// Build makes an image from a context in tar form and hands on the builder's output, line by line.
	// A step that fails is a *sandbox.StepError.
	Build(ctx context.Context, tar io.ReadSeeker, b sandbox.Build, line func(string)) error
	// Import makes an image of one layer from a file system in tar form.
	Import(ctx context.Context, tar io.Reader, ref string, labels map[string]string) error
	// Tidy removes images with these labels that have no name, are in no use and nothing is built upon.
	Tidy(ctx context.Context, labels map[string]string) error
}

// Request is one build.
type Request struct {
	Recipe  Recipe
	Survey  func(context.Context) Setting // asks this machine about package sources; only when something is built
	Run     Command                       // runs debootstrap where no base image can be had
	Root    bool                          // the process is root: no sudo is needed for debootstrap
	Log     io.Writer                     // takes every line of every stage
	LogName string                        // where Log goes, for messages
	NoCache bool                          // build every step again
	Refresh bool                          // take Debian's packages as they are today; all else is pinned
}

// Result is what a build left.
type Result struct {
	Ref    string // the image by name
	ID     string
	Cached bool // it was there, nothing ran
	Took   time.Duration
}

// Run makes the image of a recipe unless the engine has it. Parts that are finished stay: a second run goes on there.
// It ends with a fault of kind Image that names stage, step and cause; the last lines go to the sink before.
func Run(ctx context.Context, b Builder, r Request, sink event.Sink) (Result, error) {
	began := time.Now()
	if !r.NoCache && !r.Refresh {
		built, err := Built(ctx, b, r.Recipe)
		if err != nil {
			return Result{}, err
		}
		if built {
			return r.result(ctx, b, true, began)
		}
	}
	w := &work{builder: b, request: r, sink: sink}
	w.survey(ctx)
	base, err := w.base(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := w.parts(ctx, base); err != nil {
		return Result{}, err
	}
	if err := w.last(ctx); err != nil {
		return Result{}, err
	}
	if err := b.Tidy(ctx, map[string]string{kindLabel: stageKind}); err != nil {
		w.log("final", err.Error()) // what is left takes room and does no harm
	}
	return r.result(ctx, b, false, began)
}

func (r Request) result(ctx context.Context, b Builder, cached bool, began time.Time) (Result, error) {
	image, err := b.Image(ctx, r.Recipe.Ref())
	return Result{Ref: r.Recipe.Ref(), ID: image.ID, Cached: cached, Took: time.Since(began)}, err
}

// Built says whether the engine has the image of a recipe, made from exactly these files.
func Built(ctx context.Context, b Builder, r Recipe) (bool, error) {
	return has(ctx, b, r.Ref(), r.Key())
}

// has says whether there is an image of this name that was made from files of this key; "" takes any.
func has(ctx context.Context, b Builder, ref, key string) (bool, error) {
	found, err := b.Image(ctx, ref)
	switch {
	case err == nil:
		return key == "" || found.Labels[keyLabel] == key, nil
	case fault.KindOf(err) == fault.Image:
		return false, nil
	}
	return false, err
}

// Stage is one line of a build's plan.
type Stage struct {
	Step string // as its events call it
	Ref  string // the image it makes
	Kept bool   // it is there, made from exactly these files
}

// Plan says what Run would do, without doing it. Where all is kept, nothing runs.
func Plan(ctx context.Context, b Builder, r Recipe) ([]Stage, error) {
	var out []Stage
	for _, p := range r.parts() {
		kept, err := has(ctx, b, p.ref(), p.key())
		if err != nil {
			return nil, err
		}
		out = append(out, Stage{Step: stepName(p.name), Ref: p.ref(), Kept: kept})
	}
	built, err := Built(ctx, b, r)
	return append(out, Stage{Step: stepName("final"), Ref: r.Ref(), Kept: built}), err
}

// work is one build under way.
type work struct {
	builder Builder
	request Request
	setting Setting
	sink    event.Sink
	logging sync.Mutex
}

func (w *work) survey(ctx context.Context) {
	if w.request.Survey != nil {
		w.setting = w.request.Survey(ctx)
	}
	for _, name := range w.setting.unreachable() {
		w.emit("base", event.Event{Stage: event.Warning, Text: name + " names this machine's loopback, which builds cannot reach"})
	}
}

// parts builds the slow stages side by side; the first that fails ends the others.
func (w *work) parts(ctx context.Context, base string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, p := range w.request.Recipe.parts() {
		all.Go(func() {
			if err := w.part(ctx, p, base); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

func (w *work) part(ctx context.Context, p part, base string) error {
	again := w.request.NoCache || w.request.Refresh && p.moves
	if !again {
		kept, err := has(ctx, w.builder, p.ref(), p.key())
		if err != nil {
			return err
		}
		if kept {
			w.emit(p.name, event.Event{Stage: event.Done, Text: titles[p.name] + ": kept from an earlier build"})
			return nil
		}
	}
	return w.stage(ctx, p.name, sandbox.Build{
		Ref:     p.ref(),
		Target:  p.target,
		Args:    w.args(map[string]string{"BASE": base}),
		Labels:  map[string]string{keyLabel: p.key(), kindLabel: partKind},
		NoCache: again,
	})
}

func (w *work) last(ctx context.Context) error {
	args := map[string]string{}
	for _, p := range w.request.Recipe.parts() {
		args[p.arg] = p.ref()
	}
	return w.stage(ctx, "final", sandbox.Build{
		Ref:     w.request.Recipe.Ref(),
		Target:  w.request.Recipe.target(),
		Args:    w.args(args),
		Labels:  map[string]string{keyLabel: w.request.Recipe.Key()},
		NoCache: w.request.NoCache,
	})
}

// args adds the proxies, which Docker keeps out of the image's history.
func (w *work) args(own map[string]string) map[string]string {
	for name, value := range w.setting.Proxies {
		own[name] = value
	}
	return own
}

// silence is how long a step may say nothing. It bounds a step that hangs and not one on a slow machine.
const silence = 15 * time.Minute

var errSilent = errors.New("silent")

// stage builds one folder of the recipe and reports it.
func (w *work) stage(ctx context.Context, name string, b sandbox.Build) error {
	tar, err := pack(name, w.setting.files())
	if err != nil {
		return err
	}
	p := w.progress(name)
	patient, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	quiet := time.AfterFunc(silence, func() { giveUp(errSilent) })
	defer quiet.Stop()
	err = w.builder.Build(patient, tar, b, func(line string) {
		quiet.Reset(silence)
		p.line(line)
	})
	var step *sandbox.StepError
	switch {
	case err == nil:
		p.done()
		return nil
	case errors.Is(context.Cause(patient), errSilent):
		err = p.failure(&sandbox.StepError{Text: fmt.Sprintf("nothing was heard of it for %s", silence)}, w.request)
	case ctx.Err() != nil:
		p.note(titles[name] + ": stopped")
		return context.Cause(ctx)
	case errors.As(err, &step):
		err = p.failure(step, w.request)
	}
	p.failed(err)
	return err
}
