package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Exit codes of the waiting sub-commands.
const (
	exitOK      = 0
	exitNo      = 1
	exitUsage   = 2
	exitTimeout = 124
)

// A try is repeated after 1 ms, then 1.5 times as long, up to 20 ms: measured to overshoot at most 16 ms.
const (
	firstPause = time.Millisecond
	mostPause  = 20 * time.Millisecond
	perTry     = time.Second
)

// texts is a flag that can be given more than once.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, ",") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// flags makes a flag set that reports to errOut and never exits.
func flags(name string, errOut io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("berth-inside "+name, flag.ContinueOnError)
	f.SetOutput(errOut)
	return f
}

// ready polls this sandbox's own loopback and prints one JSON line, {"path","ms"}, when a path answers 200; the next path is asked only after a 404.
func ready(args []string, out, errOut io.Writer) int {
	f := flags("ready", errOut)
	port := f.Int("port", 8000, "port on 127.0.0.1")
	timeout := f.Duration("timeout", 120*time.Second, "give up after this long")
	var paths texts
	f.Var(&paths, "path", "path to ask, repeatable")
	if f.Parse(args) != nil {
		return exitUsage
	}
	if len(paths) == 0 {
		paths = texts{"/ready", "/health"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	begin := time.Now()
	path, last := pollReady(ctx, *port, paths)
	if path == "" {
		fmt.Fprintf(errOut, "not ready after %v: %s\n", *timeout, last)
		return exitTimeout
	}
	return printJSON(out, map[string]any{"path": path, "ms": time.Since(begin).Milliseconds()})
}

// pollReady gives the path that answered 200, or "" and the last answer when ctx ends.
func pollReady(ctx context.Context, port int, paths []string) (path, last string) {
	client := &http.Client{Timeout: perTry, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: noRedirect}
	for pause := firstPause; ; pause = min(pause*3/2, mostPause) {
		path, why := tryPaths(ctx, client, port, paths)
		if path != "" {
			return path, ""
		}
		if ctx.Err() == nil || last == "" { // what the end of the time cut off says nothing
			last = why
		}
		select {
		case <-ctx.Done():
			return "", last
		case <-time.After(pause):
		}
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func tryPaths(ctx context.Context, client *http.Client, port int, paths []string) (path, last string) {
	for _, path := range paths {
		status, err := getStatus(ctx, client, port, path)
		switch {
		case err != nil:
			return "", err.Error()
		case status == http.StatusOK:
			return path, ""
		}
		last = path + " answered " + strconv.Itoa(status)
		if status != http.StatusNotFound {
			break
		}
	}
	return "", last
}

func getStatus(ctx context.Context, client *http.Client, port int, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+path, nil)
	if err != nil {
		return 0, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	// Ready is a whole answer: what breaks off is still starting.
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, err
}

// health exits 0 if /health answers 200 within 2 seconds; it is the container's health check.
func health(args []string, _, errOut io.Writer) int {
	port := 8000
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 || n > 65535 {
			fmt.Fprintf(errOut, "health: %q is no port\n", args[0])
			return exitUsage
		}
		port = n
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: noRedirect}
	status, err := getStatus(ctx, client, port, "/health")
	if err != nil || status != http.StatusOK {
		return exitNo
	}
	return exitOK
}

// rfb proves a desktop: it opens the WebSocket below /websockify and prints the banner that only an X server's RFB sends.
func rfb(args []string, out, errOut io.Writer) int {
	f := flags("rfb", errOut)
	port := f.Int("port", 8002, "port on 127.0.0.1")
	timeout := f.Duration("timeout", 10*time.Second, "give up after this long")
	if f.Parse(args) != nil {
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	var err error
	for pause := firstPause; ctx.Err() == nil; pause = min(pause*3/2, mostPause) {
		banner, why := readBanner(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
		if why == nil {
			fmt.Fprintln(out, banner)
			return exitOK
		}
		if err == nil || !timedOut(why) { // what the end of the time cut off says nothing
			err = why
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	fmt.Fprintf(errOut, "no desktop after %v: %v\n", *timeout, err)
	return exitTimeout
}

func timedOut(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// idle waits for TERM or INT and reaps nothing: it is meant to run under the engine's init.
func idle([]string, io.Writer, io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	<-ctx.Done()
	return 128 + int(syscall.SIGTERM)
}

func printJSON(out io.Writer, v any) int {
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return exitNo
	}
	return exitOK
}
