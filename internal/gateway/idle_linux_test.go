package gateway

import (
	"bufio"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestIdleSocketsCostNextToNothing(t *testing.T) {
	const count = 500
	server, _ := socketServer(t, func(conn *net.TCPConn, reader *bufio.Reader) {
		io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{reader}, make([]byte, 512)) // without pipes of its own
	})
	h := open(t, inside{"vnc": server})
	own := h.own("vnc")
	before := heap()
	for range count {
		conn, reader := h.join("vnc", own)
		conn.Write([]byte("x"))
		if c, err := reader.ReadByte(); c != 'x' {
			t.Fatal(err)
		}
	}
	each := int64(heap()-before) / count
	var used, later syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	goroutines := runtime.NumGoroutine()
	timer := time.NewTimer(300 * time.Millisecond)
	<-timer.C
	syscall.Getrusage(syscall.RUSAGE_SELF, &later)
	spent := time.Duration(later.Utime.Nano() + later.Stime.Nano() - used.Utime.Nano() - used.Stime.Nano())
	t.Logf("%d bytes and %d goroutines for each, server and browser included; %v of CPU in 300 ms", each, goroutines/count, spent)
	if each > 48<<10 { // 500 of them in 24 MB, three of four ends being the test's
		t.Errorf("%d bytes for each", each)
	}
	if pipes := openPipes(t); pipes > 8 {
		t.Errorf("%d pipes are held", pipes)
	}
	if spent > 15*time.Millisecond {
		t.Errorf("%v of CPU while nothing happened", spent)
	}
}

// openPipes counts this process's pipes: the kernel gives each user few large ones.
func openPipes(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	count := 0
	for _, name := range names {
		if to, err := os.Readlink("/proc/self/fd/" + name.Name()); err == nil && strings.HasPrefix(to, "pipe:") {
			count++
		}
	}
	return count
}
