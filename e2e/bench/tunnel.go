package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"berth/internal/engine"
	"berth/internal/inside"
	"berth/internal/sandbox"
)

const (
	gets = 1000
	bulk = 1 << 30 // bytes
	// standinPort is where the stand-in server listens, inside.
	standinPort = 8000
)

// The user of berth-inside.
const (
	insideUID  = 65533
	insideUser = "65533:65533"
)

// tube is one way from a port of this machine to the stand-in server.
type tube struct {
	name    string
	address string
	key     string  // for X-Session-API-Key, where the gateway asks for one
	goals   [3]goal // of its three rows, in the order of loads
}

// loads are what each way carries, and in which time.
var loads = []struct {
	name string
	run  func(ctx context.Context, t tube) error
}{
	{fmt.Sprintf("%d keep-alive GETs", gets), getMany},
	{"1 GiB down", pullBulk},
	{"1 GiB up", pushBulk},
}

// By socket, nothing may take longer than by a published port. By exec a GET may take three times that, and a GiB has
// bounds in ms: 400 MB/s down, 600 up.
var (
	socketGoals = [3]goal{{Most: 1, Ratio: true}, {Most: 1, Ratio: true}, {Most: 1, Ratio: true}}
	execGoals   = [3]goal{{Most: 3, Ratio: true}, {Most: bulk / 400e3}, {Most: bulk / 600e3}}
)

// measureTunnel compares a published port with the two carriers, each behind the gateway's checks, and bulk also
// with an exec's bare standard streams.
func measureTunnel(ctx context.Context, w *world, o options) (rows []row, err error) {
	s, err := newSite(ctx, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	tubes, err := s.tubes(ctx)
	if err != nil {
		return nil, err
	}
	var variants []variant
	for _, load := range loads {
		for _, t := range tubes {
			variants = append(variants, variant{name: load.name + ", " + t.name, once: func(ctx context.Context) (float64, error) {
				begin := time.Now()
				if err := load.run(ctx, t); err != nil {
					return 0, fmt.Errorf("%s: %w", t.name, err)
				}
				return since(begin), nil
			}})
		}
	}
	variants = append(variants, s.bare("1 GiB down, an exec's bare output", "-send", strconv.Itoa(bulk)), s.bare("1 GiB up, an exec's bare input", "-swallow"))
	if rows, err = rounds(ctx, o.n, variants); err != nil {
		return nil, err
	}
	for i := range rows {
		load, way := i/len(tubes), i%len(tubes)
		if load < len(loads) {
			rows[i].Goal, rows[i].Ratio = tubes[way].goals[load], ratio(rows[i].Values, rows[load*len(tubes)].Values)
		}
		if rows[i].Name[0] == '1' && load > 0 {
			rows[i].Name += fmt.Sprintf(": %.0f MB/s", bulk/1e3/percentile(rows[i].Values, 50))
		}
	}
	return rows, nil
}

// site is the stand-in server twice: with a published port, and on no network with berth-inside beside it.
type site struct {
	w          *world
	engine     *engine.Engine
	image      inside.Image
	published  string         // address
	sealed     string         // container id
	run        string         // the socket's folder
	keepers    []func() error // each ends one gateway
	standin    string
	insideHere string
}

func newSite(ctx context.Context, w *world) (_ *site, err error) {
	s := &site{w: w}
	if s.engine, err = engine.Open(ctx, engine.Options{Env: os.LookupEnv, Home: os.Getenv("HOME"), UID: os.Getuid()}); err != nil {
		return nil, err
	}
	if s.image, err = inside.StarterImage(runtime.GOARCH, "bench"); err != nil {
		return nil, err
	}
	dir := filepath.Join(w.dir, "tunnel")
	s.run, s.standin = filepath.Join(dir, "run"), filepath.Join(dir, "standin")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(s.run, 0o711)); err != nil {
		return nil, err
	}
	if s.insideHere, err = inside.Unpack(dir, runtime.GOARCH); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", s.standin, "berth/e2e/internal/standin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, text)
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.published = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	inner := nat.Port(fmt.Sprintf("%d/tcp", standinPort))
	if _, err = s.start(ctx, "0.0.0.0", &container.HostConfig{PortBindings: bindings(inner, port)}, inner); err != nil {
		return nil, err
	}
	if s.sealed, err = s.start(ctx, "127.0.0.1", &container.HostConfig{NetworkMode: "none"}, ""); err != nil {
		return nil, err
	}
	return s, w.untilReady(ctx, port, time.Millisecond, 20*time.Millisecond)
}

func (s *site) load(ctx context.Context) error {
	read, write := io.Pipe()
	go func() {
		_, err := s.image.WriteTo(write)
		write.CloseWithError(err)
	}()
	return s.engine.Load(ctx, read)
}

