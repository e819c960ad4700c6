package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/dockertest"
	"berth/internal/engine"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/tunnel"
)

// carried is a running container of a fake engine in which berth-inside is played by inside.
func carried(t *testing.T, inside func(args []string, stdin io.Reader, stdout, stderr io.Writer) int) (*engine.Engine, string) {
	t.Helper()
	server := dockertest.Start(t, dockertest.Docker20())
	server.Image(dockertest.Image{Ref: "acme/agent:1", Cmd: []string{"/wait"}})
	server.Program(func(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		if args[0] == "/wait" {
			return dockertest.Waits
		}
		return inside(args, stdin, stdout, stderr)
	})
	e, err := engine.Open(t.Context(), engine.Options{Host: server.Host(), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	image, err := e.Image(t.Context(), "acme/agent:1")
	if err != nil {
		t.Fatal(err)
	}
	id, err := e.Create(t.Context(), sandbox.Spec{Name: "shop", Image: image.Image, Network: sandbox.Network{Mode: "none"}})
	if err == nil {
		err = e.Start(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e, id
}

// runFolder is one that tunnel.Listen takes.
func runFolder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	return filepath.Join(parent, "run")
}

// streams are an exec's, as berth-inside has them.
type streams struct {
	io.Reader
	io.Writer
}

func (streams) Close() error { return nil }

// overStreams plays berth-inside serve --stdio to its end.
func overStreams(stdin io.Reader, stdout io.Writer) int {
	in, err := tunnel.Serve(streams{stdin, stdout}, tunnel.Ports{8000})
	if err != nil {
		return 1
	}
	<-in.Done()
	return 0
}

func TestWhereNobodyComesToTheSocketStreamsCarry(t *testing.T) {
	for _, row := range []struct {
		about  string
		socket func(stderr io.Writer) // what berth-inside does when it is to join the socket
		most   time.Duration
	}{
		{"it cannot connect", func(stderr io.Writer) { fmt.Fprintln(stderr, "serve: connect: permission denied") }, 900 * time.Millisecond},
		{"it says nothing", func(io.Writer) { <-t.Context().Done() }, 5 * time.Second},
	} {
		t.Run(row.about, func(t *testing.T) {
			var tries atomic.Int32
			e, id := carried(t, func(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
				tries.Add(1)
				if slices.Contains(args, "--stdio") {
					return overStreams(stdin, stdout)
				}
				row.socket(stderr)
				return 1
			})
			begin := time.Now()
			joined, err := openCarrier(t.Context(), e, id, 0, runFolder(t), tunnel.Ports{8000}, false)
			if err != nil {
				t.Fatal(err)
			}
			defer joined.Close()
			if joined.Name() != "exec" || tries.Load() != 2 {
				t.Errorf("carrier %s after %d execs", joined.Name(), tries.Load())
			}
			if took := time.Since(begin); took > row.most {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestWithoutAFolderOnlyStreamsAreTried(t *testing.T) {
	var asked []string
	e, id := carried(t, func(args []string, stdin io.Reader, stdout, _ io.Writer) int {
		asked = args
		return overStreams(stdin, stdout)
	})
	joined, err := openCarrier(t.Context(), e, id, 0, "", tunnel.Ports{8000, 8001}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	if want := "/.berth/inside serve --port 8000 --port 8001 --proxy --stdio"; strings.Join(asked, " ") != want {
		t.Errorf("ran %q, want %s", asked, want)
	}
}

func TestTheStreamsReachAPort(t *testing.T) {
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	port := uint16(server.Addr().(*net.TCPAddr).Port)
	go func() {
		if conn, err := server.Accept(); err == nil {
			io.WriteString(conn, "hello")
			conn.Close()
		}
	}()
	e, id := carried(t, func(_ []string, stdin io.Reader, stdout, _ io.Writer) int {
		in, err := tunnel.Serve(streams{stdin, stdout}, tunnel.Ports{port})
		if err != nil {
			return 1
		}
		<-in.Done()
		return 0
	})
	joined, err := openCarrier(t.Context(), e, id, 0, "", tunnel.Ports{port}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	conn, err := joined.Dial(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWhyNoCarrierOpens(t *testing.T) {
	for _, row := range []struct {
		about   string
		prepare func(t *testing.T, e *engine.Engine, id string)
		inside  func(stdout, stderr io.Writer) int
		kind    fault.Kind
		want    string
	}{
		{"the sandbox is stopped", func(t *testing.T, e *engine.Engine, id string) {
			if err := e.Signal(t.Context(), id, sandbox.Kill, 0); err != nil {
				t.Fatal(err)
			}
		}, nil, fault.Conflict, "sandbox shop: the sandbox is not running"},
		{"the sandbox is paused", func(t *testing.T, e *engine.Engine, id string) {
			if err := e.Signal(t.Context(), id, sandbox.Pause, 0); err != nil {
				t.Fatal(err)
			}
		}, nil, fault.Conflict, "sandbox shop: the sandbox is paused"},
		{"berth-inside says why it ends", nil, func(_, stderr io.Writer) int {
			fmt.Fprintln(stderr, "serve: out of memory")
			return 1
		}, fault.Failure, "tunnel by exec: the tunnel is closed: /.berth/inside serve: serve: out of memory"},
		{"berth-inside is not there", nil, func(io.Writer, io.Writer) int { return 127 }, fault.NotFound,
			"tunnel by exec: the tunnel is closed: /.berth/inside serve: /.berth/inside: there is no such program in the image"},
	} {
		t.Run(row.about, func(t *testing.T) {
			e, id := carried(t, func(_ []string, _ io.Reader, stdout, stderr io.Writer) int { return row.inside(stdout, stderr) })
			if row.prepare != nil {
				row.prepare(t, e, id)
			}
			for _, folder := range []string{"", runFolder(t)} {
				_, err := openCarrier(t.Context(), e, id, 0, folder, tunnel.Ports{8000}, false)
				if err == nil || err.Error() != row.want || fault.KindOf(err) != row.kind {
					t.Errorf("got %v (kind %v), want %s (%v)", err, fault.KindOf(err), row.want, row.kind)
				}
			}
		})
	}
}

func TestACarrierOpensNoLongerThanItsContext(t *testing.T) {
	e, id := carried(t, func([]string, io.Reader, io.Writer, io.Writer) int {
		<-t.Context().Done()
		return 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := openCarrier(ctx, e, id, 0, runFolder(t), tunnel.Ports{8000}, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
