package gateway

import (
	"net"
	"os"
	"testing"
)

func TestTheUserBehindAConnectionIsTold(t *testing.T) {
	listeners, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	for _, l := range listeners {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		uid, err := userOf(accepted.RemoteAddr(), accepted.LocalAddr())
		if err != nil || int(uid) != os.Getuid() {
			t.Errorf("%v: uid %d, %v", l.Addr(), uid, err)
		}
		conn.Close()
		if uid, err := userOf(accepted.RemoteAddr(), accepted.LocalAddr()); err == nil {
			t.Errorf("%v: uid %d is told of a connection that was closed", l.Addr(), uid)
		}
		accepted.Close()
	}
}
