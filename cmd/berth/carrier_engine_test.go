package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"berth/internal/engine"
	"berth/internal/inside"
	"berth/internal/sandbox"
	"berth/internal/tunnel"
)

// sealed is a container on network none whose server listens on its loopback, with a folder for a socket.
type sealed struct {
	engine *engine.Engine
	id     string
	folder string
}

// seal starts one on the engine at hand. change may alter what it is made from.
func seal(t *testing.T, change func(*sandbox.Spec)) sealed {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") != "1" {
		t.Skip("BERTH_DOCKER=1 runs it on the engine of this machine")
	}
	image, err := inside.StarterImage(runtime.GOARCH, "carrier-test")
	if err != nil {
		t.Skipf("berth-inside is not packed, make inside does it: %v", err)
	}
	e, err := engine.Open(t.Context(), engine.Options{Env: os.LookupEnv, Home: os.Getenv("HOME"), UID: os.Getuid()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	haveStarter(t, e, image)
	dir, err := os.MkdirTemp("", "berth-carrier-") // 0700; the engine enters it all the same
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := inside.Unpack(dir, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	s := sealed{engine: e, folder: filepath.Join(dir, "run")}
	if err := os.Mkdir(s.folder, 0o711); err != nil {
		t.Fatal(err)
	}
	spec := sandbox.Spec{
		Name: "carrier-" + strconv.Itoa(os.Getpid()), Image: sandbox.Image{Ref: image.Ref, ID: image.ID},
		Process: sandbox.Process{User: "1000:1000", Cmd: []string{"--host", "127.0.0.1", "--port", "8000"}, StopTimeout: time.Second},
		Mounts: []sandbox.Mount{{Kind: sandbox.Bind, Source: program, Target: insideProgram, ReadOnly: true},
			{Kind: sandbox.Bind, Source: s.folder, Target: insideRun, ReadOnly: true}},
		Network:   sandbox.Network{Mode: "none"},
		Isolation: sandbox.Isolation{CapDrop: []string{"ALL"}, NoNewPrivileges: true, ReadonlyRootfs: true},
		Labels:    map[string]string{sandbox.LabelKind: sandbox.KindHelper},
	}
	if change != nil {
		change(&spec)
	}
	s.id, err = e.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.remove(t) })
	if err := e.Start(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s sealed) remove(t *testing.T) {
	if err := s.engine.Remove(context.Background(), sandbox.ContainerObject, s.id); err != nil {
		t.Error(err)
	}
}

func haveStarter(t *testing.T, e *engine.Engine, image inside.Image) {
	t.Helper()
	var archive bytes.Buffer
	if _, err := image.WriteTo(&archive); err != nil {
		t.Fatal(err)
	}
	if err := e.Load(t.Context(), &archive); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.Background(), sandbox.ImageObject, image.Ref); err != nil {
			t.Error(err)
		}
	})
}

// open joins the sandbox by a carrier.
func (s sealed) open(t *testing.T, carrier string, proxy bool) *tunnel.Tunnel {
	t.Helper()
	folder := ""
	if carrier == "socket" {
		folder = s.folder
	}
	seen, err := s.engine.Inspect(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := openCarrier(t.Context(), s.engine, s.id, seen.Pid, folder, tunnel.Ports{8000}, proxy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { joined.Close() })
	if joined.Name() != carrier {
		t.Fatalf("the carrier is %s, want %s", joined.Name(), carrier)
	}
	return joined
}

// ready waits until berth-inside has seen the server's first 200.
func ready(t *testing.T, joined *tunnel.Tunnel) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case s := <-joined.Status():
			if s.Ready {
				return
			}
		case <-joined.Done():
			t.Fatal(joined.Err())
		case <-limit:
			t.Fatal("never ready")
		}
	}
}

// browser speaks HTTP to the server inside.
func browser(joined *tunnel.Tunnel) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return joined.Dial(ctx, 8000) }}}
}

func TestASealedServerAnswersThroughBothCarriers(t *testing.T) {
	box := seal(t, nil)
	for _, carrier := range []string{"socket", "exec"} {
		t.Run(carrier, func(t *testing.T) {
			joined := box.open(t, carrier, false)
			ready(t, joined)
			answer, err := browser(joined).Get("http://inside/ready")
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("got %s", answer.Status)
			}
		})
	}
}
