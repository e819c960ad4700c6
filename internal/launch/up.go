package launch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"berth/internal/config"
	"berth/internal/egress"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/state"
	"berth/network"
)

// Request is a wish for a sandbox.
type Request struct {
	Name     string // "" is taken from the project's folder
	Project  string // absolute folder
	Settings *config.Settings
}

// Plan decides what a launch would do; it touches nothing.
func (l *Launcher) Plan(ctx context.Context, q Request) (*Plan, error) {
	ref, err := l.imageRef(q.Settings)
	if err != nil {
		return nil, err
	}
	observed, err := l.Runtime.Observe(ctx, ref)
	if err != nil {
		return nil, err
	}
	plan, _, err := l.plan(q, observed)
	if err != nil {
		return nil, err
	}
	for _, s := range observed.Sandboxes {
		if changed := l.changed(s, plan); s.Spec.Name == plan.Spec.Name && l.ours(s) && len(changed) > 0 {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s is there with another plan; --recreate replaces it: %s",
				s.Spec.Name, strings.Join(inWords(changed), "; ")))
		}
	}
	return plan, nil
}

// plan gathers what a plan depends on and makes it. The record it gives is what the launch will keep.
func (l *Launcher) plan(q Request, observed sandbox.Observation) (*Plan, state.Record, error) {
	record, err := l.record(q, observed)
	if err != nil {
		return nil, record, err
	}
	envFiles, err := readEnvFiles(q.Settings.EnvFile)
	if err != nil {
		return nil, record, err
	}
	program, err := l.Unpack(observed.Engine.Arch)
	if err != nil {
		return nil, record, err
	}
	subnet, err := network.PickSubnet(q.Settings.SubnetPool, used(observed.Networks, sandbox.OwnNetwork(record.Name)), l.Host.Routes)
	if err != nil {
		return nil, record, err
	}
	allowed, err := l.Store.Allowed(q.Project)
	if err != nil {
		return nil, record, err
	}
	_, trusts := host.Certificates(l.Host.Env, os.ReadFile)
	starterKey, err := l.StarterKey(observed.Engine.Arch)
	if err != nil {
		return nil, record, err
	}
	var id [8]byte
	rand.Read(id[:]) //nolint:errcheck // never fails since Go 1.24
	plan, err := NewPlan(Input{
		Settings: q.Settings, Host: l.Host, Files: l.Files, State: l.Store.Places().All(), Observation: observed,
		Names: l.Names, StarterKey: starterKey, Name: record.Name, ID: hex.EncodeToString(id[:]), Owner: l.Store.Owner(), Project: q.Project,
		Version: l.Version, Keys: record.Keys, Ports: record.Ports, Extra: record.Extra,
		Subnet: subnet.Prefix, Dir: l.dir(record.Name), Program: program, EnvFiles: envFiles, Compose: l.composeFor(q.Settings),
		Run: l.Store.Shared(record.Name), Plain: l.PlainAddresses, Allowed: allowed,
		Trusts: trusts, Clients: clientFiles(l.Host.Home),
	})
	return plan, record, err
}

// record finds what this sandbox was promised before, or promises it now; nothing is written yet.
func (l *Launcher) record(q Request, observed sandbox.Observation) (state.Record, error) {
	name, err := l.Name(q)
	if err != nil {
		return state.Record{}, err
	}
	record, err := l.Store.Record(name)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return record, err
	}
	if at := observed.Engine.Endpoint; record.Finished && record.Engine != at {
		return record, fault.New(fault.Conflict, "berth -H "+record.Engine+" rm "+name+"    or give this one another name: berth up NAME",
			"%s: there is a sandbox of that name on another engine, %s", name, record.Engine)
	}
	record.Name, record.Project, record.Engine = name, q.Project, observed.Engine.Endpoint
	if record.Keys.Session.Empty() {
		record.Keys = state.Keys{Session: newKey(), Secret: newKey(), Gateway: newKey()}
	}
	if record.Ports, err = l.ports(record, q.Settings, observed); err != nil {
		return record, err
	}
	record.Extra, err = l.extraPorts(record, q.Settings.Links.Extra)
	return record, err
}

// ports keeps the promised ports while they are free or are this sandbox's own, and takes the next free three else.
// Ports that the user named are taken as they are, or refused.
func (l *Launcher) ports(record state.Record, s *config.Settings, observed sandbox.Observation) ([3]uint16, error) {
	own := func(port uint16) bool {
		if l.Reach.Serves(record.Name) && slices.Contains(record.Ports[:], port) {
			return true // its own gateway listens there
		}
		return slices.ContainsFunc(observed.Sandboxes, func(o sandbox.Observed) bool {
			return o.Spec.Name == record.Name && l.ours(o) && slices.ContainsFunc(o.Published, func(p sandbox.Port) bool {
				return p.Host.Port() == port
			})
		})
	}
	return l.Store.Ports(record.Project, record.Name, s.Links.Port, func(three [3]uint16) bool {
		return !slices.ContainsFunc(three[:], func(port uint16) bool { return !own(port) && !l.PortFree(port) })
	})
}

