package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// makeTimeout bounds a call that makes something, undoTimeout one that takes it away again.
const (
	makeTimeout = 60 * time.Second
	undoTimeout = 20 * time.Second
)

// Create makes the container of a Spec and joins it to all its networks; it does not start it. On failure, and when
// ctx ends meanwhile, nothing is left.
func (e *Engine) Create(ctx context.Context, s sandbox.Spec) (string, error) {
	subject := "sandbox " + s.Name
	r, err := translate(s, e.dialect)
	if err != nil {
		return "", err
	}
	if err := e.haveNetworks(ctx, s.Network); err != nil {
		return "", err
	}
	if e.dialect.podman {
		if err := e.storeFilters(r.host.SecurityOpt); err != nil {
			return "", err
		}
		if masked := r.host.MaskedPaths; len(masked) > 0 { // the field is ignored, this adds to the engine's own
			r.host.SecurityOpt = append(r.host.SecurityOpt, "mask="+strings.Join(masked, ":"))
		}
		if unlimited := int64(-1); r.host.PidsLimit == nil { // left out, it means Podman's own limit
			r.host.PidsLimit = &unlimited
		}
	}
	var id string
	err = e.whole(ctx, subject, sandbox.ContainerObject, func(ctx context.Context) (string, error) {
		made, err := e.docker.ContainerCreate(ctx, r.config, r.host, r.networks, r.platform, r.name)
		if err != nil {
			return "", e.explain(subject, err)
		}
		id = made.ID
		for _, a := range r.connect {
			if err := e.docker.NetworkConnect(ctx, a.Name, id, translateEndpoint(a, e.dialect)); err != nil {
				return id, e.explain(subject+": network "+a.Name, err)
			}
		}
		return id, nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// haveNetworks asks before anything is made: Docker 20.10 joins a container that does not run to any name.
func (e *Engine) haveNetworks(ctx context.Context, n sandbox.Network) error {
	var questions []func() error
	for _, a := range n.Attached {
		questions = append(questions, func() error {
			_, err := e.docker.NetworkInspect(ctx, a.Name, network.InspectOptions{})
			if notFound(err) {
				return &fault.Fault{Kind: fault.NotFound, Message: "network " + a.Name + ": there is no such network", Hint: "docker network ls", Cause: err}
			}
			return e.explain("network "+a.Name, err)
		})
	}
	return together(questions)
}

// whole runs a call that makes something to its end, even when ctx ends meanwhile: the engine finishes it anyway, and
// what has no name yet could not be removed. What was made in vain is removed.
func (e *Engine) whole(ctx context.Context, subject string, kind sandbox.ObjectKind, call func(context.Context) (string, error)) error {
	if ctx.Err() != nil {
		return e.explain(subject, ctx.Err())
	}
	steady, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	name, err := call(steady)
	if err == nil && ctx.Err() == nil {
		return nil
	}
	if err == nil {
		err = e.explain(subject, ctx.Err())
	}
	if name == "" {
		return err
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if left := e.Remove(undo, kind, name); left != nil {
		return errors.Join(err, left)
	}
	return err
}

// PutFolder makes a folder in the container that has its volume, started or not, or gives it to whom it is to belong.
// This works with a read-only root and without capabilities.
func (e *Engine) PutFolder(ctx context.Context, id string, f sandbox.Folder) error {
	archive, err := archiveOf(&tar.Header{Typeflag: tar.TypeDir, Name: f.Name + "/", Mode: f.Mode, Uid: f.UID, Gid: f.GID})
	if err != nil {
		return err
	}
	return e.CopyIn(ctx, id, "/"+f.Parent, archive)
}

// Start starts a container. A network that was made anew under its name is joined again first; a port that is taken is
// named, with who has it.
func (e *Engine) Start(ctx context.Context, id string) error {
	err := e.docker.ContainerStart(ctx, id, container.StartOptions{})
	if err != nil && lostNetwork(err.Error()) {
		if err := e.rejoin(ctx, id); err != nil {
			return err
		}
		err = e.docker.ContainerStart(ctx, id, container.StartOptions{})
	}
	if err == nil {
		return nil
	}
	subject := e.called(ctx, id)
	if address := takenPort(err.Error()); address != "" {
		return &fault.Fault{
			Kind: fault.Conflict, Cause: errors.Join(sandbox.ErrPortTaken, err), Hint: "choose another: BERTH_LINKS_PORT=PORT",
			Message: fmt.Sprintf("%s: port %s is taken by %s", subject, address, e.publisher(ctx, address)),
		}
	}
	return e.explain(subject, err)
}

// called gives the name of a container as people know it, for errors only.
func (e *Engine) called(ctx context.Context, id string) string {
	name := id
	if c, err := e.docker.ContainerInspect(ctx, id); err == nil {
		name = c.Name
	}
	name = strings.TrimPrefix(name, "/")
	if own, ok := strings.CutPrefix(name, sandbox.ContainerName("")); ok {
		return "sandbox " + own
	}
	if len(name) == 64 {
		name = name[:12]
	}
	return "container " + name
}

// takenPort finds the address in the engine's two ways of saying that a port is taken; "" when it says something else.
func takenPort(text string) string {
	if _, rest, ok := strings.Cut(text, "Bind for "); ok && strings.Contains(rest, "port is already allocated") {
		address, _, _ := strings.Cut(rest, " failed")
		return address
	}
	before, _, ok := strings.Cut(text, ": bind: address already in use")
	if !ok {
		return ""
	}
	fields := strings.Fields(before)
	return fields[len(fields)-1]
}

// publisher names the container that publishes a port. Podman does not filter by it.
func (e *Engine) publisher(ctx context.Context, address string) string {
	port := address[strings.LastIndex(address, ":")+1:]
	list, err := e.docker.ContainerList(ctx, container.ListOptions{})
	publishes := func(p container.Port) bool { return strconv.Itoa(int(p.PublicPort)) == port }
	list = slices.DeleteFunc(list, func(c container.Summary) bool { return !slices.ContainsFunc(c.Ports, publishes) })
	if err != nil || len(list) == 0 {
		return "another program"
	}
	return strings.Join(namesOf(list), ", ")
}

func namesOf(list []container.Summary) []string {
	var names []string
	for _, c := range list {
		if len(c.Names) > 0 {
			names = append(names, "container "+strings.TrimPrefix(c.Names[0], "/"))
		}
	}
	return names
}

// Inspect reads a container back into a Spec, by id or name; kind NotFound when there is none.
func (e *Engine) Inspect(ctx context.Context, id string) (sandbox.Observed, error) {
	c, err := e.docker.ContainerInspect(ctx, id)
	if notFound(err) {
		return sandbox.Observed{}, &fault.Fault{Kind: fault.NotFound, Message: id + ": there is no such container", Cause: err}
	}
	if err != nil {
		return sandbox.Observed{}, e.explain(id, err)
	}
	return e.observe(c), nil
}

// Signal acts on a container. A stop or kill also thaws a paused one, which could not end otherwise; what already is
// as asked for is no failure. With a grace of 0 a stop takes the container's own.
func (e *Engine) Signal(ctx context.Context, id string, do sandbox.Action, grace time.Duration) error {
	act := map[sandbox.Action]func() error{
		sandbox.Stop:    func() error { return e.stop(ctx, id, grace) },
		sandbox.Kill:    func() error { return e.kill(ctx, id) },
		sandbox.Pause:   func() error { return e.pause(ctx, id) },
		sandbox.Unpause: func() error { return e.docker.ContainerUnpause(ctx, id) },
	}[do]
	if act == nil {
		return fault.New(fault.Failure, "", "%s: no such action", do)
	}
	err := act()
	if err == nil || alreadySo(do, err.Error()) {
		return nil
	}
	return e.explain(e.called(ctx, id), err)
}

func (e *Engine) stop(ctx context.Context, id string, grace time.Duration) error {
	if err := e.thaw(ctx, id); err != nil {
		return err
	}
	var options container.StopOptions
	if grace > 0 {
		seconds := int((grace + time.Second - 1) / time.Second)
		options.Timeout = &seconds
	}
	return e.docker.ContainerStop(ctx, id, options)
}

// pause looks whether it worked: without control groups Docker says yes and freezes nothing (rootless, cgroup v1).
func (e *Engine) pause(ctx context.Context, id string) error {
	if err := e.docker.ContainerPause(ctx, id); err != nil {
		return err
	}
	c, err := e.docker.ContainerInspect(ctx, id)
	if err == nil && c.State != nil && c.State.Running && !c.State.Paused {
		return fault.New(fault.Engine, "berth stop NAME", "%s: this engine has no control groups to pause it with", e.called(ctx, id))
	}
	return err
}

// kill thaws after the signal: so the sandbox does nothing in between. Podman would wait for the end of a frozen one.
func (e *Engine) kill(ctx context.Context, id string) error {
	if e.dialect.podman {
		if err := e.thaw(ctx, id); err != nil {
			return err
		}
	}
	if err := e.docker.ContainerKill(ctx, id, "KILL"); err != nil {
		return err
	}
	if err := e.thaw(ctx, id); err != nil && !notFound(err) {
		return nil // it is dead, as was asked for
	}
	return nil
}

func (e *Engine) thaw(ctx context.Context, id string) error {
	c, err := e.docker.ContainerInspect(ctx, id)
	if err != nil || c.State == nil || !c.State.Paused {
		return err
	}
	return e.docker.ContainerUnpause(ctx, id)
}

// alreadySo tells whether the engine refuses because there is nothing to do.
func alreadySo(do sandbox.Action, text string) bool {
	switch do {
	case sandbox.Stop, sandbox.Kill:
		return strings.Contains(text, "is not running") || strings.Contains(text, "container state improper") // Podman
	case sandbox.Pause:
		return strings.Contains(text, "is already paused")
	case sandbox.Unpause:
		return strings.Contains(text, "is not paused")
	}
	return false
}
