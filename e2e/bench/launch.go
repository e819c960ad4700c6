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
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-connections/nat"

	"berth/e2e/internal/standinimage"
)

// server is a stand-in agent server as an image.
type server struct {
	ref string
	// goal of a launch by berth, as a ratio to the raw one.
	goal float64
	what string
}

// How many sandboxes are launched at once, and how often that is done.
const (
	crowd       = 32
	crowdRounds = 3
)

// servers makes an image of a server that is ready at once, and of one that takes its time.
func (w *world) servers(ctx context.Context) ([]server, error) {
	program, err := standinimage.Program(ctx, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	var out []server
	for _, s := range []struct {
		delay time.Duration
		goal  float64
		what  string
	}{{0, 1.05, "ready at once"}, {200 * time.Millisecond, 1, "ready after 200 ms"}} {
		ref := fmt.Sprintf("localhost/berth-bench/standin:%d", s.delay.Milliseconds())
		saved := standinimage.Save(ref, "linux/"+runtime.GOARCH, program, []string{"-delay", s.delay.String()})
		answer, err := w.docker.ImageLoad(ctx, saved)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return nil, err
		}
		out = append(out, server{ref, s.goal, s.what})
	}
	return out, nil
}

func (w *world) dropServers(ctx context.Context, all []server) error {
	var errs []error
	for _, s := range all {
		_, err := w.docker.ImageRemove(ctx, s.ref, image.RemoveOptions{Force: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// measureLaunch times the way to a server's first 200: by berth sealed, hardened and audited, from the start of its
// process; by the raw engine with one published port and nothing hardened, from the create call; by docker run.
func measureLaunch(ctx context.Context, w *world, o options) (rows []row, err error) {
	all, err := w.servers(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.dropServers(context.WithoutCancel(ctx), all)) }()
	var variants []variant
	whole := make([][]float64, len(all))
	for i, s := range all {
		variants = append(variants,
			variant{name: "raw, one port, not hardened, " + s.what, once: func(ctx context.Context) (float64, error) { return w.floor(ctx, s.ref) }, clean: w.clearRaw},
			variant{name: "berth up, sealed and hardened, " + s.what, once: func(ctx context.Context) (float64, error) {
				ready, end, err := w.up(ctx, sandboxName, s.ref)
				whole[i] = append(whole[i], end)
				return ready, err
			}, clean: w.down})
	}
	same, err := w.model(ctx, all[0].ref)
	if err != nil {
		return nil, err
	}
	variants = append(variants, w.dockerRun(all[0].ref), variant{
		name: "raw, the same container, volume and home as berth's, ready at once", clean: w.clearRaw,
		once: func(ctx context.Context) (float64, error) { return w.raw(ctx, same) },
	}, w.compose())
	if rows, err = rounds(ctx, o.n, variants); err != nil {
		return nil, err
	}
	for i, s := range all {
		rows[2*i].Ratio = 1
		rows[2*i+1].Ratio, rows[2*i+1].Goal = ratio(rows[2*i+1].Values, rows[2*i].Values), goal{Most: s.goal, Ratio: true}
	}
	if docker := &rows[2*len(all)]; docker.Note == "" {
		docker.Ratio = ratio(docker.Values, rows[0].Values)
	}
	alike := row{Name: "berth up against that", Unit: "ms", Values: rows[1].Values, Fail: rows[1].Fail, Goal: goal{Most: 1.15, Ratio: true}}
	alike.Ratio = ratio(rows[1].Values, rows[2*len(all)+1].Values)
	rows = append(rows, alike)
	for i, s := range all {
		end := row{Name: "berth up, to its end: walls and links proven, " + s.what, Unit: "ms", Values: whole[i][1:]}
		end.Ratio = ratio(end.Values, rows[2*i].Values)
		rows = append(rows, end)
	}
	return rows, nil
}

// measureCrowd launches many sandboxes at once, by berth and raw in turn.
func measureCrowd(ctx context.Context, w *world, o options) (rows []row, err error) {
	all, err := w.servers(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.dropServers(context.WithoutCancel(ctx), all)) }()
	ref := all[0].ref
	rows, err = rounds(ctx, min(o.n, crowdRounds), []variant{
		{name: fmt.Sprintf("%d at once, raw", crowd), clean: w.clearRaw, once: func(ctx context.Context) (float64, error) {
			return atOnce(func(int) error { _, err := w.floor(ctx, ref); return err })
		}},
		{name: fmt.Sprintf("%d at once, berth", crowd), clean: w.downAll, once: func(ctx context.Context) (float64, error) {
			return atOnce(func(i int) error { _, _, err := w.up(ctx, crowdName(i), ref); return err })
		}},
	})
	if err == nil {
		rows[0].Ratio, rows[1].Ratio = 1, ratio(rows[1].Values, rows[0].Values)
		rows[1].Goal = goal{Most: math.MaxFloat64} // no failure is what is asked
	}
	return rows, err
}

func crowdName(i int) string { return fmt.Sprintf("%s-%d", sandboxName, i) }

// atOnce does many things side by side and gives the ms to the end of the last.
func atOnce(do func(i int) error) (float64, error) {
	begin := time.Now()
	errs := make([]error, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return since(begin), errors.Join(errs...)
}

func (w *world) downAll(ctx context.Context) error {
	args := []string{"rm", "-f"}
	for i := range crowd {
		args = append(args, crowdName(i))
	}
	if text, err := w.command(ctx, w.program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("berth rm: %w\n%s", err, text)
	}
	return nil
}

// event is what is read of berth's lines.
type event struct {
	T           time.Time
	Step, Stage string
}

// up launches a sandbox and gives the ms to the server's first 200 and to the end of the command.
func (w *world) up(ctx context.Context, name, ref string) (ready, all float64, err error) {
	c := w.command(ctx, w.program, "up", name, "--image", ref, "--vnc=off", "--json", "-y")
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

// standinInside is the server's port.
var standinInside = nat.Port(strconv.Itoa(standinPort) + "/tcp")

// floor launches an image with one port and nothing else. The engine chooses the port, as it must where many do so at
// once.
func (w *world) floor(ctx context.Context, ref string) (float64, error) {
	begin := time.Now()
	config := &container.Config{Image: ref, Cmd: []string{"-host", "0.0.0.0"}, Labels: marked, ExposedPorts: nat.PortSet{standinInside: {}}}
	made, err := w.docker.ContainerCreate(ctx, config, &container.HostConfig{PortBindings: bindings(standinInside, 0)}, nil, nil, "")
	if err != nil {
		return 0, err
	}
	if err := w.docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, err
	}
	seen, err := w.docker.ContainerInspect(ctx, made.ID)
	if err != nil {
		return 0, err
	}
	bound := seen.NetworkSettings.Ports[standinInside]
	if len(bound) == 0 {
		return 0, errors.New("the engine published no port")
	}
	port, err := strconv.Atoi(bound[0].HostPort)
	if err != nil {
		return 0, err
	}
	err = w.untilReady(ctx, port, time.Millisecond, 20*time.Millisecond)
	return since(begin), err
}

// dockerRun is what a user types: run, then ask every 100 ms.
func (w *world) dockerRun(ref string) variant {
	v := variant{name: "docker run, then a GET every 100 ms, ready at once", clean: w.clearRaw}
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
		begin := time.Now()
		args := []string{"run", "-d", "--label", mark + "=1", "-p", fmt.Sprintf("127.0.0.1:%d:%d", port, standinPort), ref, "-host", "0.0.0.0"}
		if text, err := w.command(ctx, program, args...).CombinedOutput(); err != nil {
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

// bindings publishes a port on loopback; 0 lets the engine choose.
func bindings(inside nat.Port, port int) nat.PortMap {
	return nat.PortMap{inside: {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(port)}}}
}
