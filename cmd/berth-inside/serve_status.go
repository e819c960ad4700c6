package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/tunnel"
)

// patience is how long a server is asked every 20 ms; one that needs longer is seen a second late at most.
const patience = 2 * time.Minute

// serverPaths are all contracts' paths whose 200 means ready; the next is asked only after a 404.
var serverPaths = []string{"/ready", "/health", "/alive"}

// tellStatus reports each change until all ports listen and the server, which has the first, is ready. Then there is
// nothing left to look for.
func tellStatus(ctx context.Context, in *tunnel.Inside, ports tunnel.Ports) {
	client := &http.Client{Timeout: perTry, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: noRedirect}
	begin := time.Now()
	var told tunnel.Status
	for pause := firstPause; ; pause = nextPause(pause, told.Ready, time.Since(begin)) {
		now := tunnel.Status{Ready: told.Ready, Listening: listening(ports)}
		if !now.Ready && len(ports) > 0 && slices.Contains(now.Listening, ports[0]) {
			path, _ := tryPaths(ctx, client, int(ports[0]), serverPaths)
			now.Ready = path != ""
		}
		if now.Ready != told.Ready || !slices.Equal(now.Listening, told.Listening) {
			if in.Report(now) != nil {
				return
			}
			told = now
		}
		if len(told.Listening) == len(ports) && (told.Ready || len(ports) == 0) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// nextPause grows by half: up to mostPause while a server starts, then up to longestPause.
func nextPause(pause time.Duration, ready bool, waited time.Duration) time.Duration {
	if !ready && waited < patience {
		return min(pause*3/2, mostPause)
	}
	return min(pause*3/2, longestPause)
}

// listening gives those of the ports that something on 127.0.0.1 listens on, without a connection to any.
func listening(ports tunnel.Ports) tunnel.Ports {
	var open tunnel.Ports
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if text, err := os.ReadFile(table); err == nil { // without IPv6 there is no second table
			open = append(open, listeners(string(text))...)
		}
	}
	return slices.DeleteFunc(slices.Clone(ports), func(p uint16) bool { return !slices.Contains(open, p) })
}

// reached are the local addresses, as the tables of proc(5) write them, at which 127.0.0.1 is answered: itself, any,
// and both as IPv6 has them.
var reached = []string{
	fmt.Sprintf("%08X", hostOrder(127, 0, 0, 1)), "00000000",
	strings.Repeat("0", 32), strings.Repeat("0", 16) + fmt.Sprintf("%08X%08X", hostOrder(0, 0, 0xff, 0xff), hostOrder(127, 0, 0, 1)),
}

// hostOrder is how a little-endian kernel, as berth's two architectures have, prints four bytes of an address.
func hostOrder(a, b, c, d uint32) uint32 { return a | b<<8 | c<<16 | d<<24 }

// listeners reads the ports of a table that are in state LISTEN (0A).
func listeners(table string) tunnel.Ports {
	var out tunnel.Ports
	for line := range strings.Lines(table) {
		fields := strings.Fields(line) // sl, local_address, rem_address, st, ...
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		address, port, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(port, 16, 16); err == nil && slices.Contains(reached, address) {
			out = append(out, uint16(n))
		}
	}
	return out
}
