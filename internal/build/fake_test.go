package build

import (
	"context"
	"errors"
	"io"
	"sync"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// fakeEngine is a Builder that remembers what it was asked for.
type fakeEngine struct {
	mu     sync.Mutex
	images map[string]sandbox.LocalImage
	pulls  func(ctx context.Context) error
	builds func(ctx context.Context, b sandbox.Build, line func(string)) error
	asked  []string
	args   map[string]map[string]string
	tidied map[string]string
}

func (e *fakeEngine) Image(_ context.Context, ref string) (sandbox.LocalImage, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	image, there := e.images[ref]
	if !there {
		return image, fault.New(fault.Image, "", "%s: the engine does not have this image", ref)
	}
	return image, nil
}

func (e *fakeEngine) Pull(ctx context.Context, ref, _ string, sink event.Sink) (sandbox.LocalImage, error) {
	if e.pulls == nil {
		return sandbox.LocalImage{}, errors.New("no such host")
	}
	sink(event.Event{Stage: event.Progress})
	return sandbox.LocalImage{}, e.pulls(ctx)
}

func (e *fakeEngine) Build(ctx context.Context, context io.ReadSeeker, b sandbox.Build, line func(string)) error {
	if _, err := io.Copy(io.Discard, context); err != nil {
		return err
	}
	if e.builds != nil {
		if err := e.builds(ctx, b, line); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, b.Ref)
	if e.args == nil {
		e.args = map[string]map[string]string{}
	}
	e.args[b.Ref] = b.Args
	e.images[b.Ref] = local("sha256:new", b.Labels)
	return nil
}

func (e *fakeEngine) Import(context.Context, io.Reader, string, map[string]string) error {
	return errors.New("not asked for here")
}

func (e *fakeEngine) Tidy(_ context.Context, labels map[string]string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tidied = labels
	return nil
}

func local(id string, labels map[string]string) sandbox.LocalImage {
	image := sandbox.LocalImage{Labels: labels}
	image.ID = id
	return image
}

// withBase is an engine that has a base image and nothing else.
func withBase() *fakeEngine {
	return &fakeEngine{images: map[string]sandbox.LocalImage{public: local("sha256:base", nil)}}
}

type record struct {
	mu     sync.Mutex
	events []event.Event
}

func (r *record) sink(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// of gives the texts of a step's events at a stage.
func (r *record) of(step string, stage event.Stage) []string {
	var out []string
	for _, e := range r.events {
		if e.Step == step && e.Stage == stage {
			out = append(out, e.Text+e.Error)
		}
	}
	return out
}
