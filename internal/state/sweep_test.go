package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestSweepTakesTheLockFilesOfTheDeadAndLeavesThoseThatAreHeld(t *testing.T) {
	places, err := Find(nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(places, "test", 1000)
	if err != nil {
		t.Fatal(err)
	}
	held, err := s.TryLock(Work, "blog", "up")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.lockPath(Work, "shop"), nil, 0o600); err != nil { // as kill -9 leaves it
		t.Fatal(err)
	}
	s.Sweep("")
	left, err := filepath.Glob(filepath.Join(places.Runtime, "*.lock"))
	if err != nil || len(left) != 1 || left[0] != s.lockPath(Work, "blog") {
		t.Errorf("left %v, %v", left, err)
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestASweepIsNobodysHolder: who takes a lock while others sweep gets it, and is the only one who does.
func TestASweepIsNobodysHolder(t *testing.T) {
	s := open(t)
	stop := make(chan struct{})
	var sweepers, takers sync.WaitGroup
	for range 3 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.Sweep("")
				}
			}
		})
	}
	var shared atomic.Int32
	for i := range 8 {
		takers.Go(func() {
			for range 200 {
				own, err := s.TryLock(Work, fmt.Sprintf("shop-%d", i), "up")
				if err != nil {
					t.Errorf("a lock that nobody else takes: %v", err)
					return
				}
				if common, err := s.TryLock(Work, "shop", "up"); err == nil {
					if n := shared.Add(1); n != 1 {
						t.Errorf("%d hold one lock", n)
					}
					shared.Add(-1)
					_ = common.Unlock()
				}
				_ = own.Unlock()
			}
		})
	}
	takers.Wait()
	close(stop)
	sweepers.Wait()
}

func TestSweepTakesWhatWasHalfWritten(t *testing.T) {
	s := open(t)
	held, err := s.TryLock(Work, "blog", "up")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock()
	for _, name := range []string{".shop.json-1", ".blog.json-2", "._ports.json-3", "._allowed.json-4", "shop.json"} {
		if err := os.WriteFile(filepath.Join(s.places.State, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(s.places.State, "._allowed.json-4"), old, old); err != nil {
		t.Fatal(err)
	}
	left := func() []string {
		files, err := filepath.Glob(filepath.Join(s.places.State, "*.json*"))
		hidden, errHidden := filepath.Glob(filepath.Join(s.places.State, ".*.json*"))
		if err != nil || errHidden != nil {
			t.Fatal(err, errHidden)
		}
		var names []string
		for _, path := range append(hidden, files...) {
			names = append(names, filepath.Base(path))
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	s.Sweep("")
	if got := left(); !slices.Equal(got, []string{"._ports.json-3", ".blog.json-2", "shop.json"}) {
		t.Errorf("left %q", got)
	}
	s.Sweep("blog")
	if got := left(); !slices.Equal(got, []string{"._ports.json-3", "shop.json"}) {
		t.Errorf("left %q", got)
	}
}
