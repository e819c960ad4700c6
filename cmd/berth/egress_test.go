package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/internal/state"
	"berth/tui"
)

// deciding is a stand-in for a sandbox's gateway that has refused one target of the list and one that is private.
type deciding struct {
	mu    sync.Mutex
	asked []string
}

const refusedLines = `{"host":"registry.example","port":443,"reason":"registry.example:443 is not on the egress list","offer":"registry.example:443","count":2}
{"host":"git.example","port":443,"allowed":true,"rule":"egress: git.example:443","count":1}
{"host":"10.0.0.7","port":443,"reason":"10.0.0.7:443 is private (RFC 1918)","count":1}
`

// decide answers at a sandbox's socket until the test ends.
func decide(t *testing.T, b *backend, name, plan string) *deciding {
	t.Helper()
	store, err := b.a.store()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := store.TryLock(state.Gateway, name, "serving links")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(store.Places().State, "sandboxes", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", store.Socket(name))
	if err != nil {
		t.Fatal(err)
	}
	d := &deciding{}
	t.Cleanup(func() { _ = l.Close(); _ = lock.Unlock() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.answer(conn)
		}
	}()
	return d
}

func (d *deciding) answer(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // of a test
	in := bufio.NewReader(conn)
	line, _ := in.ReadString('\n')
	d.mu.Lock()
	d.asked = append(d.asked, strings.TrimSpace(line))
	d.mu.Unlock()
	switch {
	case strings.Contains(line, `"status"`):
		fmt.Fprintln(conn, `{"run":"1","egress":"list"}`)
	case strings.Contains(line, `"events"`):
		fmt.Fprint(conn, "{}\n"+refusedLines)
		_, _ = in.ReadByte() // until the asker hangs up
	default:
		fmt.Fprintln(conn, "{}")
	}
}

func (d *deciding) changes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.asked), func(line string) bool { return !strings.Contains(line, "allow") })
}

func TestTheScreenHearsOfRefusalsAlone(t *testing.T) {
	b, _, _ := screened(t, "shop")
	decide(t, b, "shop", `{"Egress":{"Mode":"list"}}`)
	ctx, stop := context.WithCancel(t.Context())
	heard := make(chan tui.Refusal)
	ended := make(chan error, 1)
	go func() { ended <- b.Refusals(ctx, "shop", func(r tui.Refusal) { heard <- r }) }()
	for _, want := range []tui.Refusal{
		{Target: "registry.example:443", Offer: "registry.example:443", Why: "registry.example:443 is not on the egress list"},
		{Target: "10.0.0.7:443", Why: "10.0.0.7:443 is private (RFC 1918)"},
	} {
		if got := <-heard; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAlwaysIsKeptForTheProjectAndOnceIsNot(t *testing.T) {
	b, _, project := screened(t, "shop")
	d := decide(t, b, "shop", `{"Egress":{"Mode":"list"}}`)
	store, err := b.a.store()
	if err != nil {
		t.Fatal(err)
	}
	for target, always := range map[string]bool{"once.example:443": false, "always.example:443": true} {
		if err := b.Allow(t.Context(), "shop", target, always); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := store.Allowed(project); err != nil || !slices.Equal(kept, []string{"always.example:443"}) {
		t.Errorf("kept are %v, %v", kept, err)
	}
	if got := d.changes(); len(got) != 2 {
		t.Errorf("the gateway was asked for %v", got)
	}
	s, err := b.session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.revoke(t.Context(), "shop", "always.example:443"); err != nil {
		t.Fatal(err)
	}
	if kept, err := store.Allowed(project); err != nil || len(kept) != 0 {
		t.Errorf("taken back, %v is kept, %v", kept, err)
	}
	if got := d.changes(); got[len(got)-1] != `{"do":"disallow","rule":"always.example:443"}` {
		t.Errorf("the gateway was asked for %v", got)
	}
}
