package launch

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// readRFB proves a desktop behind a noVNC port: it opens the WebSocket and waits for the banner "RFB 003.00x", with
// which every VNC server begins (RFC 6143 §7.1.1). A page alone proves nothing: it is served with a dead X too.
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
	frame := make([]byte, 2+12) // a server's first frame: two bytes of header, then the 12 of the banner
	if _, err := io.ReadFull(in, frame); err != nil {
		return err
	}
	if banner := string(frame[2:]); !strings.HasPrefix(banner, "RFB 003.") {
		return fmt.Errorf("the desktop's socket says %q, not RFB", banner)
	}
	return nil
}
