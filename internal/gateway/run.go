package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"berth/internal/egress"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/secret"
)

// Config is one sandbox's gateway.
type Config struct {
	Front  FrontConfig   // without Dial, which the carrier gives
	Policy egress.Policy // what programs inside may reach
	Proxy  egress.Options
	Socket string // of its control; the folder is this user's alone
	// Open joins a carrier to the sandbox.
	Open func(context.Context) (Carrier, error)
	// State asks the engine how the sandbox is; kind NotFound when it is gone, Engine when nobody answers.
	State func(context.Context) (sandbox.State, error)
	// Watch tells of the sandbox's changes until ctx ends or the engine goes away.
	Watch func(ctx context.Context, changed func(sandbox.Change)) error
	// Ready is told once, when the links listen and the first carrier is joined.
	Ready func(Status)
}

// Status is how a gateway stands.
type Status struct {
	Run       string     `json:"run"`     // of the sandbox
	Carrier   string     `json:"carrier"` // "socket", "exec", "" while reconnecting
	Listening []string   `json:"listening"`
	Egress    string     `json:"egress"`
	Once      []string   `json:"once,omitempty"`   // targets that were allowed since this gateway began
	Denied    []Decision `json:"denied,omitempty"` // the newest refusals that nobody has answered, oldest first
}

// Decision is one wish of the egress proxy that was refused, or one that was allowed.
type Decision = egress.Decision

// gateway is what Run holds.
type gateway struct {
	Config
	front     *Front
	keeper    *keeper
	proxy     *egress.Proxy
	listening []string
	journal   journal
	stop      context.CancelCauseFunc
}

// errStopped is why a gateway ends that was asked to.
var errStopped = errors.New("asked to stop")

// Run serves a sandbox's links until the sandbox ends, somebody asks it to stop or ctx ends; then it gives nil. It
// fails when the links' ports are taken, or when the sandbox runs but lets nobody in. The caller holds the sandbox's
// gateway lock.
func Run(ctx context.Context, c Config) error {
	g := &gateway{Config: c, keeper: newKeeper()}
	ctx, g.stop = context.WithCancelCause(ctx)
	defer g.stop(nil)
	if err := g.make(); err != nil {
		return err
	}
	control, err := listenControl(c.Socket)
	if err != nil {
		return fault.New(fault.Failure, "", "%s: %w", c.Socket, err)
	}
	defer os.Remove(c.Socket) //nolint:errcheck // Close has removed it already, if all is well
	defer control.Close()     //nolint:errcheck // only asked
	var all sync.WaitGroup
	defer all.Wait()
	defer g.stop(nil)
	if err := g.listen(ctx, &all); err != nil {
		return err
	}
	all.Go(func() { g.serveControl(ctx, control) })
	all.Go(func() { g.follow(ctx) })
	all.Go(func() { g.tellReady(ctx) })
	err = g.keeper.run(ctx)
	if errors.Is(err, errOver) || ctx.Err() != nil {
		return nil
	}
	return err
}

func (g *gateway) make() error {
	g.keeper.open, g.keeper.state, g.keeper.say = g.Open, g.State, g.say
	g.Front.Dial = g.keeper.dial
	if g.Policy.Mode != egress.Off && g.Policy.Mode != egress.Direct {
		g.Proxy.Log = g.journal.add
		g.proxy = egress.NewProxy(g.Policy, g.Proxy)
		g.keeper.proxy = g.proxy.Serve
	}
	front, err := NewFront(g.Front)
	g.front = front
	return err
}

// listen opens every link's port on both loopback addresses before anything is served.
func (g *gateway) listen(ctx context.Context, all *sync.WaitGroup) error {
	open := map[uint16][]net.Listener{}
	for _, link := range g.Front.Links {
		listeners, err := Listen(link.Port)
		if err != nil {
			for _, others := range open {
				for _, l := range others {
					_ = l.Close()
				}
			}
			return err
		}
		open[link.Port] = listeners
	}
	for port, listeners := range open {
		for _, l := range listeners {
			g.listening = append(g.listening, l.Addr().String())
			all.Go(func() { _ = g.front.Serve(ctx, port, l) })
		}
	}
	return nil
}

