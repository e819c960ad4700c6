package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/internal/fault"
)

// talk is a terminal that types a key when it sees a text.
type talk struct {
	mu    sync.Mutex
	out   bytes.Buffer
	grew  *sync.Cond
	steps []step
	from  int
}

type step struct{ see, press string }

func newTalk(steps ...step) *talk {
	t := &talk{steps: steps}
	t.grew = sync.NewCond(&t.mu)
	return t
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.grew.Broadcast()
	return t.out.Write(p)
}

func (t *talk) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) == 0 {
		return 0, io.EOF
	}
	for {
		if i := strings.Index(t.out.String()[t.from:], t.steps[0].see); i >= 0 {
			t.from += i
			break
		}
		t.grew.Wait()
	}
	n := copy(p, t.steps[0].press)
	t.steps = t.steps[1:]
	return n, nil
}

func TestTheWholeLoop(t *testing.T) {
	f := newFake()
	f.follow = true
	tty := newTalk(step{"wait for /ready", "\r"}, step{"agent server ready", "2"}, step{"/home/me/data, ro", "\t"}, step{"‖ paused", "q"})
	term := newTerminal(tty, tty, true)
	r, err := run(context.Background(), f, Options{}, term, func(*terminal) {})
	if err != nil || r.Ending != Quit || !slices.Equal(r.Left, []string{"shop", "blog"}) {
		t.Errorf("got %+v, %v", r, err)
	}
	out := tty.out.String()
	if !strings.HasPrefix(out, enterModes+mouseOn) || !strings.HasSuffix(out, mouseOff+leaveModes) {
		t.Errorf("the terminal was not taken and given back: %q … %q", out[:40], out[len(out)-40:])
	}
	if first := strings.Index(out, "berth"); first < 0 || first > 200 {
		t.Errorf("the first frame comes after %d bytes", first)
	}
}

func TestAPanicBecomesAnErrorAndTheTerminalIsGivenBack(t *testing.T) {
	f := newFake()
	f.launch = nil
	tty := newTalk()
	broken := &panicking{f}
	_, err := run(context.Background(), broken, Options{CrashFile: t.TempDir() + "/crash.txt"}, newTerminal(tty, tty, true), func(*terminal) {})
	if err == nil || err.Error() != "berth broke: a bug" || !strings.HasPrefix(fault.HintOf(err), "the report is in ") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
	if !strings.HasSuffix(tty.out.String(), leaveModes) {
		t.Errorf("the terminal was not given back: %q", tty.out.String()[max(0, tty.out.Len()-300):])
	}
}

type panicking struct{ *fake }

func (p *panicking) Foresee(context.Context, Action, []string) (Outcome, error) { panic("a bug") }
func (p *panicking) List(context.Context) (Overview, error)                     { panic("a bug") }

func TestATerminalThatIsGoneEndsTheScreen(t *testing.T) {
	f := newFake()
	f.follow = true
	for _, after := range []int{300, 600, 1200} {
		r, err := run(context.Background(), f, Options{}, newTerminal(strings.NewReader(""), &short{left: after}, true), func(*terminal) {})
		if err != nil || r.Ending != HungUp {
			t.Errorf("after %d bytes: got %+v, %v", after, r, err)
		}
	}
}

// short is a terminal that is closed after some bytes.
type short struct {
	mu   sync.Mutex
	left int
}

func (s *short) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left -= len(p); s.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestACancelledContextEndsTheScreen(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	tty := newTalk()
	r, err := run(ctx, newFake(), Options{}, newTerminal(tty, tty, true), func(*terminal) {})
	if err != nil || r.Ending != Terminated {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestAKeyBoundTwiceIsAnErrorBeforeTheTerminalIsTouched(t *testing.T) {
	tty := newTalk()
	_, err := run(context.Background(), newFake(), Options{Keys: map[string]string{"stop": "z"}}, newTerminal(tty, tty, true), func(*terminal) {})
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind != fault.Usage || tty.out.Len() > 0 {
		t.Errorf("got %v, %q", err, tty.out.String())
	}
}

// slow acts end when the test lets them.
type slow struct {
	*fake
	begun, let chan struct{}
	err        error
}

func (s *slow) Act(ctx context.Context, do Action, name string) error {
	close(s.begun)
	<-s.let
	s.err = ctx.Err()
	return s.fake.Act(ctx, do, name)
}

func TestWhatIsBeingDoneIsDoneBeforeTheScreenReturns(t *testing.T) {
	b := &slow{fake: newFake(), begun: make(chan struct{}), let: make(chan struct{})}
	b.follow = true
	tty := newTalk(step{"~/shop rw", "s"}, step{"stopping shop", "q"})
	go func() {
		tty.mu.Lock()
		for !strings.Contains(tty.out.String(), "berth: still stopping shop\n") {
			tty.grew.Wait()
		}
		tty.mu.Unlock()
		close(b.let)
	}()
	r, err := run(context.Background(), b, Options{List: true}, newTerminal(tty, tty, true), func(*terminal) {})
	if err != nil || r.Ending != Quit || b.err != nil || !slices.Equal(b.called("stop"), []string{"stop shop"}) {
		t.Errorf("got %+v, %v; the act had %v and did %s", r, err, b.err, b.called("stop"))
	}
}