// start runs the stand-in server in a container; port is one to publish, or "".
func (s *site) start(ctx context.Context, host string, h *container.HostConfig, port nat.Port) (string, error) {
	for target, source := range map[string]string{"/standin": s.standin, "/.berth/inside": s.insideHere, "/.berth/run": s.run} {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: true})
	}
	config := &container.Config{Image: s.image.Ref, Entrypoint: []string{"/standin"}, Cmd: []string{"-host", host}, Labels: marked, User: "1000:1000"}
	if port != "" {
		config.ExposedPorts = nat.PortSet{port: {}}
	}
	made, err := s.w.docker.ContainerCreate(ctx, config, h, nil, nil, "")
	if err != nil {
		return "", err
	}
	return made.ID, s.w.docker.ContainerStart(ctx, made.ID, container.StartOptions{})
}

// tubes opens every way. Each gateway is a process of its own, as berth's are: this program again, with carryFlag.
func (s *site) tubes(ctx context.Context) ([]tube, error) {
	tubes := []tube{{name: "a published port", address: s.published}}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		name, folder string
		goals        [3]goal
	}{{"tunnel by socket", s.run, socketGoals}, {"tunnel by exec", "", execGoals}} {
		keeper := exec.CommandContext(ctx, self, "-"+carryFlag, s.sealed, c.folder)
		keeper.Stderr = os.Stderr
		in, err1 := keeper.StdinPipe()
		out, err2 := keeper.StdoutPipe()
		if err := errors.Join(err1, err2, keeper.Start()); err != nil {
			return nil, err
		}
		s.keepers = append(s.keepers, func() error { return errors.Join(in.Close(), keeper.Wait()) })
		t := tube{name: c.name, goals: c.goals}
		if _, err := fmt.Fscan(out, &t.address, &t.key); err != nil {
			return nil, fmt.Errorf("%s: no gateway: %w", c.name, err)
		}
		tubes = append(tubes, t)
	}
	return tubes, nil
}

func (s *site) stream(ctx context.Context, command ...string) (io.ReadWriteCloser, error) {
	return s.engine.Stream(ctx, s.sealed, sandbox.Exec{User: insideUser, Command: command})
}

// bare moves the bulk over an exec's standard streams, with nothing of the tunnel.
func (s *site) bare(name string, args ...string) variant {
	return variant{name: name, once: func(ctx context.Context) (float64, error) {
		stream, err := s.stream(ctx, append([]string{"/standin"}, args...)...)
		if err != nil {
			return 0, err
		}
		defer stream.Close() //nolint:errcheck // read to its end
		begin := time.Now()
		if args[0] == "-send" {
			n, err := drain(stream, bulk)
			return since(begin), whole(n, err)
		}
		if err := pour(stream, bulk); err != nil {
			return 0, err
		}
		if err := stream.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			return 0, err
		}
		text, err := io.ReadAll(stream)
		return since(begin), errors.Join(err, counted(text))
	}}
}

func (s *site) close() error {
	var err error
	for _, end := range s.keepers {
		err = errors.Join(err, end())
	}
	ctx := context.Background()
	err = errors.Join(err, s.w.clearRaw(ctx))
	_, gone := s.w.docker.ImageRemove(ctx, s.image.Ref, image.RemoveOptions{})
	return errors.Join(err, gone, s.engine.Close())
}

// getMany asks one after the other on one connection.
func getMany(ctx context.Context, t tube) error {
	hand := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer hand.CloseIdleConnections()
	for range gets {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.address+"/ready", nil)
		if err != nil {
			return err
		}
		q.Header.Set("X-Session-API-Key", t.key)
		answer, err := hand.Do(q)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK {
			return errors.Join(err, errors.New(answer.Status))
		}
	}
	return nil
}

// request connects and writes a request's head; rest are further lines of it.
func (t tube) request(ctx context.Context, first, rest string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nX-Session-API-Key: %s\r\n%s\r\n", first, t.address, t.key, rest)
	return conn, err
}

func pullBulk(ctx context.Context, t tube) error {
	conn, err := t.request(ctx, fmt.Sprintf("GET /bytes?n=%d", bulk), "")
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // read to its end
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil) //nolint:bodyclose // its bytes are read past it
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || answer.ContentLength != bulk {
		return fmt.Errorf("%s, %d bytes", answer.Status, answer.ContentLength)
	}
	n, err := drain(in, bulk)
	return whole(n, err)
}

func pushBulk(ctx context.Context, t tube) error {
	conn, err := t.request(ctx, "PUT /bytes", fmt.Sprintf("Content-Length: %d\r\n", bulk))
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // read to its end
	if err := pour(conn, bulk); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(answer.Body)
	return errors.Join(err, counted(text))
}

// drain reads n bytes in large pieces.
func drain(from io.Reader, n int64) (got int64, err error) {
	for block := make([]byte, 256<<10); got < n && err == nil; {
		var more int
		more, err = from.Read(block)
		got += int64(more)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return got, err
}

// pour writes n bytes in large pieces.
func pour(to io.Writer, n int64) error {
	for block := make([]byte, 256<<10); n > 0; n -= int64(len(block)) {
		if _, err := to.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// whole demands that all bytes came.
func whole(n int64, err error) error {
	if err == nil && n != bulk {
		err = fmt.Errorf("%d bytes of %d", n, int64(bulk))
	}
	return err
}

// counted demands that the far end counted all bytes.
func counted(text []byte) error {
	var n int64
	if _, err := fmt.Sscan(string(text), &n); err != nil {
		return err
	}
	return whole(n, nil)
}
