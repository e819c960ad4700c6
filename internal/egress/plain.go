package egress

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// roadKey is where a request's context holds its route.
type roadKey struct{}

// servePlain carries out one request for a http URL. It is read whole by its declared length and written anew, so that
// both ends agree where it stops; the next one on the connection is judged anew.
func (p *Proxy) servePlain(w http.ResponseWriter, r *http.Request, asked wish) {
	ctx, cancel := context.WithTimeout(r.Context(), dialTime)
	road, err := p.judge(ctx, asked)
	cancel()
	p.tell(road, err)
	if err != nil {
		answer(w, r, err)
		return
	}
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), roadKey{}, road)))
}

// newForward makes what passes requests on: without headers meant for one hop, and nothing of berth's added.
func (p *Proxy) newForward() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			road := r.In.Context().Value(roadKey{}).(route)
			r.Out.URL.Host, r.Out.Host = hostHeader(road.wish), hostHeader(road.wish)
		},
		Transport:     p.transport(),
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			road := r.Context().Value(roadKey{}).(route)
			answer(w, r, unreached(road.rule, "%s: %s", road, plainly(err)))
		},
	}
}

// hostHeader is the authority of a http URL: port 80 goes without saying.
func hostHeader(w wish) string {
	if w.port == 80 && !w.addr.Is6() {
		return w.text
	}
	return w.String()
}

// transport makes a connection for each request: one of a kept connection would go where an earlier one was let to.
func (p *Proxy) transport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHead, ResponseHeaderTimeout: idleTime,
		TLSClientConfig: &tls.Config{RootCAs: p.world.Roots},
		Proxy: func(r *http.Request) (*url.URL, error) {
			return r.Context().Value(roadKey{}).(route).via, nil
		},
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTime)
			defer cancel()
			if road := ctx.Value(roadKey{}).(route); road.via == nil {
				return p.dial(ctx, road.addrs)
			}
			return p.dialUpstream(ctx, addr)
		},
	}
}
