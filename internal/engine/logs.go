package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Logs reads a container's output, both streams in one, oldest first. The caller closes it.
func (e *Engine) Logs(ctx context.Context, id string, o sandbox.LogOptions) (io.ReadCloser, error) {
	c, err := e.docker.ContainerInspect(ctx, id)
	if err != nil {
		return nil, e.explain("logs of "+id, err)
	}
	options := container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: o.Follow, Timestamps: o.Timestamps, Tail: "all"}
	if o.Tail > 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	if !o.Since.IsZero() {
		options.Since = o.Since.Format(time.RFC3339Nano)
	}
	stream, err := e.docker.ContainerLogs(ctx, c.ID, options)
	if err != nil {
		return nil, e.explain("logs of "+id, err)
	}
	if c.Config != nil && c.Config.Tty {
		return stream, nil
	}
	return &demux{ReadCloser: stream}, nil
}

// demux takes the frame headers out of a stream: one byte for which stream, three of nothing, four of length.
type demux struct {
	io.ReadCloser
	left uint32 // bytes of the current frame
}

var errFrame = errors.New("not a stream of output frames")

func (d *demux) Read(p []byte) (int, error) {
	for d.left == 0 {
		var header [8]byte
		if _, err := io.ReadFull(d.ReadCloser, header[:]); err != nil {
			return 0, err
		}
		if header[0] > 3 || header[1]|header[2]|header[3] != 0 {
			return 0, errFrame
		}
		d.left = binary.BigEndian.Uint32(header[4:])
	}
	if uint64(len(p)) > uint64(d.left) {
		p = p[:d.left]
	}
	n, err := d.ReadCloser.Read(p)
	d.left -= uint32(n)
	if errors.Is(err, io.EOF) && d.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Watch calls back on each change of a container with a berth label, in the engine's order, until ctx ends (nil) or
// the engine goes away (kind Engine).
func (e *Engine) Watch(ctx context.Context, changed func(sandbox.Change)) error {
	messages, failed := e.docker.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", sandbox.LabelSandbox))})
	for {
		select {
		case m := <-messages:
			if c, ok := changeOf(m); ok {
				changed(c)
			}
		case err := <-failed:
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // whoever ended it wants no reason
			case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
				return &fault.Fault{Kind: fault.Engine, Message: e.at.label + ": the engine went away", Cause: err}
			}
			return e.explain(e.at.label, err)
		}
	}
}

// changeOf leaves out what is no sandbox, execs, whose events tell their command lines, and what follows a colon in an
// action.
func changeOf(m events.Message) (sandbox.Change, bool) {
	action, _, _ := strings.Cut(string(m.Action), ":")
	kind := m.Actor.Attributes[sandbox.LabelKind]
	if strings.HasPrefix(action, "exec_") || kind == sandbox.KindHelper || kind == sandbox.KindRelay {
		return sandbox.Change{}, false
	}
	code, _ := strconv.Atoi(m.Actor.Attributes["exitCode"])
	return sandbox.Change{
		Time: time.Unix(0, m.TimeNano).UTC(), ID: m.Actor.ID, Action: action, Code: code,
		Name: m.Actor.Attributes[sandbox.LabelSandbox],
	}, true
}
