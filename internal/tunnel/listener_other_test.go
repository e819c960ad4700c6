//go:build !linux

package tunnel

import (
	"net"
	"testing"
)

func joinSocket(t testing.TB, _ Ports) ends {
	t.Skip(errSocket)
	return ends{}
}

func joinRaw(t testing.TB, _ Ports) (*Tunnel, *net.UnixConn) {
	t.Skip(errSocket)
	return nil, nil
}

func dialsLeft(*Tunnel) int { return 0 }
