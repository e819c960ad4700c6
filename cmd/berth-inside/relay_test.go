package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// between is a relay from 127.0.1.0/24 to the rest of 127.0.0.0/8, as if that were another network.
func between(port uint16, names map[string]string) relayer {
	return relayer{
		own: netip.MustParsePrefix("127.0.1.0/24"), network: "cache", host: "redis", port: port, slots: make(chan struct{}, relayed),
		places: func() ([]net.Addr, error) {
			return []net.Addr{&net.IPNet{IP: net.IPv4(127, 0, 1, 2), Mask: net.CIDRMask(24, 32)},
				&net.IPNet{IP: net.IPv4(172, 20, 0, 2), Mask: net.CIDRMask(16, 32)}}, nil
		},
		lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
			if names[name] == "" {
				return nil, errors.New(name + ": no such host")
			}
			var out []netip.Addr
			for _, word := range strings.Fields(names[name]) {
				out = append(out, netip.MustParseAddr(word))
			}
			return out, nil
		},
	}
}

func TestARelayGoesToTheOtherNetworkOnly(t *testing.T) {
	for about, c := range map[string]struct {
		names      map[string]string
		want, fail string
	}{
		"the name on that network":      {map[string]string{"redis.cache": "172.20.0.7"}, "172.20.0.7", ""},
		"the bare name":                 {map[string]string{"redis": "172.20.0.7"}, "172.20.0.7", ""},
		"not the relay's own alias":     {map[string]string{"redis": "127.0.1.2", "redis.cache": "172.20.0.7"}, "172.20.0.7", ""},
		"not the sandbox's network":     {map[string]string{"redis": "127.0.1.9"}, "", "redis: has no address on cache"},
		"not the relay itself":          {map[string]string{"redis": "172.20.0.2"}, "", "redis: has no address on cache"},
		"not what is behind a router":   {map[string]string{"redis": "192.0.2.7"}, "", "redis: has no address on cache"},
		"not its loopback":              {map[string]string{"redis": "127.0.0.1"}, "", "redis: has no address on cache"},
		"of several, the first beyond":  {map[string]string{"redis.cache": "127.0.1.9 172.20.0.8 172.20.0.9"}, "172.20.0.8", ""},
		"a name that nobody has":        {nil, "", "redis: no such host"},
		"an address written as IPv6 is": {map[string]string{"redis": "::ffff:172.20.0.7"}, "172.20.0.7", ""},
	} {
		at, err := between(6379, c.names).target(t.Context())
		if c.fail != "" && (err == nil || err.Error() != c.fail) || c.fail == "" && (err != nil || at.String() != c.want) {
			t.Errorf("%s: %v, %v", about, at, err)
		}
	}
}

func TestARelayListensOnTheSandboxsNetworkOnly(t *testing.T) {
	r := between(6379, nil)
	if at, err := r.listenAddress(); err != nil || at.String() != "127.0.1.2" {
		t.Errorf("%v, %v", at, err)
	}
	r.own = netip.MustParsePrefix("10.83.0.0/28")
	if _, err := r.listenAddress(); err == nil || err.Error() != "10.83.0.0/28 is no network of this machine" {
		t.Error(err)
	}
}

// echoing answers what it hears after the other side has said all, in capitals.
func echoing(t *testing.T) netip.AddrPort {
	return serving(t, func(conn net.Conn) {
		heard, _ := io.ReadAll(conn)
		_, _ = conn.Write([]byte(strings.ToUpper(string(heard)))) // who asked may be gone, and finds out
	})
}

func TestARelayClosesWhatItMayNotPassOn(t *testing.T) {
	at := echoing(t)
	r := between(at.Port(), map[string]string{"redis.cache": "127.0.0.1"})
	r.own = netip.MustParsePrefix("127.0.2.0/24")
	r.places = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(127, 0, 2, 2), Mask: net.CIDRMask(24, 32)}}, nil
	}
	l, err := net.Listen("tcp4", "127.0.2.2:0")
	if err != nil {
		t.Skip("this system has no further loopback addresses:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer context.AfterFunc(ctx, func() { l.Close() })()
	done := make(chan error, 1)
	var said strings.Builder
	go func() { done <- r.serve(ctx, l, &said) }()

	conn, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The loopback is never a target, so this connection is closed without an answer.
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if heard, err := io.ReadAll(conn); err == nil && len(heard) > 0 {
		t.Errorf("heard %q", heard)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(), "redis: has no address on cache") {
		t.Errorf("said %q", said.String())
	}
}

// scarce is a listener that has no descriptor left at first.
type scarce struct {
	net.Listener
	errs []error
}

func (s *scarce) Accept() (net.Conn, error) {
	if len(s.errs) == 0 {
		return nil, net.ErrClosed
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	return nil, err
}

func TestARelayOutlivesAConnectionThatItCannotTake(t *testing.T) {
	l := &scarce{errs: []error{syscall.EMFILE, syscall.ECONNABORTED}}
	if err := between(6379, nil).serve(t.Context(), l, io.Discard); !errors.Is(err, net.ErrClosed) || len(l.errs) > 0 {
		t.Errorf("%v, %d more tries", err, len(l.errs))
	}
}

func TestTwoSidesAreJoinedUntilBothAreDone(t *testing.T) {
	at := echoing(t)
	to, err := net.Dial("tcp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	near, far := pair(t)
	go func() {
		go oneWay(to, far)
		oneWay(far, to)
	}()
	if _, err := near.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	_ = near.(*net.TCPConn).CloseWrite()
	_ = near.SetDeadline(time.Now().Add(10 * time.Second))
	if heard, err := io.ReadAll(near); err != nil || string(heard) != "PING" {
		t.Errorf("%q, %v", heard, err)
	}
}

// pair is one TCP connection, both ends.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp4", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestARelayWantsAllItsFlags(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--own", "10.83.0.0/28", "--network", "n", "--host", "h"}, {"--own", "nonsense"},
		{"--own", "10.83.0.0/28", "--network", "n", "--host", "h", "--port", "70000"},
	} {
		if code, _, errOut := call(append([]string{"relay"}, args...)...); code != exitUsage || errOut == "" {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}
