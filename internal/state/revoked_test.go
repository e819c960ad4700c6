package state

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
)

func TestRevokedLoginsAreKeptForTheirRunOnly(t *testing.T) {
	s := open(t)
	if err := os.MkdirAll(filepath.Join(s.Places().State, "sandboxes", "shop"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"one", "two"} {
		if err := s.Revoke("shop", "first run", login); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Revoked("shop", "first run"); err != nil || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := s.Revoked("shop", "second run"); err != nil || len(got) > 0 {
		t.Errorf("another run: %v, %v", got, err)
	}
	if err := s.Revoke("shop", "second run", "three"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Revoked("shop", "second run"); err != nil || !slices.Equal(got, []string{"three"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := s.Revoked("blog", "first run"); err != nil || len(got) > 0 {
		t.Errorf("another sandbox: %v, %v", got, err)
	}
}

func TestLoginsRevokedAtOnceAreAllKept(t *testing.T) {
	s := open(t)
	if err := os.MkdirAll(filepath.Join(s.Places().State, "sandboxes", "shop"), 0o700); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := s.Revoke("shop", "run", strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, err := s.Revoked("shop", "run"); err != nil || len(got) != 20 {
		t.Errorf("%d are kept, %v", len(got), err)
	}
}

func TestSweepTakesTheSocketsOfGatewaysThatAreGone(t *testing.T) {
	s := open(t)
	held, err := s.TryLock(Gateway, "blog", "serving links")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock() //nolint:errcheck // the test ends
	for _, name := range []string{"blog", "shop"} {
		if err := os.WriteFile(s.Socket(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Sweep("")
	if _, err := os.Stat(s.Socket("blog")); err != nil {
		t.Error("the socket of a gateway that lives is gone")
	}
	if _, err := os.Stat(s.Socket("shop")); !os.IsNotExist(err) {
		t.Errorf("the socket of a dead gateway: %v", err)
	}
}

func TestASecondGatewayIsToldThatThereIsOne(t *testing.T) {
	s := open(t)
	held, err := s.TryLock(Gateway, "shop", "serving links")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock() //nolint:errcheck // the test ends
	if _, err := s.TryLock(Gateway, "shop", "serving links"); err == nil || err.Error() != "shop: another gateway serves its links" {
		t.Errorf("got %v", err)
	}
}
