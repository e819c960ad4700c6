package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/egress"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/gateway"
	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/state"
	"berth/internal/tunnel"
)

// gatewayCommand is the process that serves one sandbox's links: a launch starts it, and it ends with its sandbox.
func (a *app) gatewayCommand() *cobra.Command {
	wait := false
	c := &cobra.Command{
		Use:    "gateway NAME",
		Short:  "Serve a sandbox's links until it ends (berth starts this by itself)",
		Hidden: true,
		Args:   between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.gateway(cmd.Context(), args[0], wait)
			if err != nil {
				tellParent(gatewayAnswer{
					Kind: fault.KindOf(err), Message: err.Error(), Hint: fault.HintOf(err), Taken: errors.Is(err, syscall.EADDRINUSE),
				})
			}
			return err
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "begin once the standard input tells of a sandbox that runs")
	return c
}

// gatewayMemory bounds in bytes how lazily a gateway collects what it no longer needs: a sandbox that floods the tunnel
// makes it hold up to 160 MiB of unread bytes (see tunnel), and would make it hold twice that.
const gatewayMemory = 160 << 20

// gatewayGarbage is how much may lie about, in per cent of what is in use: connections that wait and bytes that pass by
// leave next to none, and there is a gateway for each sandbox.
const gatewayGarbage = 25

// gatewayAnswer is the one line that a gateway says to whoever started it, on its standard output.
type gatewayAnswer struct {
	How     string     `json:"how,omitempty"` // the carrier
	Kind    fault.Kind `json:"kind,omitempty"`
	Message string     `json:"message,omitempty"`
	Hint    string     `json:"hint,omitempty"`
	Taken   bool       `json:"taken,omitempty"` // a port is somebody else's
}

// err is what the gateway said, nil if it serves.
func (a gatewayAnswer) err(name string) error {
	switch {
	case a.Taken:
		return &fault.Fault{Kind: a.Kind, Message: a.Message, Cause: sandbox.ErrPortTaken,
			Hint: "end whoever listens there, or give " + name + " other ports: berth up --recreate"}
	case a.Message != "":
		return fault.New(a.Kind, a.Hint, "%s", a.Message)
	}
	return nil
}

func tellParent(answer gatewayAnswer) {
	text, err := json.Marshal(answer)
	if err == nil {
		_, _ = os.Stdout.Write(append(text, '\n')) // the parent may be gone: the links are served all the same
	}
	_ = os.Stdout.Close()
}

// toldBy waits for the line on which a launch tells that its sandbox runs now. A launch that fails says nothing.
func toldBy(launch io.Reader) func(context.Context) (sandbox.Observed, error) {
	return func(context.Context) (sandbox.Observed, error) {
		var seen sandbox.Observed
		err := json.NewDecoder(launch).Decode(&seen)
		if err != nil {
			err = fault.New(fault.NotFound, "", "no sandbox: its launch has ended: %w", err)
		}
		return seen, err
	}
}

func (a *app) gateway(ctx context.Context, name string, wait bool) error {
	s, err := a.attend(ctx)
	if err != nil {
		return err
	}
	lock, err := s.Store.TryLock(state.Gateway, name, "serving links")
	if err != nil {
		return err
	}
	defer lock.Unlock() //nolint:errcheck // the process ends
	var seen func(context.Context) (sandbox.Observed, error)
	if wait {
		seen = toldBy(os.Stdin)
	}
	served, err := s.Served(ctx, name, seen)
	if err != nil {
		return err
	}
	if !running(served.Seen.State) && served.Seen.State != sandbox.Paused {
		return fault.New(fault.Conflict, "berth start "+name, "%s: it is %s, not up", name, served.Seen.State)
	}
	config, err := a.gatewayConfig(s, served)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(gatewayMemory)
	return gateway.Run(ctx, config)
}

func (a *app) gatewayConfig(s *session, served launch.Served) (gateway.Config, error) {
	proxy, err := proxyOptions(s.Host)
	if err != nil {
		return gateway.Config{}, err
	}
	name, id, run := served.Record.Name, served.Seen.ID, runOf(served.Seen)
	revoked, err := s.Store.Revoked(name, run)
	if err != nil {
		return gateway.Config{}, err
	}
	c := gateway.Config{
		Front: gateway.FrontConfig{
			Name: name, Session: served.Record.Keys.Session, Secret: served.Record.Keys.Gateway,
			Run: run, UID: s.Host.UID, WSL: s.Host.WSL.Present(), Sink: a.print.Event,
			Revoked: revoked, OnRevoke: func(login string) { a.keepRevoked(s.Store, name, run, login) },
		},
		Policy: served.Egress,
		Proxy:  proxy,
		Socket: s.Store.Socket(name),
		State: func(ctx context.Context) (sandbox.State, error) {
			seen, err := s.engine.Inspect(ctx, id)
			return seen.State, err
		},
		Watch: func(ctx context.Context, changed func(sandbox.Change)) error {
			return s.engine.Watch(ctx, func(c sandbox.Change) {
				if c.ID == id {
					changed(c)
				}
			})
		},
		Ready: func(st gateway.Status) {
			tellParent(gatewayAnswer{How: st.Carrier})
			debug.SetGCPercent(gatewayGarbage)
			host.ForgetStart()
		},
	}
	var ports tunnel.Ports
	for _, l := range served.Links {
		if l.Missing == "" {
			ports = append(ports, l.Inside)
			c.Front.Plain = c.Front.Plain || l.Plain && l.Kind != launch.API
			c.Front.Links = append(c.Front.Links, gateway.Link{Kind: string(l.Kind), Inside: l.Inside, Port: l.Host})
		}
	}
	proxied := served.Egress.Mode == egress.On || served.Egress.Mode == egress.List
	seen := served.Seen // of the first opening; later ones may find another run
	c.Open = func(ctx context.Context) (gateway.Carrier, error) {
		var err error
		if seen.ID == "" {
			if seen, err = s.engine.Inspect(ctx, id); err != nil {
				return nil, err
			}
		}
		pid := seen.Pid
		seen = sandbox.Observed{}
		return openCarrier(ctx, s.engine, id, pid, served.Folder, ports, proxied)
	}
	return c, nil
}

// keepRevoked keeps a login out for good: a gateway that is started again would let it in.
func (a *app) keepRevoked(store *state.Store, name, run, login string) {
	if err := store.Revoke(name, run, login); err != nil {
		a.print.Event(event.Event{Time: time.Now().UTC(), Sandbox: name, Step: "gateway", Stage: event.Warning,
			Text: "a login that was ended cannot be kept out of the next gateway: " + err.Error()})
	}
}

// proxyOptions let the egress proxy go the way of this machine's own programs.
func proxyOptions(h host.Facts) (egress.Options, error) {
	upstream, err := egress.UpstreamOf(h.Env)
	return egress.Options{Upstream: upstream}, err
}

// runOf names one run of a sandbox: what was bound to the last one does not hold in the next.
func runOf(o sandbox.Observed) string {
	return o.ID + " " + o.Started.UTC().Format("20060102T150405.000000000")
}
