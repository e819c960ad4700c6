package launch

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
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
	subnet, err := network.PickSubnet(q.Settings.SubnetPool, used(observed, sandbox.OwnNetwork(record.Name)), l.Host.Routes)
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
func used(o sandbox.Observation, replaced string) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range o.Networks {
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
	r := &run{Launcher: l, plan: p, keep: o.Keep, before: before}
	r.undo.add("record "+record.Name, func(context.Context) error {
		if hadOne { // it was to be replaced: its home is still there, and stays the user's
			return l.Store.Save(old)
		}
		return l.forget(record.Name)
	})
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

// present decides what to do with a sandbox of this name that is there: show it, start it, or replace it.
func (l *Launcher) present(ctx context.Context, p *Plan, observed sandbox.Observation, o UpOptions) (*Result, error) {
	for _, s := range observed.Sandboxes {
		if s.Spec.Name != p.Spec.Name {
			continue
		}
		if !l.ours(s) {
			return nil, fault.New(fault.Conflict, "berth up "+p.Spec.Name+"-2", "%s: another user of this engine has a sandbox of that name", p.Spec.Name)
		}
		if changed := l.changed(s, p); len(changed) > 0 && !o.Recreate {
			return nil, changedFault(p.Spec.Name, changed)
		} else if len(changed) > 0 || o.Recreate {
			return nil, l.replace(ctx, s)
		}
		return l.again(ctx, s)
	}
	return nil, nil
}

// changed lists in what a plan differs from the one that a sandbox was made from. Variables are compared by a keyed
// sum, since a kept plan does not hold the values of secret ones.
func (l *Launcher) changed(s sandbox.Observed, p *Plan) []sandbox.Difference {
	old, err := l.storedPlan(s.Spec.Name)
	if err != nil {
		return sandbox.Diff(s.Spec, p.Spec)
	}
	out := sandbox.Diff(old.Spec, p.Spec)
	if !reflect.DeepEqual(old.Relays, p.Relays) {
		out = append(out, sandbox.Difference{Field: "sidecars", Want: cmp.Or(old.relayText(), "none"), Have: cmp.Or(p.relayText(), "none")})
	}
	if is, asked := old.asked(), p.asked(); is != asked {
		out = append(out, sandbox.Difference{Field: "egress", Want: is, Have: asked})
	}
	if old.EnvSum != p.EnvSum {
		out = append(out, sandbox.Difference{Field: "Env", Want: "what it has", Have: "other variables, or other values"})
	}
	return out
}

// saidAs names the fields of a plan that a setting of the user's decides by the word the user knows; others keep theirs.
var saidAs = map[string]string{
	"Image.Ref":        "image",
	"Process.User":     "user",
	"Mounts":           "mounts",
	"Network.Ports":    "ports",
	"Network.Mode":     "first network",
	"Network.Attached": "networks",
	"Limits.Memory":    "memory in bytes",
	"Limits.NanoCPUs":  "billionths of a processor",
	"Limits.Pids":      "processes",
	"Limits.Shm":       "/dev/shm in bytes",
	"Env":              "variables",
}

func changedFault(name string, changed []sandbox.Difference) error {
	return fault.New(fault.Conflict, "berth up --recreate", "%s: it is there with another plan: %s", name, strings.Join(inWords(changed), "; "))
}

// inWords says in which fields plans differ. Of another image only its name is said: what it runs, how and on which
// ports follows from it.
func inWords(changed []sandbox.Difference) []string {
	other := slices.ContainsFunc(changed, func(d sandbox.Difference) bool { return d.Field == "Image.Ref" })
	var lines []string
	for _, d := range changed {
		if other && d.Field != "Image.Ref" && (strings.HasPrefix(d.Field, "Image.") || strings.HasPrefix(d.Field, "Process.") || d.Field == "Network.Ports" || d.Field == "Env") {
			continue
		}
		d.Field = cmp.Or(saidAs[d.Field], d.Field)
		lines = append(lines, d.String())
	}
	return lines
}

// replace removes a sandbox but keeps its home, which the new one takes over.
func (l *Launcher) replace(ctx context.Context, s sandbox.Observed) error {
	l.Sink(event.Event{Time: time.Now().UTC(), Sandbox: s.Spec.Name, Step: "remove", Stage: event.Note, Text: fmt.Sprintf("replacing %s", s.Spec.Name)})
	if err := l.Reach.Close(ctx, s.Spec.Name); err != nil {
		return err
	}
	if err := l.Runtime.Remove(ctx, sandbox.ContainerObject, s.ID); err != nil {
		return err
	}
	if err := l.removeServants(ctx, s.Spec.Name); err != nil {
		return err
	}
	return l.Runtime.Remove(ctx, sandbox.NetworkObject, sandbox.OwnNetwork(s.Spec.Name))
}
