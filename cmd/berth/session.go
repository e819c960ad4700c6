package main

import (
	"context"
	"path/filepath"
	"strings"

	"berth/internal/build"
	"berth/internal/config"
	"berth/internal/engine"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/inside"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// session is what a command works with once an engine has answered.
type session struct {
	*launch.Launcher
	engine *engine.Engine
}

// connect opens the engine that the settings name, and the state folder.
func (a *app) connect(ctx context.Context, s *config.Settings, sink event.Sink) (*session, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	o := a.engineOptions(s)
	o.Filters = filepath.Join(store.Places().State, "filters")
	e, err := engine.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return &session{engine: e, Launcher: a.launcher(e, store, a.debugged(store, sink))}, nil
}

// attend is connect for the commands that look after sandboxes that are there: a project's file has no say in them.
func (a *app) attend(ctx context.Context) (*session, error) {
	s, err := a.ownSettings()
	if err != nil {
		return nil, err
	}
	return a.connect(ctx, s, a.print.Event)
}

// ownSettings reads every layer but the project's file.
func (a *app) ownSettings() (*config.Settings, error) {
	in := a.input()
	in.ProjectFile = ""
	return config.Load(in)
}

func (a *app) store() (*state.Store, error) {
	if a.kept != nil {
		return a.kept, nil
	}
	h := a.machine()
	places, err := state.Find(h.Env, h.Home)
	if err != nil {
		return nil, err
	}
	a.kept, err = state.Open(places, h.Hostname, h.UID)
	return a.kept, err
}

// engineOptions hands the user's choice of an engine on. What the docker command's own variables say is read by the
// engine itself, which then names them in its errors.
func (a *app) engineOptions(s *config.Settings) engine.Options {
	h := a.machine()
	o := engine.Options{Home: h.Home, UID: h.UID, Env: func(name string) (string, bool) { v, ok := h.Env[name]; return v, ok }}
	if s.Source("host").Name != "DOCKER_HOST" {
		o.Host = s.Host
	}
	if s.Source("context").Name != "DOCKER_CONTEXT" {
		o.Context = s.Context
	}
	return o
}

func (a *app) launcher(e launch.Runtime, store *state.Store, sink event.Sink) *launch.Launcher {
	return &launch.Launcher{
		Runtime: e, Reach: gateways{store: store, flags: a.engineFlags()}, Store: store, Host: a.machine(), Files: host.Disk{}, Sink: sink,
		Version: version, Names: ownImages(), PortFree: host.PortFree,
		Unpack: func(arch string) (string, error) {
			return inside.Unpack(filepath.Join(store.Places().Cache, "inside"), arch)
		},
		StarterKey:     func(arch string) (string, error) { return inside.StarterKey(arch, version) },
		Starter:        func(arch string) (launch.Archive, error) { return inside.StarterImage(arch, version) },
		PlainAddresses: a.plainAddresses,
	}
}

// ownImages are the images berth makes itself, by the names a user gives.
func ownImages() map[string]string {
	names := map[string]string{"starter": inside.StarterRef(version)}
	for _, r := range build.Recipes {
		names[string(r)] = r.Ref()
	}
	return names
}

// revived lists the sandboxes; gateways that died are started again first.
func (s *session) revived(ctx context.Context) ([]launch.Status, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]sandbox.Observed, len(list))
	for i, one := range list {
		all[i] = one.Observed
	}
	if !s.Revive(ctx, all) {
		return list, nil
	}
	return s.List(ctx)
}

// attendOne is attend for a command about one sandbox, which it picks.
func (a *app) attendOne(ctx context.Context, args []string) (*session, string, error) {
	s, err := a.attend(ctx)
	if err != nil {
		return nil, "", err
	}
	name, err := s.pick(ctx, args)
	return s, name, err
}

// pick gives the sandbox that args name, else that of the current folder, else the only one there is.
func (s *session) pick(ctx context.Context, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], state.CheckName(args[0])
	}
	all, err := s.List(ctx)
	if err != nil {
		return "", err
	}
	for _, one := range all {
		if one.Project == s.Host.Cwd {
			return one.Name, nil
		}
	}
	switch len(all) {
	case 0:
		return "", fault.New(fault.NotFound, "berth up", "there is no sandbox")
	case 1:
		return all[0].Name, nil
	}
	return "", usage("name one: "+strings.Join(names(all), ", "), "this folder has no sandbox, and there are %d", len(all))
}

// pickMany gives the sandboxes that args name, all of them, or the one pick finds.
func (s *session) pickMany(ctx context.Context, args []string, all bool) ([]string, error) {
	switch {
	case all && len(args) > 0:
		return nil, usage("leave one of them out", "--all %s: both say which sandboxes are meant", strings.Join(args, " "))
	case all:
		list, err := s.List(ctx)
		return names(list), err
	case len(args) == 0:
		one, err := s.pick(ctx, nil)
		return []string{one}, err
	}
	for _, name := range args {
		if err := state.CheckName(name); err != nil {
			return nil, err
		}
	}
	return args, nil
}

func names(all []launch.Status) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.Name)
	}
	return out
}

// running tells whether a state is one in which commands can be run inside.
func running(s sandbox.State) bool { return s == sandbox.Up || s == sandbox.Starting }