func (g *gateway) tellReady(ctx context.Context) {
	for {
		carrier, changed := g.keeper.now()
		if carrier != nil {
			g.Ready(g.status())
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (g *gateway) status() Status {
	s := Status{Run: g.Front.Run, Listening: g.listening, Egress: string(g.Policy.Mode), Denied: g.journal.refused()}
	if carrier, _ := g.keeper.now(); carrier != nil {
		s.Carrier = carrier.Name()
	}
	if g.proxy != nil {
		for _, rule := range g.proxy.Once() {
			s.Once = append(s.Once, rule.String())
		}
	}
	return s
}

func (g *gateway) say(stage event.Stage, text string) {
	g.Front.Sink(event.Event{Time: time.Now().UTC(), Sandbox: g.Front.Name, Step: "gateway", Stage: stage, Text: text})
}

// follow hears of the sandbox's changes: a paused one keeps its links, which say so; a dead one has none. The end is
// the keeper's to notice, since only what the engine says now counts.
func (g *gateway) follow(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		if state, err := g.State(ctx); err == nil { // nobody tells of what came before
			g.paused(state == sandbox.Paused)
		}
		_ = g.Watch(ctx, func(c sandbox.Change) {
			pause = firstPause
			switch c.Action {
			case "pause":
				g.paused(true)
			case "unpause":
				g.paused(false)
				g.keeper.hurry()
			case "die", "destroy":
				g.keeper.end()
			}
		})
		g.keeper.wait(ctx, pause)
		pause = min(2*pause, longestWait)
	}
}

// paused has the links say that their sandbox is, or has them serve it again.
func (g *gateway) paused(is bool) {
	if is {
		g.front.SetState("the sandbox is paused: berth resume " + g.Front.Name)
		return
	}
	g.front.SetState("")
}

// requests is what a berth process may ask for.
func (g *gateway) requests() map[string]func(context.Context, *net.UnixConn, request) {
	return map[string]func(context.Context, *net.UnixConn, request){
		"status": func(_ context.Context, conn *net.UnixConn, _ request) { reply(conn, g.status()) },
		"mint": func(_ context.Context, conn *net.UnixConn, q request) {
			key, err := g.front.Mint(q.Kind)
			answerKey(conn, key, err)
		},
		"client-key": func(_ context.Context, conn *net.UnixConn, _ request) { answerKey(conn, g.front.ClientKey(), nil) },
		"dial":       g.lend,
		"events":     g.stream,
		"allow":      g.allow,
		"disallow":   g.disallow,
		"stop": func(_ context.Context, conn *net.UnixConn, _ request) {
			reply(conn, struct{}{})
			g.stop(errStopped)
		},
	}
}

type keyAnswer struct {
	Key string `json:"key"`
}

func answerKey(conn *net.UnixConn, key secret.String, err error) {
	if err != nil {
		reply(conn, refused(err))
		return
	}
	reply(conn, keyAnswer{key.Reveal()})
}

// lend joins the asker to a port inside.
func (g *gateway) lend(ctx context.Context, conn *net.UnixConn, q request) {
	inside, err := g.keeper.dial(ctx, q.Port)
	if err != nil {
		reply(conn, refused(err))
		return
	}
	defer inside.Close() //nolint:errcheck // both directions have ended
	defer context.AfterFunc(ctx, func() { _ = inside.Close() })()
	reply(conn, struct{}{})
	pump(conn, inside)
}

// stream sends the newest refusals and then each decision as it is made, a line each, until the asker hangs up.
func (g *gateway) stream(ctx context.Context, conn *net.UnixConn, _ request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, conn) // its end is all that matters
	}()
	reply(conn, struct{}{})
	before, news := g.journal.follow(ctx)
	for _, d := range before {
		reply(conn, d)
	}
	for d := range news {
		reply(conn, d)
	}
}

// allow adds a target for as long as this gateway runs.
func (g *gateway) allow(_ context.Context, conn *net.UnixConn, q request) {
	g.changeList(conn, q, func(rule egress.Rule) {
		g.proxy.Allow(rule)
		g.journal.answer(rule)
	})
}

// disallow takes a target back.
func (g *gateway) disallow(_ context.Context, conn *net.UnixConn, q request) {
	g.changeList(conn, q, func(rule egress.Rule) { g.proxy.Disallow(rule) })
}

func (g *gateway) changeList(conn *net.UnixConn, q request, change func(egress.Rule)) {
	if g.Policy.Mode != egress.List {
		reply(conn, refused(fault.New(fault.Usage, "", "egress is %s: there is no list to change", g.Policy.Mode)))
		return
	}
	rule, err := egress.ParseRule(q.Rule)
	if err != nil {
		reply(conn, refused(err))
		return
	}
	change(rule)
	reply(conn, struct{}{})
}
