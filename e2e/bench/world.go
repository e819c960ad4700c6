package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// mark labels everything that the raw variants make.
const mark = "dev.berth.bench"

var marked = map[string]string{mark: "1"}

// sandboxName is the sandbox that berth launches here.
const sandboxName = "berth-bench"

// world is where the measuring is done: a home and a project of their own, as an ordinary user, on the engine at hand.
type world struct {
	docker  *client.Client
	engine  string // "engine 20.10.24 api 1.41"
	dir     string // removed at the end
	program string // a copy of berth that the user may run
	who     *syscall.Credential
}

// newWorld makes the folders. Started as root, all that is measured runs as the first ordinary member of group docker:
// berth refuses root.
func newWorld(ctx context.Context, program string) (*world, error) {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	version, err := docker.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	who, err := ordinary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "berth-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{docker: docker, engine: "engine " + version.Version + " api " + docker.ClientVersion(), dir: dir, program: filepath.Join(dir, "berth"), who: who}
	if err := w.furnish(program); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return w, nil
}

// furnish makes the home, the project and the copy of the program.
func (w *world) furnish(program string) error {
	if err := errors.Join(os.Mkdir(w.home(), 0o700), os.Mkdir(w.project(), 0o700), copyFile(w.program, program, 0o755)); err != nil {
		return err
	}
	if w.who == nil {
		return nil
	}
	for _, path := range []string{w.dir, w.home(), w.project()} {
		if err := os.Chown(path, int(w.who.Uid), int(w.who.Gid)); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) home() string    { return filepath.Join(w.dir, "home") }
func (w *world) project() string { return filepath.Join(w.dir, "project") }

// command prepares a program as the ordinary user, in the project, with nothing of the caller's environment but the way
// to programs and to the engine.
func (w *world) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = w.project()
	c.Env = []string{"HOME=" + w.home(), "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8"}
	for _, key := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"} {
		if value, ok := os.LookupEnv(key); ok {
			c.Env = append(c.Env, key+"="+value)
		}
	}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: w.who}
	return c
}

// clear removes all that was made, whatever was interrupted.
func (w *world) clear(ctx context.Context) error {
	// A sandbox that is not there is not an error here: what is left is seen below.
	_ = w.down(ctx)
	_ = w.downAll(ctx)
	err := errors.Join(w.clearRaw(ctx), os.RemoveAll(w.dir))
	return errors.Join(err, w.docker.Close())
}

// clearRaw removes what carries the mark.
func (w *world) clearRaw(ctx context.Context) error {
	list, err := w.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", mark))})
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range list {
		errs = append(errs, w.docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	if err := w.docker.VolumeRemove(ctx, rawVolume, true); err != nil && !errdefs.IsNotFound(err) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ordinary gives the user to measure as: nil for the caller, who is no root.
func ordinary() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	group, err := user.LookupGroup("docker")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile("/etc/group")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 || fields[0] != "docker" {
			continue
		}
		for _, name := range preferred(strings.Split(fields[3], ",")) {
			if who, err := credential(name, group.Gid); err == nil {
				return who, nil
			}
		}
	}
	return nil, errors.New("berth refuses root, and group docker has no ordinary member: run as an ordinary user, or make run first")
}

// preferred puts the user that `make run` creates before all others.
func preferred(names []string) []string {
	return append([]string{"berth"}, names...)
}

func credential(name, group string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	docker, err3 := strconv.ParseUint(group, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(docker)}}, errors.Join(err1, err2, err3)
}

func copyFile(to, from string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w: make build first", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// machineLoad gives the load of the last minute (0 where it is unknown) and the number of cores.
func machineLoad() (float64, int) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, runtime.NumCPU()
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64) //nolint:errcheck // the kernel writes a number
	return load, runtime.NumCPU()
}
