package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"berth/internal/engine"
	"berth/internal/gateway"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/tui"
)

// List gives all sandboxes of the user, by name.
func (b *backend) List(ctx context.Context) (tui.Overview, error) {
	s, err := b.session(ctx)
	if err != nil {
		return tui.Overview{}, remedied(err)
	}
	all, err := s.revived(ctx)
	if err != nil {
		return tui.Overview{}, remedied(err)
	}
	out := tui.Overview{Engine: b.engineName(ctx, s)}
	for _, one := range all {
		b.attendGateway(s, one)
		out.Rows = append(out.Rows, b.row(one))
	}
	return out, nil
}

// states are the states of the screen.
var states = map[sandbox.State]tui.State{
	sandbox.Created: tui.Broken, sandbox.Starting: tui.Starting, sandbox.Up: tui.Up, sandbox.Paused: tui.Paused, sandbox.Stopped: tui.Stopped,
}

func (b *backend) row(s launch.Status) tui.Row {
	b.mu.Lock()
	mine := b.mine[s.Name]
	b.mu.Unlock()
	row := tui.Row{
		Name: s.Name, State: states[s.State], Profile: profileWord(s), Image: s.Image, Mounts: mountsWord(s.Mounts, b.a.tilde),
		Since: s.Created, Mine: mine,
	}
	for _, l := range s.Links {
		if l.Kind != launch.API {
			row.Links = append(row.Links, string(l.Kind))
		}
	}
	switch {
	case s.Observed.OOMKilled && s.State == sandbox.Stopped:
		row.Why = fmt.Sprintf("exit %d, out of memory", s.ExitCode)
	case s.State == sandbox.Stopped && s.ExitCode != 0 && s.ExitCode != 143:
		row.Why = fmt.Sprintf("exit %d", s.ExitCode)
	case s.State == sandbox.Created:
		row.Why = "never started: berth prune"
	}
	return row
}

// Show gives one sandbox in full.
func (b *backend) Show(ctx context.Context, name string) (tui.Sandbox, error) {
	s, err := b.session(ctx)
	if err != nil {
		return tui.Sandbox{}, remedied(err)
	}
	status, err := s.Status(ctx, name)
	if err != nil {
		return tui.Sandbox{}, remedied(err)
	}
	spec := status.Observed.Spec
	out := tui.Sandbox{
		Row: b.row(status), Engine: b.engineName(ctx, s), Posture: status.Posture, CPUs: float64(spec.Limits.NanoCPUs) / 1e9,
		Network: []tui.Line{{Name: "network", Text: networkLine(spec.Network)}},
	}
	for _, m := range status.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		out.Mounts = append(out.Mounts, tui.Line{Name: m.Target, Text: b.a.tilde(m.Source) + ", " + mode})
	}
	out.Mounts = append(out.Mounts, homeLine(spec))
	for _, p := range status.Observed.Published {
		out.Network = append(out.Network, tui.Line{Name: strconv.Itoa(int(p.Container)), Text: "published on " + p.Host.String()})
	}
	out.Links = b.links(status, nil)
	if p, err := s.Kept(name); err == nil {
		out.Links = b.links(status, p.Links)
		out.Security = ruleLines(p.Findings)
		out.Network = append(out.Network, networkLines(p)...)
	}
	out.Config = b.config()
	return out, nil
}

// networkLines says what a plan lets out, what it joined and which ports of sidecars it reaches.
func networkLines(p *launch.Plan) []tui.Line {
	out := []tui.Line{{Name: "egress", Text: p.EgressText()}}
	for _, j := range p.Joined {
		line := tui.Line{Mark: tui.Warns, Name: j.Name, Text: j.Opening.Long}
		if j.Opening.Sealed {
			line.Mark = tui.Holds
		}
		out = append(out, line)
	}
	for _, r := range p.Relays {
		out = append(out, tui.Line{Mark: tui.Holds, Name: r.Host, Text: "by relay: " + r.String() + ", nothing else there"})
	}
	return out
}

// homeLine says where a sandbox's home lies.
func homeLine(spec sandbox.Spec) tui.Line {
	for _, t := range spec.Tmpfs {
		if strings.HasPrefix(t.Target, "/home") {
			return tui.Line{Name: t.Target, Text: "in memory, vanishes when it stops"}
		}
	}
	if sandbox.HasHomeVolume(spec) {
		return tui.Line{Name: "/home", Text: "volume " + sandbox.HomeVolume(spec.Name)}
	}
	return tui.Line{Name: "home", Text: "the image's"}
}

// links gives the links that are there, without their keys, and why others are not.
func (b *backend) links(s launch.Status, planned []launch.LinkPlan) []tui.Link {
	at := map[launch.LinkKind]netip.AddrPort{}
	for _, l := range s.Links {
		at[l.Kind] = l.At
	}
	about := map[launch.LinkKind]launch.LinkPlan{}
	for _, p := range planned {
		about[p.Kind] = p
	}
	var out []tui.Link
	for _, row := range linkLabels {
		p := about[row.kind]
		link := tui.Link{Kind: string(row.kind), Label: row.label, Note: cmp.Or(p.Missing, "this machine only")}
		if where, ok := at[row.kind]; ok && p.Missing == "" {
			link.URL = fmt.Sprintf("http://%s.localhost:%d", s.Name, where.Port())
		}
		if link.URL != "" || p.Missing != "" {
			out = append(out, link)
		}
	}
	for _, p := range planned[min(len(linkLabels), len(planned)):] { // those of links.extra
		if where, ok := at[p.Kind]; ok {
			out = append(out, tui.Link{
				Kind: string(p.Kind), Label: string(p.Kind), Note: "this machine only", URL: fmt.Sprintf("http://%s.localhost:%d", s.Name, where.Port()),
			})
		}
	}
	return out
}

