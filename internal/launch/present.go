package launch

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

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
