package main

import (
	"context"
	"errors"
	"io"
	"path"
	"path/filepath"
	"strconv"

	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/tunnel"
)

const (
	insideProgram = "/.berth/inside" // where a launch mounts berth-inside
	insideRun     = "/.berth/run"    // where it mounts the socket's folder, if the engine is on this machine
	insideUID     = 65533            // whom berth-inside runs as: neither root nor the agent
)

// streamer is what a carrier needs of an engine.
type streamer interface {
	Stream(ctx context.Context, id string, x sandbox.Exec) (io.ReadWriteCloser, error)
}

// openCarrier joins berth to berth-inside in a running container, whose first process is pid on this machine: by a
// socket in folder, which is mounted at insideRun, if that is tried (folder is not "") and a program inside comes within
// a second, else by the streams of an exec. The tunnel's Name says which it was. ports are those that may be dialled, the server's first; with proxy, programs inside
// find a proxy at 127.0.0.1:3128. ctx bounds the opening alone. Only the exec's error is told, as a fault.
func openCarrier(ctx context.Context, e streamer, id string, pid int, folder string, ports tunnel.Ports, proxy bool) (*tunnel.Tunnel, error) {
	args := serveArguments(ports, proxy)
	if folder != "" {
		if t, err := openSocket(ctx, e, id, pid, folder, ports, args); err == nil {
			return t, nil
		}
	}
	stream, err := e.Stream(ctx, id, insideExec(append(args, "--stdio")))
	if err != nil {
		return nil, err
	}
	return tunnel.Exec(ctx, stream, ports)
}

func serveArguments(ports tunnel.Ports, proxy bool) []string {
	args := []string{insideProgram, "serve"}
	for _, port := range ports {
		args = append(args, "--port", strconv.Itoa(int(port)))
	}
	if proxy {
		args = append(args, "--proxy")
	}
	return args
}

// insideExec is a command of berth-inside's. Its group is named, since an exec with a user alone has group 0.
func insideExec(command []string) sandbox.Exec {
	who := strconv.Itoa(insideUID)
	return sandbox.Exec{User: who + ":" + who, Dir: "/", Command: command}
}

// openSocket listens in folder and has the program inside come. The socket is gone again when it has, or has not.
func openSocket(ctx context.Context, e streamer, id string, pid int, folder string, ports tunnel.Ports, args []string) (*tunnel.Tunnel, error) {
	listener, err := tunnel.Listen(folder, []uint32{host.ShiftedUID(pid, insideUID)})
	if err != nil {
		return nil, err
	}
	defer listener.Close() //nolint:errcheck // a socket that stays is removed by the next Listen
	stream, err := e.Stream(ctx, id, insideExec(append(args, "--socket", path.Join(insideRun, filepath.Base(listener.Path())))))
	if err != nil {
		return nil, err
	}
	t, err := accept(ctx, listener, stream, ports)
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return t, nil
}

// accept waits for the program that stream belongs to, no longer than it runs. The stream lives as long as the tunnel:
// at its end the program ends, whatever became of berth.
func accept(ctx context.Context, listener *tunnel.Listener, stream io.ReadWriteCloser, ports tunnel.Ports) (*tunnel.Tunnel, error) {
	if _, err := io.WriteString(stream, listener.Nonce()+"\n"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		_, err := io.Copy(io.Discard, stream) // it says nothing, but that it ended
		cancel(err)
	}()
	t, err := listener.Accept(ctx, ports)
	if err != nil {
		return nil, errors.Join(context.Cause(ctx), err)
	}
	go func() {
		<-t.Done()
		_ = stream.Close() // what it could say, the tunnel's error has said
	}()
	return t, nil
}
