package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// unrecognizedName is the TLS alert by which a client learns why it is hung up on (RFC 6066: fatal, 112).
var unrecognizedName = []byte{21, 3, 3, 0, 2, 2, 112}

// maxHello bounds the bytes of a hello with its records' heads.
const maxHello = 80 << 10

// checkHello reads a client's TLS hello, which early may begin, and compares the name in it with the one asked for.
// It gives all bytes read, for the server. A name that is missing counts as equal where the wish has no name either,
// or where every public host may be reached anyway. What ECH hides stays hidden: its outer name is compared.
//
// The error is a *refusal, or io.EOF of a client that went away without a word.
func (p *Proxy) checkHello(conn net.Conn, early []byte, asked wish) ([]byte, error) {
	sni, seen, err := readHello(io.MultiReader(bytes.NewReader(early), conn), conn)
	if len(seen) == 0 && errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err == nil && sni != "" {
		if n, bad := parseName(sni); bad != nil || n.text != asked.text {
			return nil, mismatch("%s: the TLS hello names another host", asked)
		}
		return seen, nil
	}
	if timeout := (net.Error)(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return nil, mismatch("%s: no whole TLS hello came in %v", asked, headTime)
	}
	if asked.isAddr() && err == nil || p.policy.Mode == On {
		return seen, nil
	}
	if err != nil {
		return nil, mismatch("%s: what the client says on port 443 is not TLS", asked)
	}
	return nil, mismatch("%s: the TLS hello names no host", asked)
}

func mismatch(format string, args ...any) *refusal {
	return forbidden("the TLS hello names the host asked for", "", format, args...)
}

var errSeen = errors.New("the hello has been read")

// readHello reads one TLS hello by the standard library's parser and gives the name in it, "" if it has none, and the
// bytes read. No answer is sent.
func readHello(r io.Reader, conn net.Conn) (sni string, seen []byte, err error) {
	tap := &tap{Conn: conn, from: io.LimitReader(r, maxHello)}
	err = tls.Server(tap, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		sni = hello.ServerName
		return nil, errSeen
	}}).HandshakeContext(context.Background()) // the connection has a deadline
	if errors.Is(err, errSeen) {
		err = nil
	}
	return sni, tap.seen.Bytes(), err
}

// tap keeps what is read, and swallows what is written.
type tap struct {
	net.Conn
	from io.Reader
	seen bytes.Buffer
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.seen.Write(p[:n])
	return n, err
}

func (t *tap) Write(p []byte) (int, error) { return len(p), nil }
func (t *tap) Close() error                { return nil }
