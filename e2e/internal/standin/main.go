// Command standin is a small agent server for tests, good or bad as its flags say.
package main

import (
	"flag"
	"fmt"
	"io"
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
	send := flag.Int64("send", 0, "write so many bytes to standard output, and end")
	also := flag.String("also", "", "a second port")
	get := flag.String("get", "", "ask for a page as other programs do, print the answer's status and body, and end")
	swallow := flag.Bool("swallow", false, "read standard input to its end, print how much it was, and end")
	flag.Parse()
	if *send > 0 || *swallow {
		pipe(*send)
		return
	}
	if *get != "" {
		fetch(*get)
		return
	}
	words, err := strconv.Unquote(`"` + *say + `"`)
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin: -say:", err)
		os.Exit(2)
	}
	fmt.Print(words)
	if *code >= 0 {
		os.Exit(*code)
	}
	if *also != "" {
		go http.ListenAndServe(net.JoinHostPort(*host, *also), server(*status)) //nolint:errcheck // who asks there is told nothing
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

// fetch asks for a page, by the proxy of the environment.
func fetch(url string) {
	answer, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body))
}

// chunk is what is written at once where the amount is measured.
const chunk = 32 << 10

// pipe moves bytes over the standard streams and does nothing else.
func pipe(send int64) {
	if send > 0 {
		pour(os.Stdout, send)
		return
	}
	n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{os.Stdin}, make([]byte, chunk))
	fmt.Println(n)
}

// pour writes n bytes, in chunks.
func pour(to io.Writer, n int64) {
	for block := make([]byte, chunk); n > 0; n -= chunk {
		if _, err := to.Write(block[:min(n, chunk)]); err != nil {
			return
		}
	}
}

// bytesRoutes send as many bytes as ?n= says, and take as many as come.
func bytesRoutes(routes *http.ServeMux) {
	routes.HandleFunc("GET /bytes", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
		if err != nil {
			http.Error(w, "n=BYTES", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		pour(w, n)
	})
	routes.HandleFunc("PUT /bytes", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, chunk)) // the count tells whether all came
		fmt.Fprint(w, n)
	})
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
	bytesRoutes(routes)
	weakRoutes(routes)
	if status == 0 {
		return routes
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"detail":"Internal Server Error","exception":"no reason given"}`, status)
	})
}