// used lists the address ranges of the engine's networks, but not of the one that is to be replaced.
func used(all []sandbox.NetworkInfo, replaced string) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range all {
		if n.Name != replaced {
			out = append(out, n.Subnets...)
		}
	}
	return out
}

func readEnvFiles(paths []string) (map[string]string, error) {
	out := map[string]string{}
	for _, path := range paths {
		text, err := config.ReadText(path)
		if err != nil {
			return nil, fault.New(fault.Usage, "name a file that is there", "env_file: %w", err)
		}
		out[path] = text
	}
	return out, nil
}

// clientFiles reads the settings of this machine's package clients, those there are.
func clientFiles(home string) []egress.File {
	var out []egress.File
	for _, path := range egress.SettingsFiles(home) {
		if text, err := config.ReadText(path); err == nil {
			out = append(out, egress.File{Path: path, Text: text})
		}
	}
	return out
}

// portTries is how many launches may lose a race for ports that berth itself had chosen.
const portTries = 4

// Up makes the sandbox of a request, or finds it up already. It holds the sandbox's lock for as long as it works.
// Somebody may take a port between its choice and the start: then others are chosen, unless the user named them.
func (l *Launcher) Up(ctx context.Context, q Request, o UpOptions) (*Result, error) {
	name, err := l.Name(q)
	if err != nil {
		return nil, err
	}
	unlock, err := l.lock(name, "up")
	if err != nil {
		return nil, err
	}
	defer unlock()
	for lost := 1; ; lost++ {
		result, err := l.up(ctx, q, o, name)
		if !errors.Is(err, sandbox.ErrPortTaken) || q.Settings.Links.Port != 0 || o.Keep || lost == portTries {
			return result, err
		}
		l.Sink(event.Event{Time: time.Now().UTC(), Sandbox: name, Step: string(StepStart), Stage: event.Note, Text: "choosing other ports"})
	}
}

func (l *Launcher) up(ctx context.Context, q Request, o UpOptions, name string) (*Result, error) {
	ref, err := l.imageRef(q.Settings)
	if err != nil {
		return nil, err
	}
	observed, err := l.Runtime.Observe(ctx, ref)
	if err != nil {
		return nil, err
	}
	if observed, err = l.clear(ctx, observed, name, ref); err != nil {
		return nil, err
	}
	plan, record, err := l.plan(q, observed)
	if err != nil {
		return nil, err
	}
	if plan.NeedsImage() {
		if plan, record, observed, err = l.withImage(ctx, q, plan); err != nil {
			return nil, err
		}
	}
	if done, err := l.present(ctx, plan, observed, o); done != nil || err != nil {
		return done, err
	}
	return l.launch(ctx, plan, record, observed, o)
}

// launch carries a whole plan out.
func (l *Launcher) launch(ctx context.Context, p *Plan, record state.Record, before sandbox.Observation, o UpOptions) (*Result, error) {
	old, hadOne := l.finished(record.Name)
	record.Created, record.Finished, record.Image, record.Profile = time.Now().UTC(), false, p.ImageName, string(p.Profile)
	record.GivenUp = p.givenUp()
	record.Plan, record.Home = p.Spec.Labels[sandbox.LabelPlan], hadOne
	if err := l.Store.Save(record); err != nil {
		return nil, err
	}
	if err := l.savePlan(p); err != nil {
		return nil, err
	}
	r := &run{Launcher: l, plan: p, keep: o.Keep, before: before, created: make(chan struct{})}
	r.undo.add("record "+record.Name, func(context.Context) error {
		if hadOne { // it was to be replaced: its home is still there, and stays the user's
			return l.Store.Save(old)
		}
		return l.forget(record.Name)
	})
	for _, warning := range p.Warnings { // who asked for no plan has not read them
		r.emit(event.Event{Step: "plan", Stage: event.Warning, Text: warning})
	}
	stop := r.watch(ctx)
	defer stop()
	err := r.walk(ctx)
	if err != nil && fault.KindOf(err) != fault.NotReady && !o.Keep {
		return nil, err
	}
	record.Finished = true
	if err == nil {
		record.Posture = r.posture()
	}
	if saved := l.Store.Save(record); err == nil {
		err = saved
	}
	if err != nil {
		return nil, err
	}
	return &Result{Status: l.status(r.seen, record), Links: r.links, Posture: record.Posture}, nil
}

// finished gives the record of a sandbox whose launch once came to its end, even if its replacement did not: its home
// is the user's.
func (l *Launcher) finished(name string) (state.Record, bool) {
	record, err := l.Store.Record(name)
	return record, err == nil && (record.Finished || record.Home)
}
