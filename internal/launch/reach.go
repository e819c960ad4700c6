package launch

import (
	"context"
	"net"
	"net/netip"

	"berth/internal/sandbox"
	"berth/internal/secret"
)

// Opening is a way into a sandbox that waits for the sandbox to run.
type Opening interface {
	// Join does what Reach.Open does.
	Join(ctx context.Context, o sandbox.Observed) (how string, err error)
	// Drop ends what was never joined; after Join it does nothing.
	Drop()
}

// Reach is how berth and the user get to a port inside a sandbox: the one place where a link gets its address.
type Reach interface {
	// Prepare begins, while a sandbox is being made, what Open would begin once it runs; nil where there is nothing to begin.
	Prepare(name string) Opening
	// Open makes sure that the links of a running sandbox are served, and gives how: "by socket".
	Open(ctx context.Context, o sandbox.Observed) (how string, err error)
	// Close ends what Open began, before its sandbox stops; where nothing is served it does nothing.
	Close(ctx context.Context, name string) error
	// Serves tells whether the links of a sandbox are served now.
	Serves(name string) bool
	// Address gives where a port of the sandbox listens on this machine, the zero value when it does not.
	Address(o sandbox.Observed, port uint16) netip.AddrPort
	// Dial connects to a port inside the sandbox.
	Dial(ctx context.Context, o sandbox.Observed, port uint16) (net.Conn, error)
	// Key gives what opens a link once, for its fragment.
	Key(ctx context.Context, o sandbox.Observed, kind LinkKind) (secret.String, error)
}
