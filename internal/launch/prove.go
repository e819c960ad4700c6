package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"berth/internal/agentserver"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/mounts"
)

// insideUser runs berth's program: another uid than the agent's, so that the agent can neither see into it nor stop
// it. The group is named too: with a uid alone the engine uses group 0 (measured on 20.10).
const insideUser = "65533:65533"

// mounts proves that every folder inside is the one that was checked, by device and inode read from inside: a path
// could have been swapped for a symlink since (the engine resolves it anew at every start).
func (r *run) mounts(ctx context.Context) error {
	if r.plan.Remote {
		r.note(StepMounts, "not verified: the engine runs on another machine")
		return nil
	}
	var targets []string
	want := map[string]host.File{}
	for _, m := range r.plan.Mounts {
		if m.Kind == mounts.Bind {
			targets = append(targets, m.Target)
			want[m.Target] = m.Stat
		}
	}
	if len(targets) == 0 {
		return nil
	}
	found, err := r.placesInside(ctx, r.seen, targets)
	if err != nil {
		return err
	}
	for target, file := range want {
		if place := found[target]; place.Device != file.Device || place.Inode != file.Inode {
			return fault.New(fault.Failure, "look at the folder, then launch again",
				"%s: what is mounted at %s is not the folder that was checked", r.plan.Spec.Name, target)
		}
	}
	return nil
}

// place is which file a path inside is, as berth-inside stat prints it.
type place struct {
	Path   string `json:"path"`
	Device uint64 `json:"dev"`
	Inode  uint64 `json:"ino"`
	Error  string `json:"error"`
}

// placesInside asks which files some paths of a sandbox are; a path that is not there is left out. Folders that only
// the sandbox's user may enter are asked for as that user.
func (l *Launcher) placesInside(ctx context.Context, seen sandbox.Observed, paths []string) (map[string]place, error) {
	found := map[string]place{}
	for _, user := range []string{insideUser, seen.Spec.Process.User} {
		out, err := l.execInside(ctx, seen.ID, user, append([]string{insideProgram, "stat"}, paths...))
		if err != nil {
			return nil, err
		}
		var places []place
		if err := json.Unmarshal(out, &places); err != nil {
			return nil, fault.New(fault.Failure, "berth logs "+seen.Spec.Name, "%s: stat inside: %w", seen.Spec.Name, err)
		}
		refused := false
		for _, p := range places {
			refused = refused || p.Error == "permission denied"
			if p.Error == "" {
				found[p.Path] = p
			}
		}
		if !refused {
			break
		}
	}
	return found, nil
}

// audit compares what runs with the plan, rule by rule, and attacks it from inside.
func (r *run) audit(ctx context.Context) error {
	outcomes, err := r.probes(ctx, r.seen)
	if err != nil {
		return err
	}
	facts := r.plan.facts(r.before.Engine)
	if facts.Networks, err = r.Runtime.ListNetworks(ctx); err != nil {
		return err
	}
	r.proof = judge(r.plan, r.seen, facts, outcomes)
	if relays, ok, err := r.auditRelays(ctx, r.plan, r.seen); err != nil {
		return err
	} else if ok {
		r.proof.Findings = append(r.proof.Findings, relays)
	}
	for _, f := range r.proof.Findings {
		if !f.Good() {
			return fault.New(fault.Findings, f.Fix, "%s: rule %s does not hold: wanted %s, found %s", r.plan.Spec.Name, f.Rule, f.Wanted, f.Observed)
		}
	}
	return nil
}

// execInside runs berth's own program in a sandbox and gives its output.
func (l *Launcher) execInside(ctx context.Context, id, user string, command []string) ([]byte, error) {
	var errs bytes.Buffer
	result, err := l.Runtime.Exec(ctx, id, sandbox.Exec{User: user, Command: command, Stderr: &errs})
	if err != nil {
		return nil, err
	}
	if result.Code != 0 {
		return nil, fault.New(fault.Failure, "", "%s: exit %d: %s", command[1], result.Code, bytes.TrimSpace(errs.Bytes()))
	}
	return result.Stdout, nil
}

// prove makes each link true before it is shown.
func (r *run) prove(ctx context.Context) error {
	if err := r.keyed(ctx); err != nil {
		return err
	}
	links, err := r.Launcher.links(ctx, r.seen, r.plan.Links, r.plan.VNC)
	r.links = links
	return err
}

// links asks the server for its links and proves them. A link that cannot be is said to be missing, with the remedy;
// only a desktop that was asked for by name is an error.
func (l *Launcher) links(ctx context.Context, seen sandbox.Observed, plans []LinkPlan, vnc string) ([]Link, error) {
	var out []Link
	for _, p := range plans {
		link := Link{Kind: p.Kind, Opens: p.Opens, Missing: p.Missing}
		if p.Missing == "" && l.PlainAddresses && !p.Plain {
			link.Missing = "its gateway knows it by name only: berth up --recreate --ip"
		} else if p.Missing == "" {
			link.At = l.Reach.Address(seen, p.Inside)
			link.Missing = proverOf(p.Kind)(l, ctx, seen, &link)
		}
		if link.Missing != "" && p.Kind == VNC && vnc == "on" {
			return nil, fault.New(fault.Image, agentserver.NoDesktopHint, "%s: vnc = on: %s", seen.Spec.Name, link.Missing)
		}
		out = append(out, link)
	}
	return out, nil
}

// provers fill in the URL of a link, or say why there is none.
var provers = map[LinkKind]func(*Launcher, context.Context, sandbox.Observed, *Link) string{
	API: (*Launcher).apiLink, Code: (*Launcher).codeLink, VNC: (*Launcher).vncLink,
}

// proverOf gives what proves a link. Behind a further port nothing needs to listen yet.
func proverOf(kind LinkKind) func(*Launcher, context.Context, sandbox.Observed, *Link) string {
	if prove, known := provers[kind]; known {
		return prove
	}
	return (*Launcher).apiLink
}

// pageLimit bounds the wait for a page whose server says that it runs.
const pageLimit = 15 * time.Second

// pageAnswers asks for a page until it is there: 200, or the redirect with which VS Code sets its cookie.
func (l *Launcher) pageAnswers(ctx context.Context, seen sandbox.Observed, port uint16, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, pageLimit, fmt.Errorf("no answer after %s", pageLimit))
	defer cancel()
	client := l.doer(seen, port)
	return poll(ctx, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return true, err
		}
		answer, err := client.Do(request)
		if err != nil {
			return false, nil // starting: refused, reset or empty
		}
		defer answer.Body.Close() //nolint:errcheck // nothing is read from it
		return answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusFound, nil
	})
}

func (r *run) note(step StepKind, format string, args ...any) {
	r.emit(event.Event{Step: string(step), Stage: event.Note, Text: fmt.Sprintf(format, args...)})
}
