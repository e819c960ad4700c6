package launch

import (
	"context"
	"slices"
	"time"

	"berth/internal/agentserver"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// List gives every sandbox of this user, by name, as the engine has it now.
func (l *Launcher) List(ctx context.Context) ([]Status, error) {
	all, err := l.Runtime.Sandboxes(ctx)
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, o := range all {
		if !l.ours(o) || o.Helper() {
			continue
		}
		record, err := l.Store.Record(o.Spec.Name)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return nil, err
		}
		out = append(out, l.status(o, record))
	}
	return out, nil
}

// Status gives one sandbox; kind NotFound when there is none of that name.
func (l *Launcher) Status(ctx context.Context, name string) (Status, error) {
	o, err := l.find(ctx, name)
	if err != nil {
		return Status{}, err
	}
	record, err := l.Store.Record(name)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Status{}, err
	}
	return l.status(o, record), nil
}

func (l *Launcher) status(o sandbox.Observed, r state.Record) Status {
	s := Status{
		Name: o.Spec.Name, State: o.State, Profile: o.Spec.Labels[sandbox.LabelProfile], Image: r.Image,
		Project: o.Spec.Labels[sandbox.LabelProject], Posture: r.Posture, GivenUp: r.GivenUp, Created: o.Created,
		Started: o.Started, ExitCode: o.ExitCode, Mine: l.ours(o), Observed: o,
	}
	if s.Image == "" {
		s.Image = o.Spec.Image.Ref
	}
	if s.State == sandbox.Up && r.Posture == "" {
		s.State = sandbox.Starting
	}
	for _, m := range o.Spec.Mounts {
		if !m.Own() {
			s.Mounts = append(s.Mounts, m)
		}
	}
	missing := l.missing(s.Name)
	for _, p := range linkPorts {
		if at := l.Reach.Address(o, p.Inside); at.IsValid() && !missing[p.Kind] {
			s.Links = append(s.Links, Link{Kind: p.Kind, At: at})
		}
	}
	s.Links = append(s.Links, l.extraAt(o, r)...)
	return s
}

// missing gives the links that a sandbox's plan says it has not; their ports are promised, but nothing is served there.
func (l *Launcher) missing(name string) map[LinkKind]bool {
	plan, err := l.storedPlan(name)
	if err != nil {
		return nil
	}
	out := map[LinkKind]bool{}
	for _, link := range plan.Links {
		out[link.Kind] = link.Missing != ""
	}
	return out
}

var linkPorts = []LinkPlan{
	{Kind: API, Inside: agentserver.APIPort}, {Kind: Code, Inside: agentserver.VSCodePort}, {Kind: VNC, Inside: agentserver.VNCPort},
}

// InsidePorts are the ports inside of the links, in the order in which a record promises ports of this machine.
var InsidePorts = [3]uint16{agentserver.APIPort, agentserver.VSCodePort, agentserver.VNCPort}

// Links gives the links of a running sandbox, proven now.
func (l *Launcher) Links(ctx context.Context, name string) ([]Link, error) {
	o, err := l.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if o.State != sandbox.Up {
		return nil, notUp(name, o.State)
	}
	plan, err := l.storedPlan(name)
	if err != nil {
		return nil, err
	}
	if _, err := l.Reach.Open(ctx, o); err != nil { // its gateway may have been killed
		return nil, err
	}
	return l.links(ctx, o, plan.Links, "auto")
}

func notUp(name string, s sandbox.State) error {
	hint := "berth start " + name
	if s == sandbox.Paused {
		hint = "berth resume " + name
	}
	return fault.New(fault.Conflict, hint, "%s: it is %s, not up", name, s)
}

// Stop ends a sandbox and keeps it.
func (l *Launcher) Stop(ctx context.Context, name string, o StopOptions) error {
	return l.act(ctx, name, func(seen sandbox.Observed) error {
		if seen.State == sandbox.Stopped {
			return nil
		}
		grace := o.Grace
		if grace == 0 {
			grace = seen.Spec.Process.StopTimeout
		}
		if err := l.Reach.Close(ctx, name); err != nil {
			return err
		}
		do := sandbox.Stop
		if o.Force {
			do, grace = sandbox.Kill, 0
		}
		if err := l.Runtime.Signal(ctx, seen.ID, do, grace); err != nil {
			return err
		}
		return l.stopRelays(ctx, seen)
	})
}

// Pause freezes a sandbox; Resume lets it go on within milliseconds.
func (l *Launcher) Pause(ctx context.Context, name string) error {
	return l.act(ctx, name, func(seen sandbox.Observed) error {
		switch seen.State {
		case sandbox.Paused:
			return nil
		case sandbox.Up, sandbox.Starting:
			return l.Runtime.Signal(ctx, seen.ID, sandbox.Pause, 0)
		}
		return notUp(name, seen.State)
	})
}

