package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"berth/internal/egress"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/secret"
)

// running is a gateway of a sandbox whose programs are ours, and how to ask it.
type running struct {
	Client
	carrier *fakeCarrier
	port    uint16
	stop    context.CancelFunc
	ended   chan error
}

// begin runs a gateway of one link on a free port.
func begin(t *testing.T, change func(*Config)) *running {
	t.Helper()
	free, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(free[0].Addr().(*net.TCPAddr).Port)
	closeAll(free)
	r := &running{Client: Client{filepath.Join(t.TempDir(), "s")}, carrier: newCarrier("socket"), port: port, ended: make(chan error, 1)}
	ready := make(chan Status, 1)
	c := Config{
		Front: FrontConfig{Name: "shop", Links: []Link{{Kind: KindAPI, Inside: 8000, Port: port}}, Session: secret.NewKey(),
			Secret: secret.NewKey(), Run: "run", UID: os.Getuid(), Sink: func(event.Event) {}},
		Policy: egress.Policy{Mode: egress.Off},
		Socket: r.Path,
		Open:   func(context.Context) (Carrier, error) { return r.carrier, nil },
		State:  func(context.Context) (sandbox.State, error) { return sandbox.Up, nil },
		Watch:  func(ctx context.Context, _ func(sandbox.Change)) error { <-ctx.Done(); return nil },
		Ready:  func(s Status) { ready <- s },
	}
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.ended <- Run(ctx, c) }()
	t.Cleanup(cancel)
	select {
	case <-ready:
	case err := <-r.ended:
		t.Fatal(err)
	}
	return r
}

func TestAGatewaySaysHowItStandsAndLeavesNothing(t *testing.T) {
	r := begin(t, nil)
	s, err := r.Status(t.Context())
	if err != nil || s.Run != "run" || s.Carrier != "socket" || s.Egress != "off" || len(s.Listening) == 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if info, err := os.Stat(r.Path); err != nil || info.Mode().Perm() != controlMode {
		t.Errorf("its socket: %v, %v", info, err)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.Path); !os.IsNotExist(err) {
		t.Errorf("its socket stays: %v", err)
	}
	if again, err := Listen(r.port); err != nil {
		t.Error(err)
	} else {
		closeAll(again)
	}
	if _, err := r.Status(t.Context()); fault.KindOf(err) != fault.NotReady {
		t.Errorf("asked when it is gone: %v", err)
	}
}

func TestAGatewayHandsOutKeysAndConnections(t *testing.T) {
	r := begin(t, nil)
	one, err := r.Mint(t.Context(), KindAPI)
	two, err2 := r.Mint(t.Context(), KindAPI)
	if err != nil || err2 != nil || !isKey(one.Reveal()) || one == two {
		t.Errorf("%v, %v", err, err2)
	}
	if _, err := r.Mint(t.Context(), KindVNC); err == nil || err.Error() != "vnc: shop has no such link" || fault.KindOf(err) != fault.NotFound {
		t.Errorf("a link that it has not: %v", err)
	}
	if key, err := r.ClientKey(t.Context()); err != nil || !isKey(key.Reveal()) {
		t.Error(err)
	}
	conn, err := r.Dial(t.Context(), 8000)
	if err != nil {
		t.Fatal(err)
	}
	inside := <-r.carrier.ends
	go func() { _, _ = io.WriteString(inside, "from inside"); _ = inside.Close() }()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "from inside" {
		t.Errorf("%q, %v", got, err)
	}
	_ = conn.Close()
}

func TestARequestThatAGatewayDoesNotKnowIsRefused(t *testing.T) {
	r := begin(t, nil)
	want := `the gateway does not know "dance"`
	if err := r.call(t.Context(), request{Do: "dance"}, &struct{}{}); err == nil || err.Error() != want || fault.HintOf(err) == "" {
		t.Errorf("got %v, want %s", err, want)
	}
	want = "egress is off: there is no list to change"
	if err := r.Allow(t.Context(), "example.org:443"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// answers asks the API's link as a program does.
func (r *running) answers(t *testing.T) (int, string) {
	t.Helper()
	key, err := r.ClientKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:"+strconv.Itoa(int(r.port))+"/ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-Session-API-Key", key.Reveal())
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestAGatewayOfAPausedSandboxSaysSoAlsoWhenItDidNotHearOfThePause(t *testing.T) {
	looked := make(chan struct{})
	r := begin(t, func(c *Config) {
		c.State = func(context.Context) (sandbox.State, error) { return sandbox.Paused, nil }
		c.Watch = func(ctx context.Context, _ func(sandbox.Change)) error { close(looked); <-ctx.Done(); return nil }
	})
	<-looked
	if status, text := r.answers(t); status != 503 || text != `{"detail":"the sandbox is paused: berth resume shop"}` {
		t.Errorf("%d %s", status, text)
	}
}

func TestAGatewayWhosePortIsTakenSaysWhichAndListensNowhere(t *testing.T) {
	held := begin(t, nil)
	free, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	other := uint16(free[0].Addr().(*net.TCPAddr).Port)
	closeAll(free)
	c := Config{
		Front: FrontConfig{Name: "blog", Links: []Link{{Kind: KindCode, Inside: 8001, Port: other}, {Kind: KindAPI, Inside: 8000, Port: held.port}},
			Secret: secret.NewKey(), Run: "run", UID: os.Getuid()},
		Policy: egress.Policy{Mode: egress.Off}, Socket: filepath.Join(t.TempDir(), "s"),
	}
	if err := Run(t.Context(), c); fault.KindOf(err) != fault.Conflict || err == nil {
		t.Errorf("got %v", err)
	}
	again, err := Listen(other)
	if err != nil {
		t.Error(err)
	}
	closeAll(again)
	if _, err := os.Stat(c.Socket); !os.IsNotExist(err) {
		t.Errorf("its socket stays: %v", err)
	}
}
