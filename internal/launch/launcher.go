package launch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/state"
	"berth/mounts"
)

// Launcher makes sandboxes and looks after those it made.
type Launcher struct {
	Runtime Runtime
	Reach   Reach
	Store   *state.Store
	Host    host.Facts
	Files   mounts.Files
	Sink    event.Sink
	Version string
	// Names are the images that berth makes itself, by the short name a user gives: "starter", "workbench".
	Names map[string]string
	// Unpack writes berth's in-sandbox program for an architecture to the host and gives its path.
	Unpack func(arch string) (string, error)
	// StarterKey gives the content key of the starter image that this berth makes.
	StarterKey func(arch string) (string, error)
	// Starter gives the archive of the starter image.
	Starter func(arch string) (Archive, error)
	// Build makes one of Names from packages, which takes minutes; nil leaves that to the user.
	Build func(ctx context.Context, name string, sink event.Sink) error
	// PortFree tells whether a port of this machine can be bound on every loopback address.
	PortFree func(port uint16) bool
	// PlainAddresses makes links with 127.0.0.1 instead of <name>.localhost, for clients that do not know such names.
	PlainAddresses bool
}

// Archive is an image that can be written out in docker save's form.
type Archive interface {
	WriteTo(w io.Writer) (int64, error)
}

// mine are the sandboxes of this user in o.
func (l *Launcher) mine(o sandbox.Observation) []sandbox.Observed {
	return slices.DeleteFunc(slices.Clone(o.Sandboxes), func(s sandbox.Observed) bool { return !l.ours(s) })
}

// find gives this user's sandbox of a name; kind NotFound, with near names, when there is none.
func (l *Launcher) find(ctx context.Context, name string) (sandbox.Observed, error) {
	seen, err := l.Runtime.Inspect(ctx, sandbox.ContainerName(name))
	if err == nil && l.ours(seen) {
		return seen, nil
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return sandbox.Observed{}, err
	}
	return sandbox.Observed{}, l.notFound(ctx, name)
}

func (l *Launcher) notFound(ctx context.Context, name string) error {
	hint := "berth up " + name
	if o, err := l.Runtime.Observe(ctx); err == nil {
		if names := l.names(o); len(names) > 0 {
			hint = "there are: " + strings.Join(names, ", ")
		}
	}
	return fault.New(fault.NotFound, hint, "%s: no such sandbox", name)
}

func (l *Launcher) names(o sandbox.Observation) []string {
	var out []string
	for _, s := range l.mine(o) {
		if !s.Helper() {
			out = append(out, s.Spec.Name)
		}
	}
	slices.Sort(out)
	return out
}

// newKey makes a key of 256 bits in hex: VS Code puts it unquoted into a shell line.
func newKey() secret.String {
	var b [32]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	return secret.New(hex.EncodeToString(b[:]))
}

// Name gives the name of the sandbox that a request means: what it says, else the one its folder has or gets.
func (l *Launcher) Name(q Request) (string, error) {
	if q.Name != "" {
		return q.Name, state.CheckName(q.Name)
	}
	records, err := l.Store.Records()
	if err != nil {
		return "", err
	}
	claims := make([]state.Claim, len(records))
	for i, r := range records {
		claims[i] = state.Claim{Name: r.Name, Project: r.Project}
	}
	return state.NameFor(q.Project, claims), nil
}

// lock keeps other berths away from a sandbox while this one works on it.
func (l *Launcher) lock(name, doing string) (unlock func(), err error) {
	held, err := l.Store.TryLock(state.Work, name, doing)
	if err != nil {
		return nil, err
	}
	return func() { _ = held.Unlock() }, nil // closing the descriptor frees it anyway
}
