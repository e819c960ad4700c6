package main

import (
	"context"
	"errors"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/tui"
)

// Launch carries the plan of e out. Removing what a cancelled launch made takes no grace in any case, so force has
// nothing to shorten.
func (b *backend) Launch(ctx context.Context, e tui.Edits, _ <-chan struct{}, emit event.Sink) error {
	q, question, err := b.request(e)
	if err == nil && question != nil {
		err = fault.New(fault.Usage, "read it, then: berth trust", "%s, and it has changed since it was read", question.Title)
	}
	if err != nil {
		return remedied(err)
	}
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	s = s.emitting(emit)
	s.Build = b.a.builder(s)
	result, err := s.Up(ctx, q, launch.UpOptions{Recreate: e[tui.EditRecreate] == "yes"})
	if err != nil {
		return remedied(err)
	}
	b.mu.Lock()
	b.mine[result.Status.Name] = b.mine[result.Status.Name] || !result.Already
	b.mu.Unlock()
	return nil
}

// actions are what the screen may do to a sandbox.
var actions = map[tui.Action]func(context.Context, *session, string) error{
	tui.DoStop: func(ctx context.Context, s *session, name string) error {
		return s.Stop(ctx, name, launch.StopOptions{})
	},
	tui.DoPause:  func(ctx context.Context, s *session, name string) error { return s.Pause(ctx, name) },
	tui.DoResume: func(ctx context.Context, s *session, name string) error { return s.Resume(ctx, name) },
	tui.DoRemove: func(ctx context.Context, s *session, name string) error { return s.Remove(ctx, name, true) },
	tui.DoStart:  func(ctx context.Context, s *session, name string) error { _, err := s.Start(ctx, name); return err },
	tui.DoRestart: func(ctx context.Context, s *session, name string) error {
		_, err := s.Restart(ctx, name, launch.StopOptions{})
		return err
	},
}

// Act does one thing to one sandbox.
func (b *backend) Act(ctx context.Context, do tui.Action, name string) error {
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	act, ok := actions[do]
	if !ok {
		return fault.New(fault.Usage, "", "%s: not for a sandbox", do)
	}
	return remedied(act(ctx, s, name))
}

// Foresee tells what an action takes away. Only removing takes anything.
func (b *backend) Foresee(ctx context.Context, do tui.Action, names []string) (tui.Outcome, error) {
	var out tui.Outcome
	s, err := b.session(ctx)
	if err != nil {
		return out, remedied(err)
	}
	for _, name := range names {
		removals, err := s.Removal(ctx, name)
		if err != nil {
			return out, remedied(err)
		}
		for _, r := range removals {
			switch what := b.named(r); {
			case r.Kept:
				out.Stays = append(out.Stays, what+" is untouched")
			case do == tui.DoRemove:
				out.Lost = append(out.Lost, what)
			default:
				out.Stays = append(out.Stays, what+" stays")
			}
		}
	}
	return out, nil
}

func (b *backend) named(r launch.Removal) string {
	switch r.Kind {
	case sandbox.ContainerObject, sandbox.NetworkObject, sandbox.VolumeObject:
		return string(r.Kind) + " " + r.Name
	}
	return b.a.tilde(r.Name)
}

// Allow lets a sandbox reach what a refusal offered.
func (b *backend) Allow(ctx context.Context, name, offer string, always bool) error {
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	return remedied(s.allow(ctx, name, offer, always))
}

// wayOut is a fault with ways out that the screen can take itself.
type wayOut struct {
	error
	ways []tui.Remedy
}

// Remedies gives the ways out.
func (w wayOut) Remedies() []tui.Remedy { return w.ways }

// Unwrap keeps kind and hint within reach.
func (w wayOut) Unwrap() error { return w.error }

// remedied adds to a fault what launching again with other edits can do about it.
func remedied(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var ways []tui.Remedy
	switch fault.KindOf(err) {
	case fault.Image:
		ways = []tui.Remedy{
			{Text: "use the workbench, built on this machine", Set: tui.Edits{tui.EditImage: "workbench"}},
			{Text: "use the starter, which is here in a second", Set: tui.Edits{tui.EditImage: "starter"}},
		}
	case fault.Conflict:
		if fault.HintOf(err) == "berth up --recreate" {
			ways = []tui.Remedy{{Text: "replace the sandbox, its home stays", Set: tui.Edits{tui.EditRecreate: "yes"}}}
		}
	}
	if ways == nil {
		if hint := fault.HintOf(err); hint != "" {
			ways = []tui.Remedy{{Text: hint}}
		}
	}
	return wayOut{err, ways}
}