// config gives each value that somebody set, with its source.
func (b *backend) config() []tui.Line {
	s, _, err := b.settings(nil)
	if err != nil {
		return []tui.Line{{Mark: tui.Fails, Name: "configuration", Text: err.Error()}}
	}
	var out []tui.Line
	for _, l := range s.Lines() {
		if l.Value != "" {
			out = append(out, tui.Line{Name: l.Key, Text: l.Value + "  (" + l.Source.String() + ")"})
		}
	}
	return out
}

// awayLimit is how long to wait between two looks for an engine that went away.
const awayLimit = 2 * time.Second

// Watch hands on the engine's events, and goes on when the engine comes back.
func (b *backend) Watch(ctx context.Context, changed func(tui.News)) error {
	b.mu.Lock()
	b.watching, b.tell = ctx, changed
	b.mu.Unlock()
	gone := false
	for {
		s, err := b.session(ctx)
		if err == nil {
			err = s.engine.Ping(ctx)
		}
		if err == nil {
			if gone {
				changed(tui.News{Engine: tui.EngineBack, Text: "the engine is back"})
				changed(tui.News{Sandbox: "*"})
			}
			gone = false
			err = s.Runtime.Watch(ctx, func(c sandbox.Change) { changed(newsOf(c)) })
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !gone {
			gone = true
			changed(tui.News{Engine: tui.EngineGone, Text: err.Error()})
		}
		if !wait(ctx, awayLimit) {
			return nil
		}
	}
}

// attendGateway makes the end of a sandbox's gateway news, of which no engine tells: the next look at the list then
// starts another.
func (b *backend) attendGateway(s *session, one launch.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tell == nil || b.attended[one.Name] || !s.Reach.Serves(one.Name) {
		return
	}
	b.attended[one.Name] = true
	ctx, tell, client := b.watching, b.tell, gateways{store: s.Store}.client(one.Name)
	go func() {
		if client.Follow(ctx, func(gateway.Decision) {}) != nil { // its end is all that matters, but it did not answer
			wait(ctx, awayLimit)
		}
		b.mu.Lock()
		delete(b.attended, one.Name)
		b.mu.Unlock()
		if ctx.Err() == nil {
			tell(tui.News{Sandbox: one.Name})
		}
	}()
}

func newsOf(c sandbox.Change) tui.News {
	switch c.Action {
	case "create", "destroy":
		return tui.News{Sandbox: "*", Text: c.Name + ": " + c.Action}
	case "die":
		return tui.News{Sandbox: c.Name, Text: fmt.Sprintf("%s ended with code %d", c.Name, c.Code)}
	}
	return tui.News{Sandbox: c.Name}
}

// wait lets time pass; false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Logs streams the last lines of a sandbox's output and follows it.
func (b *backend) Logs(ctx context.Context, name string, tail int, line func(tui.LogLine)) error {
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	err = s.eachLine(ctx, name, sandbox.LogOptions{Tail: tail, Follow: true, Timestamps: true}, func(at, text string) error {
		when, _ := time.Parse(time.RFC3339Nano, at) // a line without a time has none
		line(tui.LogLine{Time: when, Text: text})
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return remedied(err)
}

// Stats streams what a sandbox uses.
func (b *backend) Stats(ctx context.Context, name string, figures func(tui.Stats)) error {
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	status, err := s.Status(ctx, name)
	if err != nil {
		return remedied(err)
	}
	return remedied(s.engine.Stats(ctx, status.Observed.ID, func(now engine.Stats) {
		figures(tui.Stats{CPU: now.CPU * 100, Memory: int64(now.Memory), MemoryMax: int64(now.MemoryLimit),
			Pids: int64(now.Pids), PidsMax: status.Observed.Spec.Limits.Pids})
	}))
}

// Refusals streams what a sandbox's gateway refuses. A sandbox that has none is looked at again later.
func (b *backend) Refusals(ctx context.Context, name string, refused func(tui.Refusal)) error {
	store, err := b.a.store()
	if err != nil {
		return err
	}
	client := gateways{store: store}.client(name)
	for {
		_ = client.Follow(ctx, func(d gateway.Decision) { // it is gone, or there is none yet
			if !d.Allowed {
				refused(tui.Refusal{Target: d.Target(), Offer: d.Offer, Why: d.Reason})
			}
		})
		if !wait(ctx, awayLimit) {
			return nil
		}
	}
}

// Audit compares planned and running.
func (b *backend) Audit(ctx context.Context, name string, probe bool) (tui.Audit, error) {
	s, err := b.session(ctx)
	if err != nil {
		return tui.Audit{}, remedied(err)
	}
	found, err := s.Launcher.Audit(ctx, name, probe)
	if err != nil {
		return tui.Audit{}, remedied(err)
	}
	var out tui.Audit
	for _, f := range byGravity(found.Findings) {
		if !f.Good() {
			out.Differs++
		}
		out.Findings = append(out.Findings, tui.Line{Mark: findingMarks[f.State], Name: f.Rule, Text: evidence(f), Fix: f.Fix,
			Evidence: []string{"why: " + f.Why, "wanted: " + f.Wanted, "found: " + f.Observed, "by: " + f.By}})
	}
	if found.Posture.Closed > 0 {
		out.Probes = strconv.Itoa(found.Posture.Closed) + " closed"
	}
	return out, nil
}
