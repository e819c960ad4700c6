//go:build !linux

package tunnel

import (
	"context"
	"errors"
)

// errSocket is why only the exec carrier is left.
var errSocket = errors.New("tunnel by socket: only a local Linux engine has it")

// Listener is the host's end of the socket carrier, which this system has not.
type Listener struct{}

// Listen always gives an error.
func Listen(string, []uint32) (*Listener, error) { return nil, errSocket }

// Path is empty.
func (*Listener) Path() string { return "" }

// Nonce is empty.
func (*Listener) Nonce() string { return "" }

// Accept always gives an error.
func (*Listener) Accept(context.Context, Ports) (*Tunnel, error) { return nil, errSocket }

// Close does nothing.
func (*Listener) Close() error { return nil }
