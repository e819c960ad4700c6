package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/agentserver"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/tui"
)

// Networks offers what the engine has, with who is on each, what joining it opens, and which are asked for already.
func (b *backend) Networks(ctx context.Context, e tui.Edits) (tui.NetworkList, error) {
	q, _, err := b.request(e)
	if err != nil {
		return tui.NetworkList{}, remedied(err)
	}
	s, err := b.session(ctx)
	if err != nil {
		return tui.NetworkList{}, remedied(err)
	}
	n, err := s.Networks(ctx, q)
	if err != nil {
		return tui.NetworkList{}, remedied(err)
	}
	chosen := map[string]bool{}
	for _, name := range q.Settings.AdditionalNetworks {
		if j, err := n.Resolve(name); err == nil { // the plan says what is wrong with a name
			chosen[j.ID] = true
		}
	}
	var out tui.NetworkList
	for _, j := range n.All() {
		out.Networks = append(out.Networks, tui.Network{
			Name: j.Name, About: j.About(), Members: memberNames(j), Opens: j.Opening.Short, Refused: refused(j),
			Chosen: chosen[j.ID], Relay: relayable(j), Value: networkWord(j, n),
		})
	}
	slices.SortStableFunc(out.Networks, func(a, b tui.Network) int { return cmp.Compare(min(len(a.Refused), 1), min(len(b.Refused), 1)) })
	return out, nil
}

// memberNames are short: a row has no room for ports.
func memberNames(j launch.Joined) string {
	var names []string
	for _, p := range j.Peers {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// relayable is the first service of a network that a relay could reach; "" for none.
func relayable(j launch.Joined) string {
	for _, p := range j.Peers {
		if len(p.Ports) > 0 && p.Host() && j.Refused == nil {
			return fmt.Sprintf("%s:%d", p.Name, p.Ports[0])
		}
	}
	return ""
}

// networkWord is what a list of names must say to mean this network: its name, in quotes where it would be read as
// more than one, or its ID where another has the same name.
func networkWord(j launch.Joined, n launch.Networks) string {
	if found, err := n.Resolve(j.Name); err == nil && found.ID != j.ID || err != nil && j.Refused == nil {
		return j.ID
	}
	if strings.ContainsAny(j.Name, ",\"'[](){}\n\\") || strings.TrimSpace(j.Name) != j.Name {
		return strconv.Quote(j.Name)
	}
	return j.Name
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
