package launch

import (
	"context"
	"net"
	"net/netip"
	"time"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Reach is how berth and the user get to a port inside a sandbox: the one place where a link gets its address.
type Reach interface {
	// Address gives where a port of the sandbox listens on this machine, the zero value when it does not.
	Address(o sandbox.Observed, port uint16) netip.AddrPort
	// Dial connects to a port inside the sandbox.
	Dial(ctx context.Context, o sandbox.Observed, port uint16) (net.Conn, error)
}

// Published reaches a sandbox by the ports that the engine publishes on loopback.
type Published struct{}

// Address reads the port back from what the engine says is bound now; a promise is not a port.
func (Published) Address(o sandbox.Observed, port uint16) netip.AddrPort {
	for _, p := range o.Published {
		if p.Container == port && p.Host.Addr().IsLoopback() {
			return p.Host
		}
	}
	return netip.AddrPort{}
}

// Dial connects to the published port.
func (p Published) Dial(ctx context.Context, o sandbox.Observed, port uint16) (net.Conn, error) {
	at := p.Address(o, port)
	if !at.IsValid() {
		return nil, fault.New(fault.Failure, "berth inspect "+o.Spec.Name, "%s: port %d is not published", o.Spec.Name, port)
	}
	dialer := net.Dialer{Timeout: time.Second}
	return dialer.DialContext(ctx, "tcp", at.String())
}
