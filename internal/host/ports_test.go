package host

import (
	"net"
	"testing"
)

func TestAPortIsFreeOnlyWhenNobodyListensOnEitherLoopbackAddress(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v: this machine has no such address", address, err)
			continue
		}
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		if PortFree(port) {
			t.Errorf("%s: a port somebody listens on counts as free", l.Addr())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if !PortFree(port) {
			t.Errorf("%s: a port nobody listens on counts as taken", address)
		}
	}
}
