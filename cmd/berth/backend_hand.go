package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/engine"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/state"
	"berth/tui"
)

// Link gives a link with its key, for the user's hands.
func (b *backend) Link(ctx context.Context, name, kind string) (string, error) {
	s, err := b.session(ctx)
	if err != nil {
		return "", remedied(err)
	}
	links, err := s.Links(ctx, name)
	if err != nil {
		return "", remedied(err)
	}
	link, err := find(name, kind, links)
	return link.URL.Reveal(), remedied(err)
}

// Browse opens a link in the user's browser, or gives it where no browser is sensible.
func (b *backend) Browse(ctx context.Context, name, kind string) (string, error) {
	link, err := b.Link(ctx, name, kind)
	if err != nil {
		return "", err
	}
	browser, err := host.FindBrowser(b.a.machine())
	if err != nil {
		return link, nil
	}
	store, err := b.a.store()
	if err != nil {
		return link, nil
	}
	dir, err := store.Folder(state.Pages)
	if err != nil || browser.Open(ctx, link, dir) != nil {
		return link, nil
	}
	return "", nil
}

// clipboards are the systems' own tools, each with what has to be set for it to work.
var clipboards = []struct {
	needs string // a variable
	argv  []string
}{
	{"WAYLAND_DISPLAY", []string{"wl-copy"}},
	{"DISPLAY", []string{"xclip", "-selection", "clipboard"}},
	{"DISPLAY", []string{"xsel", "--clipboard", "--input"}},
	{"HOME", []string{"pbcopy"}},
	{"WSL_DISTRO_NAME", []string{"clip.exe"}},
}

// Copy hands text to the first clipboard tool there is. Where there is none, the screen's own way remains.
func (b *backend) Copy(ctx context.Context, text string) error {
	for _, c := range clipboards {
		if b.a.env(c.needs) == "" {
			continue
		}
		path, err := exec.LookPath(c.argv[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, c.argv[1:]...)
		cmd.Stdin = strings.NewReader(text)
		if err := cmd.Run(); err != nil {
			return fault.New(fault.Failure, "", "%s: %w", c.argv[0], err)
		}
		return nil
	}
	return nil
}

// Command gives a sandbox, or the plan of e, as docker commands.
func (b *backend) Command(ctx context.Context, name string, e tui.Edits) (string, error) {
	s, err := b.session(ctx)
	if err != nil {
		return "", remedied(err)
	}
	if name != "" {
		p, err := s.Kept(name)
		if err != nil {
			return "", remedied(err)
		}
		return strings.Join(engine.Script(p.Spec, p.Network), "\n"), nil
	}
	q, _, err := b.request(e)
	if err != nil {
		return "", remedied(err)
	}
	p, err := s.Plan(ctx, q)
	if err != nil {
		return "", remedied(err)
	}
	return strings.Join(engine.Script(p.Spec, p.Network), "\n"), nil
}

// Save writes text to a new file in the user's home: the project's folder is the sandbox's too.
func (b *backend) Save(_ context.Context, name, what string, text io.Reader) (string, error) {
	dir := b.a.machine().Home
	if dir == "" {
		dir = os.TempDir()
	}
	stem := fmt.Sprintf("berth-%s-%s-%s", name, what, time.Now().Format("20060102-150405"))
	for n := 1; ; n++ {
		path := filepath.Join(dir, stem+".txt")
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d.txt", stem, n))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fault.New(fault.Failure, "", "%s: %w", path, err)
		}
		_, err = io.Copy(f, text)
		return path, errors.Join(err, f.Close())
	}
}

// Shell runs a shell of a sandbox in the terminal that the screen has left.
func (b *backend) Shell(ctx context.Context, name string, t tui.Terminal) error {
	s, err := b.session(ctx)
	if err != nil {
		return remedied(err)
	}
	status, err := s.Status(ctx, name)
	if err != nil {
		return remedied(err)
	}
	x := sandbox.Exec{Command: shellLine, Dir: workFolder, TTY: true, Stdin: t.In, Stdout: t.Out, Stderr: t.Err}
	restore, err := b.a.lendTerminal(&x)
	if err != nil {
		return fault.New(fault.Failure, "", "terminal: %w", err)
	}
	defer restore()
	_, err = s.Runtime.Exec(ctx, status.Observed.ID, x)
	return remedied(err)
}

// Edit opens the user's configuration in the user's editor.
func (b *backend) Edit(ctx context.Context, t tui.Terminal) error {
	return remedied(b.a.edit(ctx, t.In, t.Out, t.Err))
}

// Pager shows a text in the user's pager.
func (b *backend) Pager(ctx context.Context, text io.Reader, t tui.Terminal) error {
	words := strings.Fields(b.a.firstSet("PAGER"))
	if len(words) == 0 {
		words = []string{"less", "-R"}
	}
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin, c.Stdout, c.Stderr = text, t.Out, t.Err
	if err := c.Run(); err != nil {
		return fault.New(fault.Failure, "set PAGER to a pager that is installed", "%s: %w", words[0], err)
	}
	return nil
}
