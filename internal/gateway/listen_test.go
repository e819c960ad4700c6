package gateway

import (
	"net"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestAPortIsTakenOnBothLoopbackAddressesOrNotAtAll(t *testing.T) {
	both, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(both)
	if len(both) == 2 && portOf(both[0]) != portOf(both[1]) {
		t.Errorf("%v and %v", both[0].Addr(), both[1].Addr())
	}
	for _, l := range both {
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
			t.Errorf("%v is not loopback", l.Addr())
		}
	}
	for _, foreign := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		other, err := net.Listen("tcp", foreign)
		if err != nil {
			t.Logf("%s: %v", foreign, err)
			continue
		}
		port := portOf(other)
		if mine, err := Listen(port); err == nil {
			t.Errorf("%s has port %d, and so have we: %v", foreign, port, mine)
			closeAll(mine)
		} else if fault.KindOf(err) != fault.Conflict || !strings.HasSuffix(err.Error(), "address already in use") {
			t.Errorf("%s: %v, kind %s", foreign, err, fault.KindOf(err))
		}
		other.Close()
		mine, err := Listen(port)
		if err != nil {
			t.Errorf("%s: the half that was free is still held: %v", foreign, err)
		}
		closeAll(mine)
	}
}
