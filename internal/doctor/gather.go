package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"berth/internal/engine"
	"berth/internal/host"
	"berth/internal/launch"
)

// Request says what to look at.
type Request struct {
	Host     host.Facts
	Engine   engine.Options
	Places   []string                                        // berth's folders, the one of records first
	Registry string                                          // "ghcr.io"; "" is not asked
	Inside   func(arch string) error                         // tells whether the in-sandbox program can be used
	Left     func(context.Context) ([]launch.Removal, error) // leftovers, once an engine answers
	State    error                                           // why there are no records
}

const forImages = "images"

// patience bounds every question; a machine on which one takes longer has an answer already.
const patience = 5 * time.Second

// Gather asks the machine and the engine, all at once, and changes nothing.
func Gather(ctx context.Context, r Request) Facts {
	f := Facts{Host: r.Host, Folder: folder(r.Host.Cwd), State: r.State}
	_, f.Browser = host.FindBrowser(r.Host)
	var wait sync.WaitGroup
	wait.Go(func() { f.Registry = registry(ctx, r.Registry) })
	wait.Go(func() { f.Candidates = engine.Candidates(ctx, r.Engine); f.Sockets = sockets(f.Candidates) })
	f.askEngine(ctx, r)
	wait.Wait()
	for i, dir := range r.Places {
		f.disk([]string{"berth's records", "what berth can make again"}[min(i, 1)], dir)
	}
	return f
}

func (f *Facts) askEngine(ctx context.Context, r Request) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	e, err := engine.Open(ctx, r.Engine)
	if err != nil {
		f.Fault = err
		return
	}
	defer e.Close() //nolint:errcheck // it was only asked
	f.Chosen = e.Endpoint()
	about, err := e.Describe(ctx)
	if err != nil {
		f.Fault = err
		return
	}
	f.Engine = &about
	f.Inside = r.Inside(about.Arch)
	if f.Leftovers, err = r.Left(ctx); err != nil && f.State == nil {
		f.State = err
	}
	if !about.Remote {
		f.disk(forImages, about.RootDir)
	}
}

// disk notes the room on the file system of a folder. One that may not be looked into is asked by its parent.
func (f *Facts) disk(what, dir string) {
	for dir != "" {
		free, total, err := host.Space(dir)
		if err == nil {
			f.Disks = append(f.Disks, Disk{what, dir, free, total})
			return
		}
		up := dir[:max(strings.LastIndexByte(dir, '/'), 0)]
		if up == "" || up == dir {
			return
		}
		dir = up
	}
}

func folder(path string) Folder {
	out := Folder{Path: path}
	if path == "" {
		return out
	}
	file, err := host.Disk{}.Lstat(path)
	if err == nil {
		_, err = os.ReadDir(path)
	}
	if err != nil {
		out.Err = reason(err)
		return out
	}
	out.UID, out.GID, out.Mode = file.UID, file.GID, file.Mode
	return out
}

// reason takes the path off an error: it stands before it already.
func reason(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

func sockets(candidates []engine.Candidate) []Socket {
	var out []Socket
	for _, c := range candidates {
		path, ok := strings.CutPrefix(c.Host, "unix://")
		if !ok {
			continue
		}
		file, err := host.Disk{}.Lstat(path)
		if err != nil || file.Kind != host.Socket {
			continue
		}
		g := host.GroupOf(file.GID)
		out = append(out, Socket{path, file.UID, file.GID, g.Name, file.Mode, g.Member, g.Listed})
	}
	return out
}

// registry asks a registry for its version, which needs no login: any answer will do.
func registry(ctx context.Context, name string) Registry {
	out := Registry{Name: name}
	if name == "" {
		return out
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+"/v2/", nil)
	if err != nil {
		out.Err = err
		return out
	}
	answer, err := http.DefaultClient.Do(ask)
	if err == nil {
		out.Err = answer.Body.Close()
		return out
	}
	out.Err = brief(err)
	return out
}

// brief says why a registry could not be asked, without the address, which is said already.
func brief(err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("nothing within %s", patience)
	case errors.As(err, &dns):
		return errors.New("its name is unknown here")
	}
	return reason(err)
}
