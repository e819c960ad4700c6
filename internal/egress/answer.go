package egress

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"berth/internal/text"
)

// ServeHTTP answers one request of a client inside.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, err := wishOf(r)
	if err != nil {
		answer(w, r, &refusal{status: http.StatusBadRequest, reason: err.Error()})
		return
	}
	if asked.plain {
		p.servePlain(w, r, asked)
		return
	}
	p.serveTunnel(w, r, asked)
}

// wishOf reads what a request asks for.
func wishOf(r *http.Request) (wish, error) {
	var w wish
	authority := r.URL.Host
	switch {
	case r.Method == http.MethodConnect:
		if r.RequestURI != authority {
			return w, errors.New("CONNECT takes host:port and nothing else")
		}
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			return w, errors.New("CONNECT takes no body")
		}
	case authority == "":
		return w, errors.New("this is berth's proxy for the sandbox, not a web server")
	case r.URL.Scheme != "http":
		return w, fmt.Errorf("%q is not for a proxy: use CONNECT", text.Line(r.URL.Scheme))
	default:
		w.plain, w.port = true, 80
	}
	host, digits, found := cut(authority)
	var err error
	if w.name, err = parseName(host); err != nil {
		return w, err
	}
	if port, ok := parsePort(digits); ok {
		w.port = port
	} else if found || !w.plain {
		return w, errors.New("the port is missing or none")
	}
	return w, nil
}

// tell logs what became of a wish; err is nil or a *refusal.
func (p *Proxy) tell(r route, err error) {
	d := Decision{
		Time: p.world.Now(), Host: r.text, Port: r.port, Allowed: true, Rule: r.rule, Softened: r.softened,
		Unresolved: r.via != nil, Count: 1,
	}
	if d.Unresolved {
		d.Reason = "by this machine's own proxy, which alone sees the address"
	}
	var no *refusal
	if !errors.As(err, &no) {
		p.world.Log(d)
		return
	}
	d.Rule, d.Reason, d.Offer, d.Allowed = no.rule, no.reason, no.offer, no.status != http.StatusForbidden
	d.Softened = d.Softened && d.Allowed
	if d.Allowed {
		p.world.Log(d)
		return
	}
	if d, ok := p.refused.add(d); ok {
		p.world.Log(d)
	}
}

// answer says why a request is not carried out. Many clients show of a refused CONNECT only the status line, so the
// sentence stands there too.
func answer(w http.ResponseWriter, r *http.Request, err error) {
	no := &refusal{status: http.StatusBadGateway, reason: err.Error()}
	errors.As(err, &no)
	sentence := "berth: " + text.Line(no.reason)
	if r.Method == http.MethodConnect {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			refuse(conn, no.status, sentence, no.rule)
			conn.Close()
		}
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(no.status)
	_, _ = io.WriteString(w, body(sentence, no.rule))
}

func body(sentence, rule string) string {
	if rule == "" {
		return sentence + "\n"
	}
	return fmt.Sprintf("%s\nrule: %s\n", sentence, rule)
}

// refuse writes a whole answer and waits a moment for the client to take it: closing over unread bytes would reset
// the connection under the answer.
func refuse(conn net.Conn, status int, sentence, rule string) {
	page := body(sentence, rule)
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s",
		status, sentence, strconv.Itoa(len(page)), page)
	if err == nil && closeWrite(conn) == nil {
		_, _ = io.CopyN(io.Discard, conn, maxHead)
	}
}
