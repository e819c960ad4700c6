package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	clitypes "github.com/docker/cli/cli/config/types"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// patience says how long a pull may be silent.
type patience struct {
	note   time.Duration // then a note says that the registry has not answered
	giveUp time.Duration // then the pull has failed
	unpack time.Duration // the same, once a layer is being unpacked, which some engines do in silence
	retry  time.Duration // before the first retry; twice as long before each further one
	helper time.Duration // for a credential helper
}

var usualPatience = patience{
	note: 3 * time.Second, giveUp: 30 * time.Second, unpack: 10 * time.Minute, retry: time.Second, helper: 10 * time.Second,
}

const (
	pullRetries = 3
	pullStep    = "pull"
	hintOffline = "--image workbench or --image starter need no registry"
)

var errSilent = errors.New("silent")

// Pull fetches ref for a platform ("" is the engine's), reporting layers, and gives the image as it then is. A lost
// connection is tried again three times; a refusal is not. Failures are of kind Image.
func (e *Engine) Pull(ctx context.Context, ref, platform string, sink event.Sink) (sandbox.LocalImage, error) {
	auth, err := e.credentials(ctx, ref)
	if err != nil {
		return sandbox.LocalImage{}, err
	}
	options := image.PullOptions{RegistryAuth: auth, Platform: platform}
	for try := 0; ; try++ {
		err = e.pullOnce(ctx, ref, options, sink)
		if err == nil || try == pullRetries || !lostConnection(err) {
			break
		}
		note(sink, fmt.Sprintf("%s: the connection was lost, trying again (%d of %d)", ref, try+1, pullRetries))
		if pause(ctx, e.patience.retry<<try) != nil {
			break
		}
	}
	if err != nil {
		return sandbox.LocalImage{}, e.explainPull(ctx, ref, err)
	}
	return e.pulled(ctx, ref, platform)
}

// pulled reads the image back, and holds it against the platform asked for: an engine may have answered with another.
func (e *Engine) pulled(ctx context.Context, ref, platform string) (sandbox.LocalImage, error) {
	found, err := e.Image(ctx, ref)
	if err != nil {
		return found, err
	}
	if have := found.Platform; platform != "" && have != platform && !strings.HasPrefix(have, platform+"/") {
		return found, fault.New(fault.Image, "", "%s: the image is for %s, not for %s", ref, have, platform)
	}
	return found, nil
}

// pullOnce follows one pull to its end; HTTP 200 with an error in the stream is a failure.
func (e *Engine) pullOnce(ctx context.Context, ref string, options image.PullOptions, sink event.Sink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patient := time.AfterFunc(e.patience.note, func() {
		note(sink, ref+": the registry has not answered yet; "+hintOffline)
	})
	defer patient.Stop()
	silent := time.AfterFunc(e.patience.giveUp, func() { cancel(errSilent) })
	defer silent.Stop()

	stream, err := e.docker.ImagePull(ctx, ref, options)
	if err != nil {
		return causeOr(ctx, err)
	}
	defer stream.Close()
	layers := newLayers(ref, sink)
	for decoder := json.NewDecoder(stream); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return causeOr(ctx, err)
		}
		patient.Stop()
		silent.Reset(e.patience.giveUp)
		if err := m.failure(); err != nil {
			return err
		}
		if layers.update(m); layers.unpacking {
			silent.Reset(e.patience.unpack)
		}
	}
}

// causeOr prefers why a context ended to what that looked like.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (e *Engine) explainPull(ctx context.Context, ref string, err error) error {
	if errors.Is(err, errSilent) && ctx.Err() == nil {
		return &fault.Fault{Kind: fault.Image, Hint: hintOffline, Cause: err,
			Message: fmt.Sprintf("%s: the registry sent nothing for %s", ref, e.patience.giveUp)}
	}
	if ctx.Err() == nil && contains(strings.ToLower(err.Error()), "client.timeout exceeded", "context deadline exceeded") {
		return &fault.Fault{Kind: fault.Image, Hint: hintOffline, Cause: err, Message: ref + ": the registry does not answer"}
	}
	err = e.explain(ref, err)
	var f *fault.Fault
	if errors.As(err, &f) && (f.Kind == fault.NotFound || f.Kind == fault.Failure || f.Kind == fault.Engine && f.Hint == "") {
		return &fault.Fault{Kind: fault.Image, Message: f.Message, Hint: cmp.Or(f.Hint, hintOffline), Cause: f.Cause}
	}
	return err
}

// lostConnection tells a failure of the way from an answer of the registry.
func lostConnection(err error) bool {
	return contains(strings.ToLower(err.Error()), "connection reset", "unexpected eof", "broken pipe", "http2: stream closed",
		"502 bad gateway", "503 service unavailable", "504 gateway")
}

func note(sink event.Sink, text string) {
	sink(event.Event{Time: time.Now().UTC(), Step: pullStep, Stage: event.Note, Text: text})
}

// credentials asks the docker command's settings and helpers for the login to ref's registry.
func (e *Engine) credentials(ctx context.Context, ref string) (string, error) {
	server, _, _ := strings.Cut(repository(ref), "/")
	if server == "docker.io" {
		server = "https://index.docker.io/v1/" // the odd key under which all logins to Docker Hub are kept
	}
	type answer struct {
		auth clitypes.AuthConfig
		err  error
	}
	asked := make(chan answer, 1)
	go func() {
		auth, err := e.options.dockerConfig().GetAuthConfig(server)
		asked <- answer{auth, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, e.patience.helper)
	defer cancel()
	select {
	case <-ctx.Done():
		return "", fault.New(fault.Image, "docker login "+server, "%s: the credential helper for %s does not answer", ref, server)
	case a := <-asked:
		if a.err != nil {
			return "", fault.New(fault.Image, "install it, or take credsStore out of the docker command's config.json",
				"%s: no credentials for %s: %s", ref, server, words(a.err.Error()))
		}
		return encodeAuth(a.auth)
	}
}

func encodeAuth(a clitypes.AuthConfig) (string, error) {
	if a == (clitypes.AuthConfig{}) {
		return "", nil
	}
	return registry.EncodeAuthConfig(registry.AuthConfig(a))
}
