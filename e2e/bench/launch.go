package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
)

// measureLaunch times the way to the first 200 of the starter image's server: by berth from the start of its process, by
// the raw engine from the first call, by docker run.
func measureLaunch(ctx context.Context, w *world, o options) ([]row, error) {
	model, err := w.model(ctx)
	if err != nil {
		return nil, err
	}
	var proven []float64
	variants := []variant{
		{name: "raw: the same container, network and volume", once: func(ctx context.Context) (float64, error) { return w.raw(ctx, model) }, clean: w.clearRaw},
		{name: "berth up, to the first 200", once: func(ctx context.Context) (float64, error) {
			ready, all, err := w.up(ctx)
			proven = append(proven, all)
			return ready, err
		}, clean: w.down},
		{name: "raw: one port, default bridge, not hardened", once: func(ctx context.Context) (float64, error) { return w.floor(ctx, model) }, clean: w.clearRaw},
		w.dockerRun(model),
		w.compose(),
	}
	rows, err := rounds(ctx, o.n, variants)
	if err != nil {
		return nil, err
	}
	rows[1].Goal = goal{Most: 1.15, Ratio: true}
	whole := row{Name: "berth up, to its end: mounts, walls and links proven", Unit: "ms", Values: proven[1:], Fail: rows[1].Fail}
	rows = append(rows[:2], append([]row{whole}, rows[2:]...)...)
	for i := range rows {
		if rows[i].Note == "" {
			rows[i].Ratio = ratio(rows[i].Values, rows[0].Values)
		}
	}
	return rows, nil
}

// event is what is read of berth's lines.
type event struct {
	T           time.Time
	Step, Stage string
}

// up launches a sandbox and gives the ms to the server's first 200 and to the end of the command.
func (w *world) up(ctx context.Context) (ready, all float64, err error) {
	c := w.command(ctx, w.program, "up", sandboxName, "--image", "starter", "--json", "-y")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	begin := time.Now()
	if err := c.Run(); err != nil {
		return math.NaN(), math.NaN(), fmt.Errorf("berth up: %w\n%s", err, out.String())
	}
	all = since(begin)
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Step == "ready" && e.Stage == "done" {
			return float64(e.T.Sub(begin).Microseconds()) / 1000, all, nil
		}
	}
	return math.NaN(), math.NaN(), errors.New("berth up never said that the server is ready")
}

func (w *world) down(ctx context.Context) error {
	if text, err := w.command(ctx, w.program, "rm", "-f", sandboxName).CombinedOutput(); err != nil {
		return fmt.Errorf("berth rm: %w\n%s", err, text)
	}
	return nil
}

// floor launches the image with one port and nothing else.
func (w *world) floor(ctx context.Context, m model) (float64, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	config := &container.Config{Image: m.config.Image, Cmd: m.config.Cmd, Env: m.config.Env, Labels: marked, ExposedPorts: nat.PortSet{m.port: {}}}
	made, err := w.docker.ContainerCreate(ctx, config, &container.HostConfig{PortBindings: bindings(m.port, port)}, nil, nil, "")
	if err != nil {
		return 0, err
	}
	if err := w.docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, err
	}
	err = w.untilReady(ctx, port, time.Millisecond, 20*time.Millisecond)
	return since(begin), err
}

// dockerRun is what a user types: run, then ask every 100 ms.
func (w *world) dockerRun(m model) variant {
	v := variant{name: "docker run, then a GET every 100 ms", clean: w.clearRaw}
	program, err := exec.LookPath("docker")
	if err != nil {
		v.skip = "not installed"
		return v
	}
	v.once = func(ctx context.Context) (float64, error) {
		port, err := freePort()
		if err != nil {
			return 0, err
		}
		args := []string{"run", "-d", "--label", mark + "=1", "-p", fmt.Sprintf("127.0.0.1:%d:%s", port, m.port.Port())}
		for _, e := range m.config.Env {
			args = append(args, "-e", e)
		}
		begin := time.Now()
		if text, err := w.command(ctx, program, append(append(args, m.config.Image), m.config.Cmd...)...).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("docker run: %w\n%s", err, text)
		}
		err = w.untilReady(ctx, port, 100*time.Millisecond, 100*time.Millisecond)
		return since(begin), err
	}
	return v
}

// compose tells only that docker compose is not compared, where it is not installed.
func (w *world) compose() variant {
	v := variant{name: "docker compose up"}
	if err := w.command(context.Background(), "docker", "compose", "version").Run(); err != nil {
		v.skip = "not installed"
		return v
	}
	v.skip = "installed, but not compared: its project would be another shape"
	return v
}

// untilReady asks /ready until it answers 200, first after nothing, then in steps that grow by half from first to most.
func (w *world) untilReady(ctx context.Context, port int, first, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	hand := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	address := "http://127.0.0.1:" + strconv.Itoa(port) + "/ready"
	for pause := first; ; pause = min(pause*3/2, most) {
		if answers(ctx, hand, address) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func answers(ctx context.Context, hand *http.Client, address string) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	res, err := hand.Do(q)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// freePort gives a port of the loopback that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func bindings(inside nat.Port, port int) nat.PortMap {
	return nat.PortMap{inside: {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}}}
}
