package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"berth/internal/engine"
	"berth/internal/gateway"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/tunnel"
)

// carryFlag makes this program a gateway: -carry CONTAINER FOLDER. It prints its address and the key for programs, and
// ends with its standard input.
const carryFlag = "carry"

// carry joins a container by a socket in folder, or without one by exec, and puts the gateway's front before it.
func carry(ctx context.Context, id, folder string) error {
	e, err := engine.Open(ctx, engine.Options{Env: os.LookupEnv, Home: os.Getenv("HOME"), UID: os.Getuid()})
	if err != nil {
		return err
	}
	defer e.Close() //nolint:errcheck // the process ends
	open := bySocket
	if folder == "" {
		open = byExec
	}
	joined, err := open(ctx, e, id, folder)
	if err != nil {
		return err
	}
	defer joined.Close() //nolint:errcheck // as above
	if err := serveFront(ctx, joined); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// serveInside starts berth-inside's end of the tunnel.
func serveInside(ctx context.Context, e *engine.Engine, id string, more ...string) (io.ReadWriteCloser, error) {
	command := append([]string{"/.berth/inside", "serve", "--port", strconv.Itoa(standinPort)}, more...)
	return e.Stream(ctx, id, sandbox.Exec{User: insideUser, Command: command})
}

func bySocket(ctx context.Context, e *engine.Engine, id, folder string) (*tunnel.Tunnel, error) {
	listener, err := tunnel.Listen(folder, []uint32{insideUID})
	if err != nil {
		return nil, err
	}
	defer listener.Close() //nolint:errcheck // its folder is removed
	stream, err := serveInside(ctx, e, id)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(stream, listener.Nonce()+"\n"); err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	go io.Copy(io.Discard, stream) //nolint:errcheck // it is held, which keeps the program inside alive
	return listener.Accept(ctx, tunnel.Ports{standinPort})
}

func byExec(ctx context.Context, e *engine.Engine, id, _ string) (*tunnel.Tunnel, error) {
	stream, err := serveInside(ctx, e, id, "--stdio")
	if err != nil {
		return nil, err
	}
	return tunnel.Exec(ctx, stream, tunnel.Ports{standinPort})
}

// serveFront puts the gateway's front before a carrier and prints where it is.
func serveFront(ctx context.Context, through tunnel.Carrier) error {
	listeners, err := gateway.Listen(0)
	if err != nil {
		return err
	}
	at := listeners[0].Addr().(*net.TCPAddr)
	front, err := gateway.NewFront(gateway.FrontConfig{
		Name: sandboxName, Run: "bench", Secret: secret.New(rand.Text()), UID: os.Getuid(), Dial: through.Dial,
		Links: []gateway.Link{{Kind: gateway.KindAPI, Inside: standinPort, Port: uint16(at.Port)}},
	})
	if err != nil {
		return err
	}
	for _, l := range listeners {
		go front.Serve(ctx, uint16(at.Port), l) //nolint:errcheck // what it does not serve shows as a failure
	}
	_, err = fmt.Println(at, front.ClientKey().Reveal())
	return err
}
