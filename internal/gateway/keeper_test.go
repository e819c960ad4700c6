package gateway

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// fakeCarrier leads every port to one end of a pipe.
type fakeCarrier struct {
	name string
	done chan struct{}
	ends chan net.Conn // the inside ends of what was dialled
}

func newCarrier(name string) *fakeCarrier {
	return &fakeCarrier{name: name, done: make(chan struct{}), ends: make(chan net.Conn, 10)}
}

func (c *fakeCarrier) Dial(context.Context, uint16) (net.Conn, error) {
	if ended(c) {
		return nil, errors.New("the carrier has ended")
	}
	here, inside := net.Pipe()
	c.ends <- inside
	return here, nil
}

func (c *fakeCarrier) AcceptProxy(ctx context.Context) (net.Conn, error) {
	select {
	case <-ctx.Done():
	case <-c.done:
	}
	return nil, errors.New("the carrier has ended")
}

func (c *fakeCarrier) Name() string          { return c.name }
func (c *fakeCarrier) Done() <-chan struct{} { return c.done }
func (c *fakeCarrier) Close() error {
	if !ended(c) {
		close(c.done)
	}
	return nil
}

// answer is one attempt to open a carrier, and how the sandbox is if it fails.
type answer struct {
	carrier *fakeCarrier
	state   sandbox.State
	unknown error
}

// script is a sandbox that answers attempts in turn, the last for ever.
type script struct {
	answers []answer
	tries   int
	said    []string
}

func (s *script) keeper() *keeper {
	k := newKeeper()
	now := func() answer { return s.answers[min(s.tries, len(s.answers))-1] }
	k.open = func(context.Context) (Carrier, error) {
		s.tries++
		if c := now().carrier; c != nil {
			return c, nil
		}
		return nil, errors.New("refused")
	}
	k.state = func(context.Context) (sandbox.State, error) { return now().state, now().unknown }
	k.say = func(_ event.Stage, text string) { s.said = append(s.said, text) }
	return k
}

var (
	errAway = fault.New(fault.Engine, "", "the engine does not answer")
	errNone = fault.New(fault.NotFound, "", "no such container")
)

func TestTheKeeperEndsWithItsSandboxAndWithNothingElse(t *testing.T) {
	for about, row := range map[string]struct {
		answers []answer
		tries   int
		want    string
	}{
		"stopped":                      {[]answer{{state: sandbox.Stopped}}, 1, errOver.Error()},
		"removed":                      {[]answer{{unknown: errNone}}, 1, errOver.Error()},
		"refused again and again":      {[]answer{{state: sandbox.Up}}, refusals, "the sandbox runs but lets berth's program not in: refused"},
		"an engine away for a while":   {append(slices.Repeat([]answer{{unknown: errAway}}, 50), answer{state: sandbox.Stopped}), 51, errOver.Error()},
		"paused for a while":           {append(slices.Repeat([]answer{{state: sandbox.Paused}}, 50), answer{state: sandbox.Stopped}), 51, errOver.Error()},
		"refused twice, away, refused": {[]answer{{state: sandbox.Up}, {state: sandbox.Up}, {unknown: errAway}, {state: sandbox.Up}}, refusals + 1, "the sandbox runs but lets berth's program not in: refused"},
	} {
		t.Run(about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: row.answers}
				err := s.keeper().run(t.Context())
				if err == nil || err.Error() != row.want || s.tries != row.tries {
					t.Errorf("%v after %d tries, want %s after %d", err, s.tries, row.want, row.tries)
				}
			})
		})
	}
}

func TestAnEngineThatIsAwayIsAskedAtMostTwoSecondsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{unknown: errAway}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.keeper().run(ctx); err != nil || s.tries < 30 || s.tries > 40 {
			t.Errorf("%v after %d tries", err, s.tries)
		}
		if len(s.said) != 1 || s.said[0] != "the links are reconnecting: refused" {
			t.Errorf("said %q", s.said)
		}
	})
}

func TestALostCarrierIsOpenedAgainAndWhoDialsMeanwhileWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newCarrier("socket"), newCarrier("exec")
		s := &script{answers: []answer{{carrier: first}, {unknown: errAway}, {carrier: second}}}
		k := s.keeper()
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- k.run(ctx) }()
		synctest.Wait()
		_ = first.Close()
		conn, err := k.dial(t.Context(), 8000)
		if err != nil || len(second.ends) != 1 {
			t.Fatalf("dialled %v, %d by the second", err, len(second.ends))
		}
		_ = conn.Close()
		if got := strings.Join(s.said, "; "); got != "the links are reconnecting: refused; the links are back, by exec" {
			t.Errorf("said %q", got)
		}
		cancel()
		if err := <-ran; err != nil || !ended(second) {
			t.Errorf("%v, and the carrier is closed: %t", err, ended(second))
		}
	})
}

func TestWhoDialsIsToldAfterAWhileThatThereIsNoWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := newKeeper().dial(t.Context(), 8000)
		if !errors.Is(err, errReconnecting) || time.Since(began) != reopenLimit {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestASandboxThatDiesEndsItsKeeperAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{carrier: newCarrier("socket")}, {state: sandbox.Stopped}}}
		k := s.keeper()
		ran := make(chan error)
		go func() { ran <- k.run(t.Context()) }()
		synctest.Wait()
		began := time.Now()
		k.end()
		if err := <-ran; !errors.Is(err, errOver) || time.Since(began) > 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
