package launch

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rfbServer plays one side of a greeting: what it says, and what it waits for in between ("" stands for nothing).
func rfbServer(t *testing.T, conn net.Conn, turns ...string) {
	in := bufio.NewReader(conn)
	if _, err := http.ReadRequest(in); err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	for i, turn := range turns {
		if i%2 == 0 {
			_, _ = conn.Write(append([]byte{0x82, byte(len(turn))}, turn...)) // the test reads what it gets
			continue
		}
		frame := make([]byte, 6+len(turn))
		if _, err := io.ReadFull(in, frame); err != nil || string(frame[6:]) != turn {
			t.Errorf("the viewer says %q, %v; want %q", frame, err, turn)
		}
	}
}

func TestADesktopIsProvenByAGreetingThatEndsWell(t *testing.T) {
	long := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	refused := long(26) + "Too many security failures"
	const v38, v37, v33 = "RFB 003.008\n", "RFB 003.007\n", "RFB 003.003\n"
	for name, c := range map[string]struct {
		turns []string
		want  string // of the error; "" is none
	}{
		"taken in":                {[]string{v38, v38, "\x02\x10\x01", "\x01", long(0)}, ""},
		"taken in, 3.7":           {[]string{v37, v37, "\x01\x01", "\x01"}, ""},
		"taken in, 3.3":           {[]string{v33, v33, long(1)}, ""},
		"wants a password":        {[]string{v38, v38, "\x01\x02"}, ""},
		"refused by a short list": {[]string{v38, v38, "\x00" + refused}, "the desktop takes nobody in: Too many security failures"},
		"refused after the list":  {[]string{v38, v38, "\x01\x01", "\x01", long(1) + refused}, "the desktop takes nobody in: Too many security failures"},
		"on the black list":       {[]string{v33 + long(0) + refused}, "the desktop takes nobody in: Too many security failures"},
		"no RFB":                  {[]string{"SSH-2.0-abcd"}, `the desktop's socket says "SSH-2.0-abcd", not RFB`},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				rfbServer(t, there, c.turns...)
				_, _ = io.Copy(io.Discard, there)
			}()
			err := readRFB(here, "shop.localhost:8012", 10*time.Second)
			if got := errorText(err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			_, _ = here.Close(), there.Close()
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}
