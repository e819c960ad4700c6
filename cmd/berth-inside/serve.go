package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/tunnel"
)

const (
	insideSocket = "/.berth/run/tunnel.sock" // where the host's folder is mounted
	proxyAddress = "127.0.0.1:3128"
	longestNonce = 128
	pipeSize     = 1 << 20     // the most that pipe(7) gives without a privilege
	longestPause = time.Second // between two tries for what may never come
)

// portList is a flag that can be given more than once.
type portList tunnel.Ports

func (p *portList) String() string { return fmt.Sprint(*p) }

// Set adds a port.
func (p *portList) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return errors.New("no port")
	}
	*p = append(*p, uint16(n))
	return nil
}

// serve is the tunnel's end in the sandbox. It ends with the tunnel, and when its standard input does: then who
// started it is gone.
func serve(args []string, _, errOut io.Writer) int {
	f := flags("serve", errOut)
	socket := f.String("socket", insideSocket, "the host's socket; the nonce is a line of standard input")
	stdio := f.Bool("stdio", false, "carry streams over standard input and output")
	proxy := f.Bool("proxy", false, "listen on "+proxyAddress+" for programs that want out")
	var ports portList
	f.Var(&ports, "port", "port that may be dialled, repeatable; the first is the server's")
	if f.Parse(args) != nil {
		return exitUsage
	}
	in, left, err := joinHost(*socket, *stdio, tunnel.Ports(ports))
	if err != nil {
		fmt.Fprintln(errOut, "serve:", err)
		return exitNo
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if *proxy {
		go handOut(ctx, in)
	}
	go tellStatus(ctx, in, tunnel.Ports(ports))
	select {
	case <-in.Done():
	case <-left:
	}
	return exitOK
}

// joinHost makes the tunnel. By socket, left is closed when standard input ends; by streams that ends the tunnel.
func joinHost(socket string, stdio bool, ports tunnel.Ports) (in *tunnel.Inside, left <-chan struct{}, err error) {
	if stdio {
		in, err = tunnel.Serve(standardStreams(), ports)
		return in, nil, err
	}
	input := bufio.NewReaderSize(os.Stdin, longestNonce)
	nonce, err := input.ReadSlice('\n')
	if err != nil {
		return nil, nil, fmt.Errorf("no nonce on standard input: %w", err)
	}
	in, err = tunnel.Join(context.Background(), socket, strings.TrimSpace(string(nonce)), ports)
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, input) // nothing more is said here
	}()
	return in, ended, nil
}

// standardStreams are the program's own, as one pipe. The engine moves 32 KiB at a time: where more waits for it than
// the 64 KiB of a usual pipe, it moves no less. Who is not given more goes on with what there is. A read that waits in
// the runtime's poller instead of a thread answers a GET a tenth sooner.
func standardStreams() io.ReadWriteCloser {
	for _, end := range []int{unix.Stdin, unix.Stdout} {
		_, _ = unix.FcntlInt(uintptr(end), unix.F_SETPIPE_SZ, pipeSize) // a usual pipe does, only slower
		_ = unix.SetNonblock(end, true)
	}
	return duplex{os.NewFile(0, "stdin"), os.NewFile(1, "stdout")}
}

type duplex struct{ in, out *os.File }

func (d duplex) Read(p []byte) (int, error)  { return d.in.Read(p) }
func (d duplex) Write(p []byte) (int, error) { return d.out.Write(p) }
func (d duplex) Close() error                { return errors.Join(d.in.Close(), d.out.Close()) }

// handOut gives the host every connection to the proxy's port. While somebody else has the port, it is tried again.
func handOut(ctx context.Context, in *tunnel.Inside) {
	for pause := mostPause; ; pause = min(2*pause, longestPause) {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp4", proxyAddress)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { listener.Close() })
			handEach(listener, in)
			stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func handEach(listener net.Listener, in *tunnel.Inside) {
	defer listener.Close()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if in.Proxy(conn.(*net.TCPConn)) != nil && in.Err() != nil {
			return
		}
	}
}
