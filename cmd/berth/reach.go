package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"berth/internal/fault"
	"berth/internal/gateway"
	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/state"
)

// gateways reaches sandboxes through their gateway processes, and those whose links were published by their ports.
type gateways struct {
	store *state.Store
	flags []string // of this berth, that choose the engine: a gateway must find the same one
}

var _ launch.Reach = gateways{}

func (g gateways) client(name string) gateway.Client {
	return gateway.Client{Path: g.store.Socket(name)}
}

// engineFlags are the flags of this berth that choose an engine, for a gateway to find the same one.
func (a *app) engineFlags() []string {
	var out []string
	if a.global.config != "" {
		out = append(out, "--config", a.global.config)
	}
	for _, f := range a.flags {
		if f.Key == "host" || f.Key == "context" {
			for _, value := range f.Values {
				out = append(out, "--"+f.Key, value)
			}
		}
	}
	return out
}

// Serves tells whether a gateway process lives.
func (g gateways) Serves(name string) bool { return g.store.Held(state.Gateway, name) }

// How long a gateway that is reconnecting, or one that was told to end, is waited for.
const (
	reconnectLimit = 5 * time.Second
	endLimit       = 3 * time.Second
	gatewayPause   = 10 * time.Millisecond
)

// published gives where the engine has bound a port, the zero value where it has not; a promise is not a port.
func published(o sandbox.Observed, port uint16) netip.AddrPort {
	for _, p := range o.Published {
		if p.Container == port && p.Host.Addr().IsLoopback() {
			return p.Host
		}
	}
	return netip.AddrPort{}
}

// Open finds the gateway of this run of a sandbox, or starts one.
func (g gateways) Open(ctx context.Context, o sandbox.Observed) (string, error) {
	name := o.Spec.Name
	if len(o.Spec.Network.Ports) > 0 {
		return "the links are published on 127.0.0.1", nil
	}
	if g.Serves(name) {
		if how, ok := g.joined(ctx, name, runOf(o)); ok {
			return how, nil
		}
		if err := g.Close(ctx, name); err != nil {
			return "", err
		}
	}
	for again := true; ; again = false {
		how, err := g.start(ctx, name)
		if err == nil || !again || fault.KindOf(err) != fault.Conflict || errors.Is(err, sandbox.ErrPortTaken) {
			return how, err
		}
		if how, ok := g.joined(ctx, name, runOf(o)); ok { // another berth was quicker
			return how, nil
		}
	}
}

// joined waits for the carrier of a gateway that is there; ok is false when it is another run's or does not answer.
func (g gateways) joined(ctx context.Context, name, run string) (how string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, reconnectLimit)
	defer cancel()
	for {
		status, err := g.client(name).Status(ctx)
		if err != nil && g.Serves(name) && ctx.Err() == nil && fault.KindOf(err) == fault.NotReady {
			status.Run = run // it is only just starting
		} else if err != nil || status.Run != run {
			return "", false
		}
		if status.Carrier != "" {
			return by(status.Carrier), true
		}
		if !pauseFor(ctx, gatewayPause) {
			return "", false
		}
	}
}

func by(carrier string) string { return "the tunnel goes by " + carrier }

// pauseFor waits; false when ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// start starts the gateway of a sandbox that runs, and waits until its links listen and its carrier is joined.
func (g gateways) start(ctx context.Context, name string) (string, error) {
	p, err := g.spawn(name)
	if err != nil {
		return "", err
	}
	return p.answer(ctx)
}

// Prepare starts a gateway that waits for its sandbox to run: its process has begun by then. nil if it cannot be; Open
// says why.
func (g gateways) Prepare(name string) launch.Opening {
	p, err := g.spawn(name, "--wait")
	if err != nil {
		return nil
	}
	return &prepared{gateways: g, process: p}
}

// prepared is a gateway that waits.
type prepared struct {
	gateways
	process *gatewayProcess // nil once it was told, or ended
}

// Join tells the gateway that its sandbox runs. One that could not wait, for instance since another has not ended yet,
// is started anew.
func (p *prepared) Join(ctx context.Context, o sandbox.Observed) (string, error) {
	process := p.process
	p.process = nil
	told := o
	told.Spec = sandbox.Spec{Name: o.Spec.Name} // the rest it has read
	err := errors.Join(json.NewEncoder(process.in).Encode(told), process.in.Close())
	how, said := process.answer(ctx)
	if ctx.Err() == nil && (err != nil || fault.KindOf(said) == fault.Conflict) && !errors.Is(said, sandbox.ErrPortTaken) {
		return p.Open(ctx, o)
	}
	return how, said
}

