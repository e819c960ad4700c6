package gateway

import (
	"bytes"
	"context"
	"crypto/sha1" // the WebSocket handshake asks for it
	"encoding/base64"
	"io"
)

// apiSockets begins the paths of the API's WebSockets. The SDK (openhands-sdk 1.58) shows its key there in the
// first frame, {"type":"auth","session_api_key":...}, and neither in a header nor in the query.
const apiSockets = "/sockets/"

// handshakeGUID is RFC 6455's, §1.3.
const handshakeGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// closeFrame ends a socket by the code that the agent server gives for a wrong key, 4001, or by 1013: try again later.
var (
	closeWrongKey = []byte{0x88, 2, 4001 >> 8, 4001 & 0xff}
	closeLater    = []byte{0x88, 2, 1013 >> 8, 1013 & 0xff}
)

// meet opens a program's socket before its key is known, and nothing inside: the first frame must show the key.
// Then the server is asked as the program asked, and gets the frame with its own key.
func (v *visit) meet(ctx context.Context, s *scratch, w wish) (outgoing, error) {
	out := outgoing{link: v.link, session: v.front.session, from: v.front.client, mute: true}
	s.out = out.appendRequest(s.out[:0], &s.request)
	accept := acceptOf(s.request.value("sec-websocket-key"))
	if _, err := io.WriteString(v.client.conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: "+accept+"\r\n\r\n"); err != nil {
		return out, err
	}
	v.client.within(headTime)
	var first bytes.Buffer
	proven := false
	if total, err := frameLength(v.client); err != nil {
		return out, err
	} else if total > 0 && total <= maxHead {
		if err := v.client.fillTo(total); err != nil {
			return out, err
		}
		first.Write(v.client.ahead()[:total])
		proven = rewriteFrame(first.Bytes(), out.from, out.session)
		v.client.take(total)
	}
	if !proven || !v.admit("") {
		return out, v.hangUp(closeWrongKey)
	}
	if text := *v.front.state.Load(); text != "" {
		return out, v.hangUp(closeLater)
	}
	if v.ask(ctx, s, w) != nil || v.answerHead(s, w, false) != nil || s.response.status != 101 {
		return out, v.hangUp(closeLater)
	}
	if _, err := v.inside.conn.Write(first.Bytes()); err != nil {
		return out, err
	}
	return outgoing{link: v.link}, errUpgraded // no key is to be rewritten any more
}

// hangUp ends a socket by a frame that says why.
func (v *visit) hangUp(frame []byte) error {
	_, _ = v.client.conn.Write(frame)
	return v.depart()
}

// acceptOf answers a handshake's key, RFC 6455 §4.2.2.
func acceptOf(key []byte) string {
	sum := sha1.Sum(append(bytes.Clone(key), handshakeGUID...))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// value gives a header that has no kind, nil when absent.
func (h *head) value(name string) []byte {
	for _, f := range h.fields {
		if equalFold(f.name, name) {
			return f.value
		}
	}
	return nil
}
