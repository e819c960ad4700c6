// Package rig starts the real berth as an ordinary user with a home of its own, and tells what it left behind; it does not say what is right.
package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Main runs a package's tests and removes what they shared. It gives the exit code.
func Main(m *testing.M) int {
	defer shared.remove()
	return m.Run()
}

// Need skips a test unless a real engine may be used.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") != "1" {
		t.Skip("needs a real engine: set BERTH_DOCKER=1")
	}
}

// shared is what the tests of one run have in common: a folder that every user may enter, with the binary in it.
var shared common

type common struct {
	once   sync.Once
	dir    string
	binary string
	err    error
}

func (c *common) remove() {
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // best effort: it is in the machine's temporary folder
	}
}

// Binary gives the berth under test: $BERTH_BINARY, else one built now, with the programs for inside packed in. It
// lies where every user can run it.
func Binary(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.err = shared.build() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.binary
}

func (c *common) build() (err error) {
	if c.dir, err = os.MkdirTemp("", "berth-e2e-"); err != nil {
		return err
	}
	if err := os.Chmod(c.dir, 0o755); err != nil {
		return err
	}
	c.binary = filepath.Join(c.dir, "berth")
	if given := os.Getenv("BERTH_BINARY"); given != "" {
		return copyProgram(given, c.binary)
	}
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	for _, args := range [][]string{{"run", "./internal/inside/pack"}, {"build", "-o", c.binary, "./cmd/berth"}} {
		build := exec.Command("go", args...)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("BERTH_BINARY: %w", err)
	}
	if err := os.WriteFile(to, content, 0o755); err != nil {
		return err
	}
	return os.Chmod(to, 0o755) // whatever the umask
}

// Docker gives a client of the engine at hand.
func Docker(t testing.TB) *client.Client {
	t.Helper()
	return DockerAt(t, os.Getenv("DOCKER_HOST"))
}

// DockerAt gives a client of the engine at an address; "" is the usual socket.
func DockerAt(t testing.TB, host string) *client.Client {
	t.Helper()
	options := []client.Opt{client.WithAPIVersionNegotiation()}
	if host != "" {
		options = append(options, client.WithHost(host))
	}
	docker, err := client.NewClientWithOpts(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docker.Close() })
	return docker
}

// Context ends with the test, or after a while that is generous on a slow machine.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Wait asks until the answer is yes, and fails the test when it never is. what ends "no ...": "no answer on port 80".
func Wait(t testing.TB, limit time.Duration, what string, ask func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ask() {
		select {
		case <-deadline.C:
			t.Fatalf("no %s after %s", what, limit)
		case <-again.C:
		}
	}
}
