// Package launch decides what a sandbox will be (NewPlan) and makes it so (Run); it knows neither Docker's words nor the terminal.
package launch

import (
	"context"
	"io"
	"time"

	"berth/internal/event"
	"berth/internal/sandbox"
)

// Runtime is all that launch asks of an engine, one method a step. Every method returns a *fault.Fault of a fitting
// kind on failure; removing what is not there is no failure.
type Runtime interface {
	// Observe reads what the engine has; refs are the images the plan may need.
	Observe(ctx context.Context, refs ...string) (sandbox.Observation, error)
	// ListNetworks reads the networks alone, at a tenth of Observe's price.
	ListNetworks(ctx context.Context) ([]sandbox.NetworkInfo, error)
	// Sandboxes reads every sandbox of berth's, of every user; the quick part of Observe.
	Sandboxes(ctx context.Context) ([]sandbox.Observed, error)
	// Pull fetches ref for a platform ("" is the engine's) and reports layers; it gives the image as it is then.
	Pull(ctx context.Context, ref, platform string, sink event.Sink) (sandbox.LocalImage, error)
	// Load reads an image archive (docker save's form) into the engine.
	Load(ctx context.Context, archive io.Reader) error
	// ImageFiles reads files of an image, through a container with labels that never runs; missing ones are left out.
	ImageFiles(ctx context.Context, imageID string, labels map[string]string, paths ...string) (map[string][]byte, error)

	CreateNetwork(ctx context.Context, n sandbox.NetworkSpec) error
	CreateVolume(ctx context.Context, name string, labels map[string]string) error
	// Create makes the container of a Spec, joined to all its networks before it can start, and gives its id.
	Create(ctx context.Context, s sandbox.Spec) (string, error)
	// FillVolume makes a folder in a new volume before any container has it; false where the engine cannot.
	FillVolume(ctx context.Context, f sandbox.Folder, labels map[string]string) (bool, error)
	// PutFolder makes a folder in the container that has its volume, started or not.
	PutFolder(ctx context.Context, id string, f sandbox.Folder) error
	Start(ctx context.Context, id string) error
	// Inspect reads a container back into a Spec, by id or name; kind NotFound when there is none.
	Inspect(ctx context.Context, id string) (sandbox.Observed, error)
	// Exec runs a command in a running container and waits for it.
	Exec(ctx context.Context, id string, x sandbox.Exec) (sandbox.ExecResult, error)
	// Watch calls back on each change of a container with a berth label until ctx ends or the engine goes away.
	Watch(ctx context.Context, changed func(sandbox.Change)) error
	// Logs reads a container's output, both streams, oldest first.
	Logs(ctx context.Context, id string, o sandbox.LogOptions) (io.ReadCloser, error)
	// Signal acts on a container: stop (with a grace), kill, pause, unpause.
	Signal(ctx context.Context, id string, do sandbox.Action, grace time.Duration) error
	// Remove takes an object away: a container by force with its anonymous volumes, a network, a volume.
	Remove(ctx context.Context, kind sandbox.ObjectKind, name string) error
}
