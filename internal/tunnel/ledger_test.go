package tunnel

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"
)

// take gives the ledger a stream's frames and reads.
func came(t *testing.T, l *ledger, id uint32, flags uint16, bytes int) {
	t.Helper()
	if err := l.came(id, flags, bytes); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsHeld(t *testing.T) {
	const id = 4
	for _, row := range []struct {
		about string
		do    func(l *ledger)
		want  int
	}{
		{"what came", func(l *ledger) { came(t, l, id, flagSYN, 100) }, 100},
		{"also once it is read: the buffer stays", func(l *ledger) { came(t, l, id, flagSYN, 100); l.read(id, 100) }, 100},
		{"a buffer is used again", func(l *ledger) { came(t, l, id, flagSYN, 100); l.read(id, 100); came(t, l, id, 0, 60) }, 100},
		{"nothing of a stream that nobody opened", func(l *ledger) { came(t, l, id, 0, 100) }, 0},
		{"what came for a stream of this side", func(l *ledger) { l.opened(id); came(t, l, id, 0, 100) }, 100},
		{"what this side closed, until the peer has too", func(l *ledger) { came(t, l, id, flagSYN, 100); l.closed(id) }, 100},
		{"what the peer ended, until this side has read it", func(l *ledger) { came(t, l, id, flagSYN|flagFIN, 100) }, 100},
		{"nothing when both have ended", func(l *ledger) { came(t, l, id, flagSYN, 100); l.closed(id); came(t, l, id, flagFIN, 0) }, 0},
		{"nothing when both have, the peer first", func(l *ledger) { came(t, l, id, flagSYN|flagRST, 100); l.closed(id) }, 0},
	} {
		l := newLedger()
		row.do(l)
		if l.held != row.want {
			t.Errorf("%s: %d bytes are held, want %d", row.about, l.held, row.want)
		}
	}
}

func TestEmptyBuffersAreLetGoOfWhenMuchIsHeld(t *testing.T) {
	l := newLedger()
	came(t, l, 2, flagSYN, 100)
	if l.read(2, 100) {
		t.Error("a small buffer was given up")
	}
	for id := uint32(4); l.held <= heldMuch; id += 2 {
		came(t, l, id, flagSYN, window)
	}
	if l.read(4, window-1) {
		t.Error("a buffer with content was given up")
	}
	before := l.held
	if !l.read(4, 1) || l.held != before-window {
		t.Errorf("%d bytes are held, %d were", l.held, before)
	}
}

// A hostile end fills every window it is given. The first streams are taken, and nobody reads them.
func TestAFloodDoesNotFillTheHostsMemory(t *testing.T) {
	here, there := pipes(t)
	defer there.Close()
	go io.Copy(io.Discard, there)
	go func() {
		there.Write(helloFrames())
		body := make([]byte, 32<<10)
		for round := range window / len(body) { // the window is larger once the stream is accepted
			for i := range uint32(maxStreams) {
				id := 4 + 2*i
				if round == 0 {
					there.Write(slices.Concat(frame(typeWindow, flagSYN, id, 0, nil), data(id, message{Kind: kindProxy}.encode())))
				}
				if _, err := there.Write(data(id, body)); err != nil {
					return
				}
			}
		}
	}()
	before := inUse()
	host, err := Exec(t.Context(), here, Ports{8000})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	most := uint64(0)
	for limit := time.After(20 * time.Second); host.Err() == nil; {
		select {
		case <-host.Done():
		case <-limit:
			t.Fatal("the flood goes on")
		case <-time.After(10 * time.Millisecond):
			most = max(most, inUse())
		}
	}
	if !errors.Is(host.Err(), ErrProtocol) {
		t.Errorf("ended by %v", host.Err())
	}
	if most > before+3*heldMost {
		t.Errorf("%d MiB were in use", (most-before)>>20)
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
