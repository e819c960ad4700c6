package launch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"berth/internal/agentserver"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/text"
)

// How often a server is asked: often at first, since most answer within milliseconds, and seldom once it is clear
// that this one is slow (performance.md: at most 16 ms too late, 55 requests in the first second).
const (
	firstPause = time.Millisecond
	shortPause = 20 * time.Millisecond
	longPause  = 100 * time.Millisecond
	shortPhase = 2 * time.Second
	askLimit   = 5 * time.Second // for one request; a server that is loading modules accepts long before it answers
)

// ready waits until the server answers.
func (r *run) ready(ctx context.Context) error {
	if !r.plan.Contract.HasAPI() {
		return nil
	}
	client := r.client(r.seen)
	return r.await(ctx, func(ctx context.Context) error { return client.Ready(ctx, r.plan.Contract) })
}

// keyed waits until the server's key is in force: before that no link to it is shown.
func (r *run) keyed(ctx context.Context) error {
	if !r.plan.Contract.HasAPI() {
		return nil
	}
	return r.await(ctx, r.client(r.seen).KeyInForce)
}

// await asks a server until it gives no more reason to ask again. One that is only slow is left alone: NotReady.
func (r *run) await(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.plan.ReadyTimeout, errSlow)
	defer cancel()
	var last agentserver.Answered
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		err := ask(ctx)
		errors.As(err, &last)
		if err == nil || !errors.Is(err, agentserver.ErrStarting) && fault.KindOf(err) != fault.NotReady {
			return true, err
		}
		return false, r.stillRunning()
	})
	if errors.Is(err, errSlow) {
		return r.slow(ctx, last)
	}
	return err
}

var errSlow = errors.New("not ready in time")

// poll calls ask until it is done, fails or ctx ends; it gives ctx's cause then.
func poll(ctx context.Context, ask func(context.Context) (done bool, err error)) error {
	begun, pause := time.Now(), firstPause
	for {
		done, err := ask(ctx)
		if done || err != nil && ctx.Err() == nil {
			return err
		}
		if time.Since(begun) > shortPhase {
			pause = longPause
		} else {
			pause = min(pause*3/2, shortPause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// stillRunning gives the reason why a server that does not answer never will, or nil.
func (r *run) stillRunning() error {
	select {
	case <-r.died:
		return errEnded
	default:
		return nil
	}
}

// errEnded is what a step says whose sandbox is gone; because then finds out why.
var errEnded = errors.New("the sandbox has ended")

// ended says why a sandbox is not running any more, with its last lines.
func (r *run) ended(ctx context.Context, seen sandbox.Observed) error {
	tail := r.tail(ctx, seen.Spec.Name, seen.ID)
	sentence, hint := agentserver.Explain(agentserver.Contract(seen.Spec.Labels[sandbox.LabelContract]), agentserver.Ending{
		Code: seen.ExitCode, OOMKilled: seen.OOMKilled, Error: seen.Error,
		Ran: seen.Ended.Sub(seen.Started), Tail: strings.Join(tail, "\n"),
		Foreign: r.plan.foreign(),
	})
	r.lastLines(seen.Spec.Name, tail)
	return fault.New(fault.Failure, hint, "%s: %s", seen.Spec.Name, sentence)
}

// slow leaves a server that may yet come, and says what it answered last, if it did.
func (r *run) slow(ctx context.Context, last agentserver.Answered) error {
	name, why := r.plan.Spec.Name, ""
	if last.Status != 0 {
		why = ": " + last.Error()
	}
	r.lastLines(name, r.tail(context.WithoutCancel(ctx), name, r.id))
	return fault.New(fault.NotReady, "berth logs -f "+name+"    or remove it: berth rm -f "+name,
		"%s: not ready after %s%s; it is left running", name, r.plan.ReadyTimeout, why)
}

// tailLines is how much of a sandbox's output a failure shows.
const tailLines = 20

// tail gives the last lines of a sandbox, without its keys: a server's access log holds whole URLs.
func (l *Launcher) tail(ctx context.Context, name, id string) []string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := l.Runtime.Logs(ctx, id, sandbox.LogOptions{Tail: tailLines})
	if err != nil {
		return nil
	}
	defer out.Close() //nolint:errcheck // only read from
	raw, err := io.ReadAll(io.LimitReader(out, 256<<10))
	if err != nil || len(raw) == 0 {
		return nil
	}
	hide := l.redactor(name)
	lines := strings.Split(strings.TrimRight(text.Strip(string(raw)), "\n"), "\n")
	for i, line := range lines {
		lines[i] = hide.String(text.Line(agentserver.LogLine(line))) // JSON may have held what was stripped outside it
	}
	return lines
}

// redactor takes a sandbox's keys out of a text; without a record only what stands behind a key's name.
func (l *Launcher) redactor(name string) *secret.Redactor {
	record, err := l.Store.Record(name)
	if err != nil {
		return secret.NewRedactor()
	}
	return secret.NewRedactor(record.Keys.Session, record.Keys.Secret)
}

func (l *Launcher) lastLines(name string, lines []string) {
	for _, line := range lines {
		l.Sink(event.Event{Time: time.Now().UTC(), Sandbox: name, Step: "log", Stage: event.Note, Text: line})
	}
}

// client asks the server of a sandbox over its reach.
func (l *Launcher) client(o sandbox.Observed) agentserver.Client {
	return agentserver.Client{Do: l.doer(o, agentserver.APIPort).Do, Key: l.key(o.Spec.Name)}
}

// doer makes requests to one port inside, each over a connection of its own: while a server starts, a kept
// connection may be one that the engine's proxy accepted and nobody answers.
func (l *Launcher) doer(o sandbox.Observed, port uint16) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return l.Reach.Dial(ctx, o, port)
		},
		DisableKeepAlives: true,
		Proxy:             nil, // the sandbox is on this machine
	}
	return &http.Client{Transport: transport, Timeout: askLimit, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func (l *Launcher) key(name string) secret.String {
	record, err := l.Store.Record(name)
	if err != nil {
		return secret.String{}
	}
	return record.Keys.Session
}