// Drop ends the gateway and waits for it: nothing of a launch that failed stays.
func (p *prepared) Drop() {
	if p.process == nil {
		return
	}
	_ = p.process.in.Close()
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	_, _ = p.process.answer(ctx) // that there is no sandbox
	p.process = nil
}

// gatewayProcess is one that has not answered yet.
type gatewayProcess struct {
	name, log string
	in        io.WriteCloser
	out       io.ReadCloser
	cmd       *exec.Cmd
}

// spawn starts a gateway's process, which outlives this one.
func (g gateways) spawn(name string, flags ...string) (*gatewayProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(g.store.GatewayLog(name), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()                                                                      //nolint:errcheck // the gateway has it open
	cmd := exec.Command(self, slices.Concat(g.flags, []string{"gateway", name}, flags)...) //nolint:noctx // it outlives this process
	cmd.Stderr, cmd.Dir = log, "/"
	host.Detach(cmd)
	p := &gatewayProcess{name: name, log: log.Name(), cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return p, cmd.Start()
}

// answer reads the one line that the process says.
func (p *gatewayProcess) answer(ctx context.Context) (string, error) {
	// Whoever started it may live as long, so it is waited for; but not before it is read, for then the pipe is closed.
	defer func() { go func() { _ = p.cmd.Wait() }() }()
	defer context.AfterFunc(ctx, func() { _ = p.out.Close() })()
	var answer gatewayAnswer
	line, err := bufio.NewReader(p.out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", fault.New(fault.Failure, "look into "+p.log, "%s: its gateway ended without a word", p.name)
	}
	return by(answer.How), answer.err(p.name)
}

// Close ends the gateway and waits until its ports are free.
func (g gateways) Close(ctx context.Context, name string) error {
	if !g.Serves(name) {
		return nil
	}
	_ = g.client(name).Stop(ctx) // one that does not answer is just starting, or ending
	limit, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	for g.Serves(name) {
		if !pauseFor(limit, gatewayPause) {
			return fault.New(fault.Conflict, "end the process berth gateway "+name, "%s: its gateway does not end", name)
		}
		_ = g.client(name).Stop(limit)
	}
	return nil
}

// Address gives where a link listens, by what was promised; the gateway took no other port.
func (g gateways) Address(o sandbox.Observed, port uint16) netip.AddrPort {
	if at := published(o, port); at.IsValid() {
		return at
	}
	record, err := g.store.Record(o.Spec.Name)
	if err != nil || !g.Serves(o.Spec.Name) {
		return netip.AddrPort{}
	}
	at := record.Extra[port]
	if i := slices.Index(launch.InsidePorts[:], port); i >= 0 {
		at = record.Ports[i]
	}
	if at == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at)
}

// Dial connects to a port inside by the gateway's carrier.
func (g gateways) Dial(ctx context.Context, o sandbox.Observed, port uint16) (net.Conn, error) {
	if len(o.Spec.Network.Ports) > 0 {
		dialer := net.Dialer{Timeout: time.Second}
		return dialer.DialContext(ctx, "tcp", published(o, port).String())
	}
	conn, err := g.client(o.Spec.Name).Dial(ctx, port)
	if !g.died(o.Spec.Name, err) {
		return conn, err
	}
	if _, err := g.Open(ctx, o); err != nil {
		return nil, err
	}
	return g.client(o.Spec.Name).Dial(ctx, port)
}

// clientKey gives what programs that are no browsers send as X-Session-API-Key: the gateway's own key, or the server's
// where its port is published.
func (s *session) clientKey(ctx context.Context, name string) (secret.String, error) {
	status, err := s.Status(ctx, name)
	if err != nil {
		return secret.String{}, err
	}
	if len(status.Observed.Spec.Network.Ports) == 0 {
		return gateways{store: s.Store}.client(name).ClientKey(ctx)
	}
	record, err := s.Store.Record(name)
	return record.Keys.Session, err
}

// died tells by how a socket failed whether its gateway was killed: one that has not come yet, or that ended in peace,
// leaves none.
func (g gateways) died(name string, err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) && !g.Serves(name)
}

// Key mints a one-time key; a published link has none.
func (g gateways) Key(ctx context.Context, o sandbox.Observed, kind launch.LinkKind) (secret.String, error) {
	if len(o.Spec.Network.Ports) > 0 {
		return secret.String{}, nil
	}
	return g.client(o.Spec.Name).Mint(ctx, string(kind))
}
