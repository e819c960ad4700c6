// Command standin is a small agent server for tests, good or bad as its flags say.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	delay := flag.Duration("delay", 0, "how long nobody listens")
	status := flag.Int("status", 0, "the answer to everything, instead of the right one")
	code := flag.Int("exit", -1, "end at once with this code")
	say := flag.String("say", "", "a Go string without its quotes, printed first")
	host := flag.String("host", "127.0.0.1", "where to listen")
	port := flag.String("port", "8000", "where to listen")
	flag.Parse()
	words, err := strconv.Unquote(`"` + *say + `"`)
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin: -say:", err)
		os.Exit(2)
	}
	fmt.Print(words)
	if *code >= 0 {
		os.Exit(*code)
	}
	go func() {
		<-time.After(*delay)
		fmt.Fprintln(os.Stderr, "standin:", http.ListenAndServe(net.JoinHostPort(*host, *port), server(*status)))
		os.Exit(1)
	}()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}

// server answers what berth asks of an agent server. Every /api route wants the key.
func server(status int) http.Handler {
	routes := http.NewServeMux()
	for path, body := range map[string]string{
		"/ready": `{"status":"ready"}`, "/health": `{"status":"ok"}`, "/api/vscode/url": `{"url":null}`,
		"/api/vscode/status": `{"running":false,"enabled":false}`, "/api/desktop/url": `{"url":null}`,
	} {
		routes.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if len(path) > 5 && path[:5] == "/api/" && r.Header.Get("X-Session-API-Key") != os.Getenv("SESSION_API_KEY") {
				http.Error(w, `{"detail":"Unauthorized"}`, http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, body)
		})
	}
	if status == 0 {
		return routes
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"detail":"Internal Server Error","exception":"no reason given"}`, status)
	})
}
