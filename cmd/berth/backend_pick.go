package main

import (
	"context"
	"slices"
	"strings"

	"berth/internal/agentserver"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/tui"
)

// Networks offers none yet: a sandbox has a bridge of its own and joins no other.
func (b *backend) Networks(context.Context, tui.Edits) (tui.NetworkList, error) {
	return tui.NetworkList{Why: "a sandbox of this version has a bridge of its own and joins no other network"}, nil
}

// Images offers berth's own images by name, those that are built or not, and every image that the engine has and that
// holds an agent server.
func (b *backend) Images(ctx context.Context, e tui.Edits) (tui.ImageList, error) {
	q, _, err := b.request(e)
	if err != nil {
		return tui.ImageList{}, remedied(err)
	}
	s, err := b.session(ctx)
	if err != nil {
		return tui.ImageList{}, remedied(err)
	}
	local, err := s.engine.Images(ctx)
	if err != nil {
		return tui.ImageList{}, remedied(err)
	}
	chosen, own := launch.ImageRef(q.Settings, ownImages()), ownImages()
	sizes := map[string]int64{}
	for _, image := range local {
		sizes[image.Ref] = image.Size
	}
	var out tui.ImageList
	for _, name := range append(recipeNames(), "starter") {
		image := tui.Image{Ref: name, Where: "built", Size: sizes[own[name]], Chosen: own[name] == chosen}
		if image.Size == 0 {
			image.Where, image.Can = "to build", []tui.Action{tui.DoBuild}
		}
		out.Images = append(out.Images, image)
	}
	for _, image := range local {
		if !s.servers(ctx, image) {
			continue
		}
		out.Images = append(out.Images, tui.Image{Ref: image.Ref, Where: "local", Size: image.Size, Chosen: image.Ref == chosen, Can: []tui.Action{tui.DoPull}})
	}
	if !slices.ContainsFunc(out.Images, func(i tui.Image) bool { return i.Chosen }) && chosen != "" {
		out.Images = append(out.Images, tui.Image{Ref: chosen, Where: "remote", Chosen: true, Can: []tui.Action{tui.DoPull}})
	}
	return out, nil
}

// servers tells whether an image of the engine, not made by berth, holds a server that berth can talk to.
func (s *session) servers(ctx context.Context, image sandbox.LocalImage) bool {
	if strings.HasPrefix(image.Ref, ownRepository) || strings.HasPrefix(image.Ref, "sha256:") {
		return false
	}
	whole, err := s.engine.Image(ctx, image.Ref)
	return err == nil && agentserver.Detect(whole.Labels, whole.Entrypoint, whole.Cmd) != agentserver.Plain
}

// Prepare builds or pulls an image for the picker.
func (b *backend) Prepare(ctx context.Context, do tui.Action, image string, emit event.Sink) error {
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	s = s.emitting(emit)
	switch do {
	case tui.DoBuild:
		_, err = b.a.makeImage(ctx, s, image, buildFlags{})
	case tui.DoPull:
		_, err = s.Runtime.Pull(ctx, image, "", emit)
	default:
		err = fault.New(fault.Usage, "", "%s: not for an image", do)
	}
	return remedied(err)
}
