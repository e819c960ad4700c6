package launch

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"berth/internal/text"
)

// readRFB proves a desktop behind a noVNC port: it opens the WebSocket and goes through the greeting of a viewer. A
// page alone proves nothing: it is served with a dead X too.
func readRFB(conn net.Conn, host string, limit time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	_, err := fmt.Fprintf(conn, "GET /websockify HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\nSec-WebSocket-Key: %s\r\n\r\n",
		host, base64.StdEncoding.EncodeToString(nonce[:]))
	if err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // nothing was sent in it
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the desktop's socket answers %s", answer.Status)
	}
	return greet(&frames{in: in, out: conn})
}

const (
	rfbNone   = 1    // the security type without a password
	maxReason = 1024 // of a refusal, in bytes
)

// greet goes through RFB's greeting (RFC 6143 §7.1.1 to §7.1.3) until the server has taken the viewer in, or wants a
// password, which proves it as well. It must not hang up before: TigerVNC takes that for a failed login, and after a
// few of them lets nobody in, whom it tells so in a greeting that begins like any other.
func greet(server io.ReadWriter) error {
	banner := make([]byte, 12)
	if _, err := io.ReadFull(server, banner); err != nil {
		return err
	}
	if !strings.HasPrefix(string(banner), "RFB 003.") {
		return fmt.Errorf("the desktop's socket says %q, not RFB", banner)
	}
	if _, err := server.Write(banner); err != nil {
		return err
	}
	if string(banner) < "RFB 003.007" { // the server chooses: one number, 0 is a refusal
		return accepted(server, func(kind uint32) bool { return kind != 0 })
	}
	count := make([]byte, 1)
	if _, err := io.ReadFull(server, count); err != nil {
		return err
	}
	if count[0] == 0 {
		return refusal(server)
	}
	kinds := make([]byte, count[0])
	if _, err := io.ReadFull(server, kinds); err != nil {
		return err
	}
	if !slices.Contains(kinds, rfbNone) {
		return nil
	}
	if _, err := server.Write([]byte{rfbNone}); err != nil {
		return err
	}
	if string(banner) < "RFB 003.008" {
		return nil // it says no more before the viewer does
	}
	return accepted(server, func(result uint32) bool { return result == 0 })
}

// accepted reads one number, and the reason behind one that is not good.
func accepted(server io.Reader, good func(uint32) bool) error {
	var number uint32
	if err := binary.Read(server, binary.BigEndian, &number); err != nil {
		return err
	}
	if !good(number) {
		return refusal(server)
	}
	return nil
}

// refusal reads why a server takes nobody in.
func refusal(server io.Reader) error {
	var size uint32
	if err := binary.Read(server, binary.BigEndian, &size); err != nil || size > maxReason {
		return errors.New("the desktop takes nobody in")
	}
	reason := make([]byte, size)
	if _, err := io.ReadFull(server, reason); err != nil {
		return errors.New("the desktop takes nobody in")
	}
	return fmt.Errorf("the desktop takes nobody in: %s", text.Line(string(reason)))
}

// frames is a WebSocket as a stream of bytes (RFC 6455 §5.2): a server's frames are read, a viewer's written.
type frames struct {
	in   *bufio.Reader
	out  io.Writer
	left int // of the frame that is read
}

func (f *frames) Read(b []byte) (int, error) {
	for f.left == 0 {
		head := make([]byte, 2)
		if _, err := io.ReadFull(f.in, head); err != nil {
			return 0, err
		}
		if kind := head[0] & 0x0f; kind > 2 || head[1] > 125 {
			return 0, errors.New("the desktop's socket says something else than a greeting")
		}
		f.left = int(head[1])
	}
	n, err := f.in.Read(b[:min(len(b), f.left)])
	f.left -= n
	return n, err
}

func (f *frames) Write(b []byte) (int, error) {
	frame := []byte{0x82, 0x80 | byte(len(b)), 0, 0, 0, 0} // whole and binary, under a mask that changes nothing
	_, err := f.out.Write(append(frame, b...))
	return len(b), err
}
