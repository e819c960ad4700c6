package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// rfbBanner is the length of what RFB 6143 §7.1.1 lets the server say first: "RFB 003.008\n".
const rfbBanner = 12

// readBanner does a WebSocket handshake (RFC 6455) on /websockify and gives the first RFB bytes, without their newline.
func readBanner(ctx context.Context, address string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline := time.Now().Add(perTry)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	if err := handshake(conn, r, address); err != nil {
		return "", err
	}
	return readFrame(r)
}

func handshake(w io.Writer, r *bufio.Reader, host string) error {
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "GET /websockify HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n", host, base64.StdEncoding.EncodeToString(nonce))
	if err != nil {
		return err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("/websockify answered %d", res.StatusCode)
	}
	return nil
}

// readFrame reads the payload of data frames until the banner is whole. Frames of a server are not masked.
func readFrame(r *bufio.Reader) (string, error) {
	var banner strings.Builder
	for banner.Len() < rfbBanner {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			return "", err
		}
		if op := head[0] & 0x0f; op > 2 {
			return "", fmt.Errorf("a frame of kind %d came first", op)
		}
		size := int(head[1])
		if size > 125 {
			return "", errors.New("the first frame is longer than RFB's greeting")
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(r, payload); err != nil {
			return "", err
		}
		banner.Write(payload)
	}
	if !strings.HasPrefix(banner.String(), "RFB ") {
		return "", errors.New("what answers is not RFB")
	}
	return strings.TrimSpace(banner.String()), nil
}
