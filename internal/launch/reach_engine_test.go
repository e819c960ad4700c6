package launch_test

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"berth/internal/engine"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/tunnel"
)

// streams reaches sandboxes by tunnels of its own, in place of the gateway processes that cmd/berth starts.
type streams struct {
	engine *engine.Engine
	mu     sync.Mutex
	open   map[string]*tunnel.Tunnel
}

func (s *streams) of(name string) *tunnel.Tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[name]
}

func (s *streams) Prepare(string) launch.Opening { return nil }

func (s *streams) Open(ctx context.Context, o sandbox.Observed) (string, error) {
	pipe, err := s.engine.Stream(context.WithoutCancel(ctx), o.ID, sandbox.Exec{
		User: "65533:65533", Command: []string{"/.berth/inside", "serve", "--port", "8000", "--stdio"},
	})
	if err != nil {
		return "", err
	}
	t, err := tunnel.Exec(ctx, pipe, launch.InsidePorts[:])
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[o.Spec.Name] = t
	return "by " + t.Name(), nil
}

func (s *streams) Close(_ context.Context, name string) error {
	t := s.of(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name)
	if t == nil {
		return nil
	}
	return t.Close()
}

func (s *streams) Serves(name string) bool { return s.of(name) != nil }

func (s *streams) Address(o sandbox.Observed, _ uint16) netip.AddrPort {
	if !s.Serves(o.Spec.Name) {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort("127.0.0.1:8010")
}

func (s *streams) Dial(ctx context.Context, o sandbox.Observed, port uint16) (net.Conn, error) {
	t := s.of(o.Spec.Name)
	if t == nil {
		return nil, tunnel.ErrRefused // not open yet
	}
	return t.Dial(ctx, port)
}

func (s *streams) Key(context.Context, sandbox.Observed, launch.LinkKind) (secret.String, error) {
	return secret.NewKey(), nil
}