// Resume lets a paused sandbox go on.
func (l *Launcher) Resume(ctx context.Context, name string) error {
	return l.act(ctx, name, func(seen sandbox.Observed) error {
		if seen.State != sandbox.Paused {
			return nil
		}
		if err := l.Runtime.Signal(ctx, seen.ID, sandbox.Unpause, 0); err != nil {
			return err
		}
		now, err := l.Runtime.Inspect(ctx, seen.ID)
		if err == nil {
			_, err = l.Reach.Open(ctx, now) // its gateway may have been killed meanwhile
		}
		return err
	})
}

// Start starts a stopped sandbox again: with the same proofs as the first time, since a folder may have been swapped
// while it was down. One that is up already is left alone; either way its links come back.
func (l *Launcher) Start(ctx context.Context, name string) (*Result, error) {
	var result *Result
	err := l.act(ctx, name, func(seen sandbox.Observed) error {
		var err error
		result, err = l.again(ctx, seen)
		return err
	})
	return result, err
}

// Restart stops a sandbox and starts it again.
func (l *Launcher) Restart(ctx context.Context, name string, o StopOptions) (*Result, error) {
	if err := l.Stop(ctx, name, o); err != nil {
		return nil, err
	}
	return l.Start(ctx, name)
}

// again brings a sandbox that is there back up.
func (l *Launcher) again(ctx context.Context, seen sandbox.Observed) (*Result, error) {
	record, err := l.Store.Record(seen.Spec.Name)
	if err != nil {
		return nil, err
	}
	plan, err := l.storedPlan(seen.Spec.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case seen.State == sandbox.Paused:
		if err := l.Runtime.Signal(ctx, seen.ID, sandbox.Unpause, 0); err != nil {
			return nil, err
		}
		if seen, err = l.Runtime.Inspect(ctx, seen.ID); err != nil {
			return nil, err
		}
	case seen.State != sandbox.Up || record.Posture == "": // stopped, or never seen ready
		return l.restart(ctx, plan, record, seen)
	}
	if _, err := l.Reach.Open(ctx, seen); err != nil {
		return nil, err
	}
	links, err := l.links(ctx, seen, plan.Links, plan.VNC)
	if err != nil {
		return nil, err
	}
	return &Result{Status: l.status(seen, record), Links: links, Posture: record.Posture, Already: true}, nil
}

// restart takes the last steps of a launch once more. What fails stops the sandbox, but removes nothing.
func (l *Launcher) restart(ctx context.Context, p *Plan, record state.Record, seen sandbox.Observed) (*Result, error) {
	observed, err := l.Runtime.Observe(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{Launcher: l, plan: p, id: seen.ID, before: observed}
	if err := l.writeFiles(ctx, p); err != nil {
		return nil, err
	}
	if seen.State != sandbox.Up {
		r.undo.add("stop "+p.Spec.Name, func(ctx context.Context) error {
			return l.Runtime.Signal(ctx, seen.ID, sandbox.Kill, 0)
		})
	}
	if err := r.remade(); err != nil {
		return nil, err
	}
	p.Steps = p.restartSteps()
	stop := r.watch(ctx)
	defer stop()
	if err := r.walk(ctx); err != nil {
		return nil, err
	}
	record.Posture = r.posture()
	if err := l.Store.Save(record); err != nil {
		return nil, err
	}
	return &Result{Status: l.status(r.seen, record), Links: r.links, Posture: record.Posture}, nil
}

// restartSteps are those from the start on, and before it the relays', which stop with their sandbox.
func (p *Plan) restartSteps() []Step {
	i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Kind == StepStart })
	if i < 0 {
		return nil
	}
	relays := slices.DeleteFunc(slices.Clone(p.Steps[:i]), func(s Step) bool { return s.Kind != StepRelays })
	return append(relays, p.Steps[i:]...)
}

// act does one thing to one sandbox, under its lock, and tells how long it took.
func (l *Launcher) act(ctx context.Context, name string, do func(sandbox.Observed) error) error {
	unlock, err := l.lock(name, "at work")
	if err != nil {
		return err
	}
	defer unlock()
	seen, err := l.find(ctx, name)
	if err != nil {
		return err
	}
	return do(seen)
}

// watch notices when the sandbox of a launch dies, so that nobody waits for a server that is gone. It also tells the
// user when the engine itself goes away.
func (r *run) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	r.died = make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		once := false
		err := r.Runtime.Watch(ctx, func(c sandbox.Change) {
			if c.Action == "die" && c.Name == r.plan.Spec.Name && !once {
				once = true
				close(r.died)
			}
		})
		if err != nil && ctx.Err() == nil {
			r.emit(event.Event{Step: "engine", Stage: event.Warning, Text: err.Error()})
		}
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(time.Second): // the engine is gone; its stream ends when it likes
		}
	}
}
