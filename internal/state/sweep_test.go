package state

import (
	"os"
	"path/filepath"
	"testing"
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
	s.Sweep()
	left, err := filepath.Glob(filepath.Join(places.Runtime, "*.lock"))
	if err != nil || len(left) != 1 || left[0] != s.lockPath(Work, "blog") {
		t.Errorf("left %v, %v", left, err)
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
}
