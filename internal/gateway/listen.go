package gateway

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"berth/internal/fault"
)

// loopbacks are all the addresses a browser may take for localhost. Chromium dials the second one first.
var loopbacks = []struct{ network, host string }{{"tcp4", "127.0.0.1"}, {"tcp6", "::1"}}

// anyPortTries bounds the search for a port that is free in both families.
const anyPortTries = 16

// Listen takes a port on each loopback address, or none and gives an error: with only one, somebody else's listener
// on the other would get the page and its key. A machine without IPv6 gives one listener. Port 0 takes a free one.
func Listen(port uint16) ([]net.Listener, error) {
	if port != 0 {
		return listen(port)
	}
	var all []net.Listener
	var err error
	for range anyPortTries {
		if all, err = listen(0); err == nil {
			break
		}
	}
	return all, err
}

func listen(port uint16) ([]net.Listener, error) {
	plain := net.ListenConfig{KeepAlive: -1} // nothing gets lost on loopback, and 500 idle connections stay asleep
	var all []net.Listener
	for _, at := range loopbacks {
		l, err := plain.Listen(context.Background(), at.network, net.JoinHostPort(at.host, strconv.Itoa(int(port))))
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue
		}
		if err != nil {
			closeAll(all)
			return nil, fault.New(fault.Conflict, "", "port %d: %s is taken or not allowed: %w", port, at.host, err)
		}
		all = append(all, l)
		port = uint16(l.Addr().(*net.TCPAddr).Port)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Failure, "", "port %d: this machine has no loopback address", port)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}
