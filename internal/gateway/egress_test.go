package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/egress"
	"berth/internal/event"
	"berth/internal/sandbox"
	"berth/internal/secret"
)

// hand is a carrier that hands over what a test opens to the proxy.
type hand struct {
	proxy chan net.Conn
	done  chan struct{}
}

func (h hand) Dial(context.Context, uint16) (net.Conn, error) {
	return nil, errors.New("nothing listens")
}

func (h hand) AcceptProxy(ctx context.Context) (net.Conn, error) {
	select {
	case conn := <-h.proxy:
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h hand) Name() string          { return "hand" }
func (h hand) Done() <-chan struct{} { return h.done }
func (h hand) Close() error          { return nil }

// nowhere knows no name.
type nowhere struct{}

func (nowhere) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Name: host, IsNotFound: true}
}

// serving is a gateway whose sandbox's proxy a test asks.
type serving struct {
	Client
	hand
}

// keeping runs a gateway with a policy until the test ends.
func keeping(t *testing.T, policy egress.Policy) serving {
	t.Helper()
	dir, err := os.MkdirTemp("", "gw") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	s := serving{Client{filepath.Join(dir, "s")}, hand{make(chan net.Conn), make(chan struct{})}}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan Status, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{
			Front: FrontConfig{Name: "shop", Session: secret.New(strings.Repeat("5e", 32)), Secret: secret.New(strings.Repeat("7e", 32)), Run: "1", UID: os.Getuid(), Sink: func(event.Event) {}},

			Policy: policy, Proxy: egress.Options{Resolver: nowhere{}}, Socket: s.Path,
			Open:  func(context.Context) (Carrier, error) { return s.hand, nil },
			State: func(context.Context) (sandbox.State, error) { return sandbox.Up, nil },
			Watch: func(ctx context.Context, _ func(sandbox.Change)) error { <-ctx.Done(); return nil },
			Ready: func(now Status) { ready <- now },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return s
}

// ask has a program inside ask the proxy for a target, and gives the answer's status.
func (s serving) ask(t *testing.T, target string) int {
	t.Helper()
	inside, outside := net.Pipe()
	defer inside.Close() //nolint:errcheck // of a test
	s.proxy <- outside
	if _, err := fmt.Fprintf(inside, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(inside), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func (s serving) status(t *testing.T) Status {
	t.Helper()
	now, err := s.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func TestARefusalIsKeptUntilItsTargetIsAllowed(t *testing.T) {
	s := keeping(t, egress.Policy{Mode: egress.List})
	const target = "registry.example:443"
	if got := s.ask(t, target); got != http.StatusForbidden {
		t.Fatalf("got %d", got)
	}
	s.ask(t, "10.0.0.7:443")
	if now := s.status(t); len(now.Denied) != 2 || now.Denied[0].Offer != target || now.Denied[1].Offer != "" {
		t.Fatalf("refused are %v", now.Denied)
	}
	if err := s.Allow(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, target); got != http.StatusBadGateway {
		t.Errorf("allowed, it gives %d", got)
	}
	if now := s.status(t); len(now.Denied) != 1 || now.Denied[0].Host != "10.0.0.7" || !slices.Equal(now.Once, []string{target}) {
		t.Errorf("got %+v", now)
	}
	if err := s.Disallow(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, target); got != http.StatusForbidden {
		t.Errorf("taken back, it gives %d", got)
	}
	if now := s.status(t); len(now.Denied) != 2 || len(now.Once) != 0 {
		t.Errorf("a refusal after it was taken back is not told: %+v", now)
	}
}

func TestWhatThePlanListsCanBeTakenBackToo(t *testing.T) {
	rule, err := egress.ParseRule("registry.example:443")
	if err != nil {
		t.Fatal(err)
	}
	s := keeping(t, egress.Policy{Mode: egress.List, Allow: []egress.Rule{rule}})
	if got := s.ask(t, rule.String()); got != http.StatusBadGateway {
		t.Errorf("listed, it gives %d", got)
	}
	if err := s.Disallow(t.Context(), rule.String()); err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, rule.String()); got != http.StatusForbidden {
		t.Errorf("taken back, it gives %d", got)
	}
}

func TestWhoFollowsHearsOfEarlierRefusalsFirst(t *testing.T) {
	s := keeping(t, egress.Policy{Mode: egress.List})
	s.ask(t, "early.example:443")
	ctx, stop := context.WithCancel(t.Context())
	heard := make(chan Decision)
	ended := make(chan error, 1)
	go func() { ended <- s.Follow(ctx, func(d Decision) { heard <- d }) }()
	if d := <-heard; d.Target() != "early.example:443" {
		t.Errorf("heard of %s", d)
	}
	s.ask(t, "late.example:443")
	if d := <-heard; d.String() != "denied late.example:443: late.example:443 is not on the egress list" {
		t.Errorf("heard of %s", d)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOnlyAListCanBeChanged(t *testing.T) {
	for mode, want := range map[egress.Mode]string{
		egress.On: "egress is on: there is no list to change", egress.Off: "egress is off: there is no list to change",
	} {
		s := keeping(t, egress.Policy{Mode: mode})
		for _, change := range []func(context.Context, string) error{s.Allow, s.Disallow} {
			if err := change(t.Context(), "registry.example:443"); err == nil || err.Error() != want {
				t.Errorf("%s: %v", mode, err)
			}
		}
	}
	s := keeping(t, egress.Policy{Mode: egress.List})
	if err := s.Allow(t.Context(), "10.0.0.7:443"); err == nil || err.Error() != `"10.0.0.7:443": an IP address; egress takes names` {
		t.Errorf("got %v", err)
	}
}

func TestEqualRefusalsAreOneThatCounts(t *testing.T) {
	var j journal
	for i := range 2 * kept {
		j.add(egress.Decision{Host: fmt.Sprintf("h%d.example", i), Port: 443, Count: 1})
	}
	j.add(egress.Decision{Host: "h150.example", Port: 443, Count: 3})
	j.add(egress.Decision{Host: "allowed.example", Port: 443, Allowed: true, Count: 1})
	got := j.refused()
	if last := got[len(got)-1]; len(got) != kept || last.Host != "h150.example" || last.Count != 4 {
		t.Errorf("%d are kept, the newest is %+v", len(got), last)
	}
}
