package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// keptOutput bounds what an Exec without writers keeps of each stream.
const keptOutput = 1 << 20

// consoleSize is the API from which the terminal's size can be told before the command runs.
const consoleSize = "1.42"

// Exec runs a command in a running container and waits for it. A command that cannot be invoked has code 126, one that
// is not there 127, as in a shell. When ctx ends the connection does, but what runs inside goes on: the engine cannot
// kill an exec.
func (e *Engine) Exec(ctx context.Context, id string, x sandbox.Exec) (sandbox.ExecResult, error) {
	options := container.ExecOptions{
		User: x.User, WorkingDir: x.Dir, Env: x.Env, Cmd: x.Command, Tty: x.TTY,
		AttachStdin: x.Stdin != nil, AttachStdout: !x.Detach, AttachStderr: !x.Detach, Detach: x.Detach,
	}
	start := container.ExecStartOptions{Tty: x.TTY, Detach: x.Detach}
	if x.TTY && x.Size != [2]uint{} && e.dialect.atLeast(consoleSize) {
		options.ConsoleSize, start.ConsoleSize = &x.Size, &x.Size
	}
	made, err := e.docker.ContainerExecCreate(ctx, id, options)
	if err != nil {
		return sandbox.ExecResult{}, e.explain(e.called(ctx, id), err)
	}
	if x.Detach {
		return e.refused(ctx, id, e.docker.ContainerExecStart(ctx, made.ID, start))
	}
	stream, err := e.docker.ContainerExecAttach(ctx, made.ID, start)
	if err != nil {
		return e.refused(ctx, id, err)
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, stream.Close)()
	if x.TTY {
		defer e.followSize(ctx, made.ID, x)()
	}
	result, refusal, err := converse(stream, x)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return result, e.explain(e.called(context.WithoutCancel(ctx), id), err)
	}
	if refusal != "" {
		return e.refused(ctx, id, errors.New(refusal))
	}
	result.Code, err = e.exitCode(ctx, made.ID)
	return result, err
}

// refused gives the shell's exit code to a command that did not run at all.
func (e *Engine) refused(ctx context.Context, id string, err error) (sandbox.ExecResult, error) {
	if err == nil {
		return sandbox.ExecResult{}, nil
	}
	why := e.explain(e.called(ctx, id), err)
	switch said := err.Error(); {
	case contains(said, "executable file not found", ": no such file or directory", "command that was not found") && !contains(said, "chdir to cwd"):
		return sandbox.ExecResult{Code: 127}, why
	case contains(said, refusals...), contains(said, "permission denied"):
		return sandbox.ExecResult{Code: 126}, why
	}
	return sandbox.ExecResult{}, why
}

// converse carries the three streams until the output ends. Input that is still being read then is given up. A refusal
// is what the engine says instead of the command, in the stream of its output.
func converse(stream types.HijackedResponse, x sandbox.Exec) (result sandbox.ExecResult, refusal string, err error) {
	var stdout, stderr capped
	out, errs := &gate{to: x.Stdout}, x.Stderr
	if out.to == nil {
		out.to = &stdout
	}
	if errs == nil {
		errs = &stderr
	}
	if x.Stdin != nil {
		go func() {
			_, _ = io.Copy(stream.Conn, x.Stdin) // a command that ends does not read to the end
			_ = stream.CloseWrite()
		}()
	}
	if x.TTY {
		_, err = io.Copy(out, stream.Reader)
	} else {
		_, err = stdcopy.StdCopy(out, errs, stream.Reader)
	}
	return sandbox.ExecResult{Stdout: stdout.kept, Stderr: stderr.kept}, string(out.refusal), err
}

// refusals begin what an engine says in place of the output of a command that did not run.
var refusals = []string{"OCI runtime exec failed: ", "unable to find user ", "Error: crun: ", "Error: runc: "}

// gate keeps a refusal from the output. It comes in one piece, and nothing else comes.
type gate struct {
	to      io.Writer
	open    bool // the command runs: all is its own
	refusal []byte
}

func (g *gate) Write(p []byte) (int, error) {
	if g.open {
		return g.to.Write(p)
	}
	if len(g.refusal) == 0 && !slices.ContainsFunc(refusals, func(r string) bool { return bytes.HasPrefix(p, []byte(r)) }) {
		g.open = true
		return g.to.Write(p)
	}
	g.refusal = append(g.refusal, p...)
	return len(p), nil
}

// exitCode asks how an exec ended; a command that closed its output early is waited for.
func (e *Engine) exitCode(ctx context.Context, exec string) (int, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		state, err := e.docker.ContainerExecInspect(ctx, exec)
		if err != nil {
			return 0, e.explain("exec", err)
		}
		if !state.Running {
			return state.ExitCode, nil
		}
		if err := pause(ctx, wait); err != nil {
			return 0, e.explain("exec", err)
		}
	}
}

// followSize passes the terminal's size on until the returned function is called. Below API 1.42 the first size can be
// told only once the command runs, which is a moment after the attach.
func (e *Engine) followSize(ctx context.Context, exec string, x sandbox.Exec) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	resize := func(size [2]uint) error {
		return e.docker.ContainerExecResize(ctx, exec, container.ResizeOptions{Height: size[0], Width: size[1]})
	}
	go func() {
		for range 20 {
			if x.Size == [2]uint{} || resize(x.Size) == nil || pause(ctx, 10*time.Millisecond) != nil {
				break
			}
		}
		for {
			select {
			case <-ctx.Done():
				return
			case size, open := <-x.Resize:
				if !open {
					return
				}
				_ = resize(size) // the next one corrects it
			}
		}
	}()
	return cancel
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// capped keeps the first keptOutput bytes and drops the rest, so that the command can go on.
type capped struct{ kept []byte }

func (c *capped) Write(p []byte) (int, error) {
	c.kept = append(c.kept, p[:min(len(p), keptOutput-len(c.kept))]...)
	return len(p), nil
}

// CopyIn unpacks a tar archive into an existing folder of a container, with the owners and modes it holds.
func (e *Engine) CopyIn(ctx context.Context, id, folder string, archive io.Reader) error {
	err := e.docker.CopyToContainer(ctx, id, folder, archive, container.CopyToContainerOptions{})
	if err != nil {
		return e.explain(e.called(ctx, id)+":"+folder, err)
	}
	return nil
}

// CopyOut gives a file or folder of a container as a tar archive whose first entry is its base name. The content is
// the sandbox's: whoever unpacks it must expect links and names that lead elsewhere. The caller closes it.
func (e *Engine) CopyOut(ctx context.Context, id, path string) (io.ReadCloser, error) {
	archive, _, err := e.docker.CopyFromContainer(ctx, id, path)
	if notFound(err) {
		return nil, fault.New(fault.NotFound, "", "%s:%s: there is no such file", e.called(ctx, id), path)
	}
	if err != nil {
		return nil, e.explain(e.called(ctx, id)+":"+path, err)
	}
	return archive, nil
}
