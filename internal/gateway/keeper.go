package gateway

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Carrier reaches into a sandbox and brings out what its programs open to the proxy. A *tunnel.Tunnel is one.
type Carrier interface {
	// Dial connects to 127.0.0.1:port inside. The connection has CloseWrite.
	Dial(ctx context.Context, port uint16) (net.Conn, error)
	// AcceptProxy gives the next connection that a program inside opened to its proxy.
	AcceptProxy(ctx context.Context) (net.Conn, error)
	// Name is the carrier's: socket or exec.
	Name() string
	Done() <-chan struct{}
	Close() error
}

// How long a lost carrier is waited for before it is opened again, and how often a running sandbox may refuse one
// before the gateway gives up: an engine may call one that is ending up for a while.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = 2 * time.Second
	refusals    = 5
)

// errOver says that the sandbox does not run any more: its gateway has nothing left to do.
var errOver = errors.New("the sandbox does not run any more")

// keeper keeps a carrier open for as long as its sandbox runs.
type keeper struct {
	open  func(context.Context) (Carrier, error)
	state func(context.Context) (sandbox.State, error)
	proxy func(context.Context, net.Conn) // nil: nothing inside may open a connection
	say   func(stage event.Stage, text string)

	mu      sync.Mutex
	carrier Carrier
	changed chan struct{} // closed and replaced whenever carrier is
	wake    chan struct{} // has something when waiting has become pointless
}

func newKeeper() *keeper {
	return &keeper{changed: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// now gives the carrier, nil while there is none, and what is closed when that changes.
func (k *keeper) now() (Carrier, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.carrier, k.changed
}

func (k *keeper) set(c Carrier) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.carrier = c
	close(k.changed)
	k.changed = make(chan struct{})
}

// reopenLimit is how long a connection waits for a carrier that is being opened again.
const reopenLimit = 5 * time.Second

var errReconnecting = errors.New("the way into the sandbox is being opened again")

// dial connects to a port inside; a carrier that was lost a moment ago is waited for.
func (k *keeper) dial(ctx context.Context, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, reopenLimit, errReconnecting)
	defer cancel()
	for {
		carrier, changed := k.now()
		if carrier != nil {
			conn, err := carrier.Dial(ctx, port)
			if err == nil || !ended(carrier) {
				return conn, err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func ended(c Carrier) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

// hurry ends a wait: the sandbox has just been resumed or has ended.
func (k *keeper) hurry() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run keeps the carrier until ctx ends or the sandbox does. An engine that does not answer is asked for ever; only a
// sandbox that runs and refuses again and again is given up.
func (k *keeper) run(ctx context.Context) error {
	pause, refused, lost := firstPause, 0, false
	for ctx.Err() == nil {
		carrier, err := k.open(ctx)
		if err == nil {
			if lost {
				k.say(event.Note, "the links are back, by "+carrier.Name())
			}
			pause, refused, lost = firstPause, 0, false
			k.serve(ctx, carrier)
			continue
		}
		state, unknown := k.state(ctx)
		if ctx.Err() != nil {
			break
		}
		switch {
		case unknown != nil && fault.KindOf(unknown) == fault.NotFound, unknown == nil && over(state):
			return errOver
		case unknown == nil && state != sandbox.Paused:
			if refused++; refused == refusals {
				return fault.New(fault.Failure, "berth restart", "the sandbox runs but lets berth's program not in: %w", err)
			}
		}
		if !lost {
			lost = true
			k.say(event.Warning, "the links are reconnecting: "+err.Error())
		}
		k.wait(ctx, pause)
		pause = min(2*pause, longestWait)
	}
	return nil //nolint:nilerr // it was asked to end; what opening said last is no reason
}

func over(s sandbox.State) bool {
	return s != sandbox.Up && s != sandbox.Starting && s != sandbox.Paused
}

func (k *keeper) wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.wake:
	case <-ctx.Done():
	}
}

// serve lends a carrier out until it ends.
func (k *keeper) serve(ctx context.Context, c Carrier) {
	k.set(c)
	defer k.set(nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if k.proxy != nil {
		go k.acceptProxy(ctx, c)
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
	}
	_ = c.Close() // it has ended, or is to
}

func (k *keeper) acceptProxy(ctx context.Context, c Carrier) {
	for {
		conn, err := c.AcceptProxy(ctx)
		if err != nil {
			return // the carrier has ended
		}
		go k.proxy(ctx, conn)
	}
}

// end closes the carrier of a sandbox that has died, and lets run look at what is.
func (k *keeper) end() {
	if carrier, _ := k.now(); carrier != nil {
		_ = carrier.Close()
	}
	k.hurry()
}
