// Package engine is all of Docker's API in berth's words: find the engine, observe it, make and remove things in it; it knows no rule, plan or screen.
package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"berth/internal/fault"
)

// oldestAPI is that of Docker 20.10, the first with all that a sandbox needs (platform in the create call).
const oldestAPI = "1.41"

// pingTimeout bounds the first answer; ssh also has to log in.
const (
	pingTimeout    = 5 * time.Second
	sshPingTimeout = 30 * time.Second
)

// Engine is one container engine that has answered. It outlives a restart of the engine: a later call connects anew.
type Engine struct {
	docker  *client.Client
	at      endpoint
	dialect dialect
	options Options

	patience patience
	runtime  atomic.Pointer[string] // the default OCI runtime, once Observe has asked for it
}

// dialect is what one engine understands.
type dialect struct {
	api    string // negotiated
	podman bool
}

func (d dialect) atLeast(api string) bool { return versions.GreaterThanOrEqualTo(d.api, api) }

// Open finds the engine as the docker command does (host, context, DOCKER_HOST, DOCKER_CONTEXT, currentContext), else
// at the known sockets, and asks it once for its version. What is named is never silently replaced by another.
// It fails with a fault of kind Engine.
func Open(ctx context.Context, o Options) (*Engine, error) {
	named, err := o.named()
	if err != nil {
		return nil, err
	}
	if named != nil {
		return dial(ctx, *named, o)
	}
	return firstOf(ctx, o.sockets(), o)
}

// firstOf opens the first place that answers. When none does, it tells of the first that is there at all.
func firstOf(ctx context.Context, places []endpoint, o Options) (*Engine, error) {
	var first error
	for _, place := range places {
		if place.missing() {
			continue
		}
		e, err := dial(ctx, place, o)
		if err == nil {
			return e, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = fault.New(fault.Engine, hintStart, "no container engine: there is no socket of one on this machine")
	}
	return nil, first
}

// Close lets go of idle connections.
func (e *Engine) Close() error { return e.docker.Close() }

// Endpoint gives the address as the docker command writes it: unix:///var/run/docker.sock.
func (e *Engine) Endpoint() string { return e.at.Host }

// API gives the negotiated version of the API, "1.41".
func (e *Engine) API() string { return e.dialect.api }

// Remote tells whether bind sources are folders of another machine.
func (e *Engine) Remote() bool { return e.at.remote() }

// Ping asks for a sign of life; it fails with kind Engine.
func (e *Engine) Ping(ctx context.Context) error {
	_, err := ping(ctx, e.docker, e.at)
	return err
}

// dial connects to one endpoint and settles the version with a single request.
func dial(ctx context.Context, at endpoint, o Options) (*Engine, error) {
	if err := at.check(); err != nil {
		return nil, err
	}
	options, err := at.ClientOpts()
	if err != nil {
		return nil, fault.New(fault.Engine, "", "%s: %w", at.label, err)
	}
	docker, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, fault.New(fault.Engine, "", "%s: %w", at.label, err)
	}
	answer, err := ping(ctx, docker, at)
	if err != nil {
		docker.Close()
		return nil, err
	}
	if answer.api == "" || versions.LessThan(answer.api, oldestAPI) {
		docker.Close()
		return nil, fault.New(fault.Engine, "update the engine: Docker 20.10 or Podman 4 are the oldest that berth can use",
			"%s: the engine speaks API %s, berth needs %s or newer", at.label, orUnknown(answer.api), oldestAPI)
	}
	docker.NegotiateAPIVersionPing(types.Ping{APIVersion: answer.api})
	return &Engine{docker: docker, at: at, options: o, patience: usualPatience,
		dialect: dialect{api: docker.ClientVersion(), podman: strings.HasPrefix(answer.server, "Libpod/")}}, nil
}

// pong is what an engine says of itself before anything is asked.
type pong struct {
	api    string // newest it speaks
	server string // "Docker/20.10.24 (linux)", "Libpod/4.3.1 (linux)"
}

// ping is the client's own, but keeps the Server header, which alone tells Podman at no cost, and the raw error.
func ping(ctx context.Context, docker *client.Client, at endpoint) (pong, error) {
	limit := pingTimeout
	if strings.HasPrefix(at.Host, "ssh://") {
		limit = sshPingTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	url, err := at.pingURL(docker.DaemonHost())
	if err != nil {
		return pong{}, fault.New(fault.Engine, "", "%s: %w", at.label, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return pong{}, fault.New(fault.Engine, "", "%s: %w", at.label, err)
	}
	response, err := docker.HTTPClient().Do(request)
	if err != nil {
		return pong{}, unreachable(at.label, err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // so that the connection is kept
	if response.StatusCode >= http.StatusBadRequest {
		return pong{}, fault.New(fault.Engine, "", "%s: answers %s, not like a container engine", at.label, response.Status)
	}
	return pong{api: response.Header.Get("Api-Version"), server: response.Header.Get("Server")}, nil
}

const hintStart = "start one, e.g. sudo systemctl start docker; or name one: DOCKER_HOST=unix:///path/docker.sock"

// unreachable says why nothing answered at an endpoint.
func unreachable(label string, err error) error {
	kind, hint, reason := fault.Engine, "", ""
	switch {
	case errors.Is(err, context.Canceled):
		kind, reason = fault.Interrupted, "interrupted"
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		reason, hint = "the engine does not answer in time", "see whether it is busy or hangs: sudo journalctl -u docker -n 50"
	case errors.Is(err, fs.ErrPermission):
		reason = "this user may not use the engine's socket"
		hint = "sudo usermod -aG docker $USER and log in again (the group is as powerful as root); without root: dockerd-rootless-setuptool.sh install"
	case errors.Is(err, fs.ErrNotExist):
		reason, hint = "there is no such socket", hintStart
	case strings.Contains(err.Error(), "connection refused"):
		reason, hint = "no engine answers there", hintStart
	default:
		reason = "the engine cannot be reached: " + words(innermost(err).Error())
	}
	return &fault.Fault{Kind: kind, Hint: hint, Message: label + ": " + reason, Cause: err}
}

func innermost(err error) error {
	for {
		below := errors.Unwrap(err)
		if below == nil {
			return err
		}
		err = below
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "of an unknown version"
	}
	return s
}
