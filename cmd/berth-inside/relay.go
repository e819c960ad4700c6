package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// relayer passes connections that come from the sandbox's own network on to the same port of one host of another network.
// It is between two sides that need not trust each other, so it goes nowhere else, whatever the resolver says.
type relayer struct {
	own     netip.Prefix // the sandbox's network: where it listens, and where it never connects to
	network string       // name of the other network
	host    string
	port    uint16

	slots  chan struct{}              // of all ports
	places func() ([]net.Addr, error) // this machine's addresses, with their networks
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)
}

const (
	// relayed is how many connections are passed on at once, over all ports: each takes two descriptors of 1024.
	relayed = 256
	// dialLimit bounds finding and reaching the host, both one hop away.
	dialLimit = 5 * time.Second
	// acceptPause is between two tries to take a connection.
	acceptPause = 50 * time.Millisecond
)

// relay runs until it is told to end.
func relay(args []string, _, errOut io.Writer) int {
	f := flags("relay", errOut)
	r := relayer{slots: make(chan struct{}, relayed), places: net.InterfaceAddrs, lookup: func(ctx context.Context, name string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
	}}
	f.TextVar(&r.own, "own", netip.Prefix{}, "network to listen on, as address/bits")
	f.StringVar(&r.network, "network", "", "network of the host")
	f.StringVar(&r.host, "host", "", "host to connect to")
	var ports portList
	f.Var(&ports, "port", "port, of both sides, repeatable")
	if f.Parse(args) != nil {
		return exitUsage
	}
	if !r.own.IsValid() || r.host == "" || r.network == "" || len(ports) == 0 {
		fmt.Fprintln(errOut, "relay: --own, --network, --host and --port are needed")
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := r.run(ctx, ports, errOut); err != nil {
		fmt.Fprintln(errOut, "relay:", err)
		return exitNo
	}
	return exitOK
}

// run listens on every port and passes on until ctx ends or a listener fails.
func (r relayer) run(ctx context.Context, ports portList, errOut io.Writer) error {
	here, err := r.listenAddress()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, port := range ports {
		r.port = port
		one := r
		l, err := net.Listen("tcp4", netip.AddrPortFrom(here, port).String())
		if err != nil {
			cancel(err)
			break
		}
		defer context.AfterFunc(ctx, func() { l.Close() })()
		all.Go(func() { cancel(one.serve(ctx, l, errOut)) })
	}
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// serve passes connections on until ctx ends or the listener is closed. A connection that could not be taken is none to
// end for: it was given up while it waited, or descriptors are out for a moment.
func (r relayer) serve(ctx context.Context, l net.Listener, errOut io.Writer) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			conn.Close()
			return nil
		}
		all.Go(func() {
			defer func() { <-r.slots }()
			if err := r.pass(ctx, conn); err != nil {
				fmt.Fprintln(errOut, "relay:", err)
			}
		})
	}
}

// pass joins one connection to the host until either end is done.
func (r relayer) pass(ctx context.Context, from net.Conn) error {
	defer from.Close()
	dialing, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	to, err := r.dial(dialing)
	if err != nil {
		return err
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() { from.Close(); to.Close() })()
	var both sync.WaitGroup
	both.Go(func() { oneWay(to, from) })
	both.Go(func() { oneWay(from, to) })
	both.Wait()
	return nil
}

// oneWay copies until the end and hands the end on, so that a side may still answer after it has said all.
func oneWay(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite() // a side that is gone needs no word of it
		return
	}
	to.Close()
	from.Close()
}

// dial tries one address: a name that stands for several is not walked through.
func (r relayer) dial(ctx context.Context) (net.Conn, error) {
	at, err := r.target(ctx)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp4", netip.AddrPortFrom(at, r.port).String())
}

// target resolves the host on the other network only. The engine's resolver takes NAME.NETWORK for that, without which
// this relay's own alias, which is the same name, would answer.
func (r relayer) target(ctx context.Context) (netip.Addr, error) {
	var last, elsewhere error
	for _, name := range []string{r.host + "." + r.network, r.host} {
		found, err := r.lookup(ctx, name)
		if err != nil {
			last = err
			continue
		}
		for _, at := range found {
			if r.beyond(at.Unmap()) {
				return at.Unmap(), nil
			}
		}
		elsewhere = fmt.Errorf("%s: has no address on %s", r.host, r.network)
	}
	return netip.Addr{}, cmp.Or(elsewhere, last)
}

// beyond tells whether an address is on a network of this machine other than the sandbox's: never one behind a router.
func (r relayer) beyond(at netip.Addr) bool {
	prefixes, err := r.prefixes()
	if err != nil || r.own.Contains(at) {
		return false
	}
	for _, p := range prefixes {
		if p.Contains(at) && p.Addr() != at && !at.IsLoopback() {
			return true
		}
	}
	return false
}

// listenAddress is this machine's address on the sandbox's network.
func (r relayer) listenAddress() (netip.Addr, error) {
	prefixes, err := r.prefixes()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, p := range prefixes {
		if r.own.Contains(p.Addr()) {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, errors.New(r.own.String() + " is no network of this machine")
}

func (r relayer) prefixes() ([]netip.Prefix, error) {
	places, err := r.places()
	var out []netip.Prefix
	for _, p := range places {
		if prefix, bad := netip.ParsePrefix(p.String()); bad == nil {
			out = append(out, prefix)
		}
	}
	return out, err
}
