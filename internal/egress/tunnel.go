package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// serveTunnel carries out a CONNECT.
func (p *Proxy) serveTunnel(w http.ResponseWriter, r *http.Request, asked wish) {
	road, out, err := p.open(r.Context(), asked)
	p.tell(road, err)
	if err != nil {
		answer(w, r, err)
		return
	}
	defer out.Close()
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	defer context.AfterFunc(r.Context(), func() { in.Close(); out.Close() })()
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // sent before our answer; the server gets it after its check
	_ = in.SetDeadline(time.Now().Add(headTime))
	if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	if asked.port == 443 {
		early, err = p.checkHello(in, early, asked)
		if no := (*refusal)(nil); errors.As(err, &no) {
			p.tell(road, no)
			_ = in.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = in.Write(unrecognizedName)
		}
		if err != nil {
			return
		}
	}
	if len(early) > 0 {
		_ = out.SetWriteDeadline(time.Now().Add(dialTime))
		if _, err := out.Write(early); err != nil {
			return
		}
	}
	_ = in.SetDeadline(time.Time{})
	splice(in, out, idleTime)
}

// open judges a wish and connects to where it leads. The error is a *refusal.
func (p *Proxy) open(ctx context.Context, asked wish) (route, net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	road, err := p.judge(ctx, asked)
	if err != nil {
		return road, nil, err
	}
	if road.via != nil {
		out, err := p.chain(ctx, road)
		return road, out, err
	}
	out, err := p.dial(ctx, road.addrs)
	if err != nil {
		return road, nil, unreached(road.rule, "%s cannot be reached: %s", road, plainly(err))
	}
	return road, out, nil
}

// closeWrite ends what is written to conn, while it can still be read.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// splice copies both ways until both have ended, one has failed, or neither moved a byte for idle. It works in
// rounds: the read deadline of both ends wakes it, so that the kernel can copy between two sockets by itself.
func splice(a, b net.Conn, idle time.Duration) {
	ways := []*way{{from: a, to: b}, {from: b, to: a}}
	defer a.Close()
	defer b.Close()
	for {
		now := time.Now()
		for _, w := range ways {
			w.until = now.Add(2 * idle) // only a single write that nobody takes lasts so long
			_ = w.from.SetReadDeadline(now.Add(idle))
			_ = w.to.SetWriteDeadline(w.until)
		}
		moved, open := round(ways)
		if !open || moved == 0 {
			return
		}
	}
}

// way is one direction of a tunnel.
type way struct {
	from, to net.Conn
	until    time.Time // of writes
	ended    bool
}

// round copies all open ways until their deadline or end; open tells whether one is left and none has failed.
func round(ways []*way) (moved int64, open bool) {
	type result struct {
		n   int64
		err error
	}
	results := make(chan result, len(ways))
	running := 0
	for _, w := range ways {
		if w.ended {
			continue
		}
		running++
		go func() {
			n, err := w.copy()
			results <- result{n, err}
		}()
	}
	failed := false
	for range running {
		r := <-results
		moved += r.n
		if r.err != nil && !failed {
			failed = true
			ways[0].from.Close() // wakes the other way
			ways[0].to.Close()
		}
	}
	return moved, !failed && (!ways[0].ended || !ways[1].ended)
}

// copy moves bytes until the read deadline, which is no error, or the end, which it passes on. Where the kernel
// copies, the error does not tell a read's deadline from a write's: the clock does.
func (w *way) copy() (int64, error) {
	n, err := io.Copy(w.to, w.from)
	if timeout := (net.Error)(nil); errors.As(err, &timeout) && timeout.Timeout() && time.Now().Before(w.until) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	w.ended = true
	return n, closeWrite(w.to)
}
