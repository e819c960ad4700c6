package build

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

const (
	release  = "trixie"
	public   = "debian:" + release + "-slim"
	homemade = repository + "base:" + release
	// patience is how long a registry may take to give its first word.
	patience = 5 * time.Second
)

// unpack makes a minimal Debian and writes it to standard output, in tar form; all else goes to standard error.
// $1 is the archive, $2 the list of sources to leave in it; both may be empty.
const unpack = `set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 143' TERM INT HUP
debootstrap --variant=minbase ` + release + ` "$root" $1 >&2
if [ -n "$2" ]; then printf %s "$2" > "$root/etc/apt/sources.list"; fi
tar -C "$root" --exclude './dev/*' --exclude './proc/*' --exclude './sys/*' \
    --exclude './var/cache/apt/*' --exclude './var/lib/apt/lists/*' -c .`

// base gives the name of an image to build upon: the public one pulled, a local copy of it, or one made here.
func (w *work) base(ctx context.Context) (string, error) {
	p := w.progress("base")
	if w.pull(ctx, p) {
		p.done()
		return public, nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	for _, ref := range []string{public, homemade} {
		there, err := has(ctx, w.builder, ref, "")
		if err != nil {
			return "", err
		}
		if there {
			p.note("no registry answers: using the local " + ref)
			p.done()
			return ref, nil
		}
	}
	p.note("no registry answers: making a Debian " + release + " from packages")
	if err := w.debootstrap(ctx, p); err != nil {
		p.failed(err)
		return "", err
	}
	p.done()
	return homemade, nil
}

// pull fetches the public image. A registry that says nothing for a few seconds is given up.
func (w *work) pull(ctx context.Context, p *progress) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(patience, cancel)
	_, err := w.builder.Pull(ctx, public, "", func(e event.Event) {
		silence.Stop()
		e.Step = p.step
		w.sink(e)
	})
	if err != nil {
		w.log(p.name, err.Error())
	}
	return err == nil
}

// debootstrap makes the base image; it needs root, for the owners and devices of a system's files.
func (w *work) debootstrap(ctx context.Context, p *progress) error {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return fault.New(fault.Image, "sudo apt-get install debootstrap",
			"%s: no registry answers, there is no local copy, and debootstrap is not installed", public)
	}
	command := []string{"sh", "-c", unpack, "unpack", w.setting.Debian, w.setting.sources()}
	if !w.request.Root {
		if _, err := w.request.Run(ctx, "sudo", "-n", "true"); err != nil {
			return fault.New(fault.Image, byHand,
				"%s: no registry answers, there is no local copy, and making one with debootstrap needs root", public)
		}
		command = append([]string{"sudo", "-n"}, command...)
	}
	return w.importFrom(ctx, p, command)
}

// byHand makes the base image from a shell, once; builds find it there.
const byHand = `sudo debootstrap --variant=minbase ` + release + ` /tmp/berth-base && sudo tar -C /tmp/berth-base -c . | docker import - ` +
	homemade

// importFrom runs a command whose output is a file system and makes an image of it.
func (w *work) importFrom(ctx context.Context, p *progress, command []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.WaitDelay = 5 * time.Second
	said := &lines{to: p.say}
	c.Stderr = said
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fault.New(fault.Image, "", "debootstrap: %w", err)
	}
	first := make([]byte, 1)
	_, empty := io.ReadFull(out, first)
	if empty != nil { // it failed before the first byte: an import would only say "EOF"
		return w.unpacked(ctx, p, c.Wait(), empty)
	}
	whole := io.MultiReader(bytes.NewReader(first), out)
	imported := w.builder.Import(ctx, whole, homemade, map[string]string{"dev.berth.kind": "base"})
	if imported != nil {
		cancel()
	}
	return w.unpacked(ctx, p, c.Wait(), imported)
}

// unpacked says why no image came of it; nil when one did.
func (w *work) unpacked(ctx context.Context, p *progress, ended, imported error) error {
	switch {
	case imported == nil && ended == nil:
		return nil
	case ended == nil:
		return imported
	case ctx.Err() != nil && imported == nil:
		return context.Cause(ctx)
	}
	return p.failure(&sandbox.StepError{Code: exitCode(ended), Text: "debootstrap ended"}, w.request)
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// lines cuts what is written to it into lines.
type lines struct {
	to   func(string)
	rest []byte
}

// Write never fails.
func (l *lines) Write(text []byte) (int, error) {
	l.rest = append(l.rest, text...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(text), nil
		}
		l.to(string(line))
		l.rest = rest
	}
}

func stepName(stage string) string { return "build " + stage }
