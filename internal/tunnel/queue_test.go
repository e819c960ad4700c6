package tunnel

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// What is filled in comes out in its order, however it is cut, and an empty queue holds nothing.
func TestAQueueGivesWhatItWasGiven(t *testing.T) {
	var q queue
	var want, got []byte
	random := rand.New(rand.NewPCG(1, 2))
	for len(want) < 4<<20 {
		for range random.IntN(4) {
			room := q.room()
			n := min(1+random.IntN(100<<10), len(room))
			for i := range room[:n] {
				room[i] = byte(random.Uint32())
			}
			want = append(want, room[:n]...)
			q.filled(n)
		}
		for range random.IntN(4) {
			if n := min(random.IntN(100<<10), len(q.ahead())); n > 0 {
				got = append(got, q.ahead()[:n]...)
				q.take(n)
			}
		}
	}
	for len(q.ahead()) > 0 {
		got = append(got, q.ahead()...)
		q.take(len(q.ahead()))
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came out of %d, or others", len(got), len(want))
	}
	if q.size() != 0 {
		t.Errorf("%d bytes are held of nothing", q.size())
	}
}

func TestARoomStaysWhileItIsFilled(t *testing.T) {
	var q queue
	copy(q.room(), "first")
	q.filled(5)
	room := q.room()
	q.take(5) // all there is
	copy(room, "second")
	q.filled(6)
	if got := string(q.ahead()); got != "second" {
		t.Errorf("got %q", got)
	}
}

// A hostile end fills every window it is given: those of the dials, for the host opens more of them than programs inside
// may open streams. Nobody reads them.
func TestAFloodDoesNotFillTheHostsMemory(t *testing.T) {
	here, there := pipes(t)
	defer there.Close()
	go func() {
		there.Write(helloFrames())
		body := make([]byte, pieceSize)
		for {
			m, err := readMessage(there)
			if err != nil {
				return
			}
			there.Write(message{Kind: kindDialled, ID: m.ID}.encode())
			for range window / pieceSize {
				there.Write(data(m.ID, body))
			}
		}
	}()
	before := inUse()
	host, err := Exec(t.Context(), here, Ports{8000})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	go func() {
		for range maxDials {
			host.Dial(t.Context(), 8000)
		}
	}()
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
