package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"berth/internal/fault"
)

// request is one line that a berth process writes to a gateway's socket; the answer is one line of JSON, too.
type request struct {
	Do   string `json:"do"`
	Kind string `json:"kind,omitempty"` // of a link
	Port uint16 `json:"port,omitempty"` // inside
	Rule string `json:"rule,omitempty"` // of the egress list
}

// refusal is an answer that is an error; what there is of it is a fault.
type refusal struct {
	Kind    fault.Kind `json:"kind,omitempty"`
	Message string     `json:"message,omitempty"`
	Hint    string     `json:"hint,omitempty"`
}

const (
	askLimit    = 10 * time.Second
	maxRequest  = 4 << 10
	controlMode = 0o600
)

// listenControl opens a gateway's socket. What lies there is of a gateway that was killed: the caller holds the lock.
func listenControl(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, controlMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// serveControl answers berth processes of the same user until ctx ends.
func (g *gateway) serveControl(ctx context.Context, l net.Listener) {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	_ = acceptAll(ctx, l, func(conn net.Conn) { // it ends with the gateway
		if !g.sameUser(conn) {
			_ = conn.Close()
			return
		}
		go g.converse(ctx, conn.(*net.UnixConn))
	})
}

// converse answers one request. A dialled connection goes on as a stream of bytes, events as lines.
func (g *gateway) converse(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close() //nolint:errcheck // nobody is left to be told
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetReadDeadline(time.Now().Add(askLimit))
	line, err := bufio.NewReaderSize(io.LimitReader(conn, maxRequest), maxRequest).ReadSlice('\n')
	if err != nil {
		return
	}
	var q request
	if err := json.Unmarshal(line, &q); err != nil {
		reply(conn, refused(err))
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	do, known := g.requests()[q.Do]
	if !known {
		reply(conn, refused(fault.New(fault.Usage, "berth restart NAME, with one version of berth", "the gateway does not know %q", q.Do)))
		return
	}
	do(ctx, conn, q)
}

func reply(w io.Writer, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		text = []byte("{}") // every answer is plain data
	}
	_, _ = w.Write(append(text, '\n')) // who asked may be gone
}

func refused(err error) refusal {
	return refusal{Kind: fault.KindOf(err), Message: err.Error(), Hint: fault.HintOf(err)}
}

// pump joins two connections until both directions have ended; each end of input is passed on.
func pump(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		oneWay(a, b)
	}()
	oneWay(b, a)
	<-done
}

func oneWay(to, from net.Conn) {
	_, _ = io.Copy(to, from) // an error ends the direction as its end does
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}

// Client asks a sandbox's gateway over its socket.
type Client struct{ Path string }

// ask sends a request and reads the answer, whose line is taken as the kind of request asks for it.
func (c Client) ask(ctx context.Context, q request, line func(io.Reader) ([]byte, error), answer any) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.Path)
	if err != nil {
		return nil, fault.New(fault.NotReady, "", "the gateway does not answer: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	text, err := json.Marshal(q)
	if err == nil {
		_, err = conn.Write(append(text, '\n'))
	}
	if err == nil {
		err = readAnswer(conn, line, answer)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// maxAnswer is the longest answer in bytes.
const maxAnswer = 1 << 20

// only takes the line of an answer that nothing follows.
func only(r io.Reader) ([]byte, error) {
	return bufio.NewReader(io.LimitReader(r, maxAnswer)).ReadBytes('\n')
}

// first takes the line byte for byte: what follows belongs to a stream.
func first(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, 256)
	one := make([]byte, 1)
	for len(line) < maxAnswer {
		if _, err := io.ReadFull(r, one); err != nil {
			return nil, err
		}
		if one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	return line, nil
}

func readAnswer(r io.Reader, take func(io.Reader) ([]byte, error), answer any) error {
	line, err := take(r)
	if err != nil {
		return fmt.Errorf("the gateway hung up: %w", err)
	}
	var no refusal
	if err := json.Unmarshal(line, &no); err != nil {
		return err
	}
	if no.Message != "" {
		return fault.New(no.Kind, no.Hint, "%s", no.Message)
	}
	return json.Unmarshal(line, answer)
}
