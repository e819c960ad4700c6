package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// sockets is how many WebSockets a gateway holds while it is watched.
const sockets = 500

// measureGateway weighs the gateway process of a sandbox, alone and with many idle WebSockets.
func measureGateway(ctx context.Context, w *world, _ options) (rows []row, err error) {
	all, err := w.servers(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.dropServers(context.WithoutCancel(ctx), all)) }()
	if _, _, err := w.up(ctx, sandboxName, all[0].ref); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.down(context.WithoutCancel(ctx))) }()
	pid, err := gatewayOf(sandboxName)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, settle); err != nil {
		return nil, err
	}
	alone, err := residentMB(pid)
	if err != nil {
		return nil, err
	}
	open, err := w.openSockets(ctx)
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, settle); err != nil {
		return nil, err
	}
	ran, err := ranFor(pid)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, watch); err != nil {
		return nil, err
	}
	then, err := ranFor(pid)
	if err != nil {
		return nil, err
	}
	crowded, err := residentMB(pid)
	return []row{
		{Name: "a gateway, resident memory", Unit: "MB", Values: []float64{alone}, Goal: goal{Most: 15}},
		{Name: fmt.Sprintf("the same with %d idle WebSockets", sockets), Unit: "MB", Values: []float64{crowded}, Goal: goal{Most: 40}},
		{Name: "its CPU then, over 30 s", Unit: "%", Values: []float64{100 * float64(then-ran) / float64(watch)}, Goal: goal{Most: 0.05}},
	}, err
}

// gatewayOf finds the gateway process of a sandbox by its arguments.
func gatewayOf(name string) (int, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err == nil && bytes.Contains(text, []byte("\x00gateway\x00"+name+"\x00")) {
			return strconv.Atoi(filepath.Base(filepath.Dir(line)))
		}
	}
	return 0, fmt.Errorf("%s has no gateway process", name)
}

// openSockets opens the WebSockets as programs do, with the client key.
func (w *world) openSockets(ctx context.Context) ([]net.Conn, error) {
	text, err := w.command(ctx, w.program, "url", sandboxName, "api", "--show-secrets", "--json").Output()
	if err != nil {
		return nil, err
	}
	var api struct{ At, Key string }
	if err := json.Unmarshal(text, &api); err != nil {
		return nil, err
	}
	var open []net.Conn
	for range sockets {
		c, err := w.dialAs(ctx, api.At)
		if err != nil {
			return open, err
		}
		open = append(open, c)
		if err := upgrade(c, api.At, api.Key); err != nil {
			return open, err
		}
	}
	return open, nil
}

// dialAs connects as the user whose gateway it is: it lets in nobody else. A socket belongs to whom its thread passes
// for when it is made (credentials(7), fsuid).
func (w *world) dialAs(ctx context.Context, at string) (net.Conn, error) {
	if w.who != nil {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(int(w.who.Uid)); err != nil {
			return nil, err
		}
		defer unix.Setfsuid(os.Getuid()) //nolint:errcheck // back to root, which may
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", at)
}

func upgrade(c net.Conn, host, key string) error {
	if _, err := fmt.Fprintf(c, "GET /weak/socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Session-API-Key: %s\r\n\r\n", host, key); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it has none
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return errors.New("the gateway answers " + answer.Status)
	}
	return nil
}
