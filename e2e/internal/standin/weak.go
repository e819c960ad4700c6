package main

import (
	"crypto/sha1" //nolint:gosec // the protocol wants it
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// weakSecret is what every weak route gives away.
const weakSecret = "the-secret-of-the-server"

// dot is a picture of one pixel.
const dot = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

// weakRoutes trust every page of every site, as if whoever reaches them were a friend: they show that it is the
// gateway that keeps others out.
func weakRoutes(routes *http.ServeMux) {
	var changes atomic.Int64
	all := func(handle http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if origin := r.Header.Get("Origin"); origin != "" {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Allow-Credentials", "true")
				w.Header().Set("Access-Control-Allow-Headers", "content-type, x-session-api-key")
			}
			handle(w, r)
		}
	}
	routes.HandleFunc("OPTIONS /weak/", all(func(http.ResponseWriter, *http.Request) {})) // whoever asks may send any header
	routes.HandleFunc("GET /weak/page", all(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<title>%s</title><script>(opener || parent).postMessage(%[1]q, "*")</script>`, weakSecret)
	}))
	routes.HandleFunc("GET /weak/script.js", all(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "window.stolen = %q", weakSecret)
	}))
	routes.HandleFunc("GET /weak/image.gif", all(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/gif")
		picture, _ := base64.StdEncoding.DecodeString(dot) // a constant
		_, _ = w.Write(picture)
	}))
	routes.HandleFunc("GET /weak/headers", all(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(w)
	}))
	routes.HandleFunc("POST /weak/change", all(func(http.ResponseWriter, *http.Request) { changes.Add(1) }))
	routes.HandleFunc("GET /weak/change", all(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%d %s", changes.Load(), weakSecret)
	}))
	routes.HandleFunc("GET /weak/socket", socket)
}

// socket accepts a WebSocket of whoever asks, sends the secret, and reads what comes until it ends.
func socket(w http.ResponseWriter, r *http.Request) {
	conn, both, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the other side ends it
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	_, _ = conn.Write(append([]byte{0x81, byte(len(weakSecret))}, weakSecret...))
	_, _ = io.Copy(io.Discard, both)
}
