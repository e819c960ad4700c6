package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
)

// rawVolume is the home of what the raw variant makes.
const rawVolume = "berth-bench-raw-home"

// model is a sandbox of berth's, as the engine told it: the raw variant makes the same again without berth.
type model struct {
	config container.Config
	host   container.HostConfig
	files  map[string][]byte // by path: what berth writes for each launch
}

// model launches a sandbox by berth, reads it, and removes it.
func (w *world) model(ctx context.Context, ref string) (model, error) {
	if _, _, err := w.up(ctx, sandboxName, ref); err != nil {
		return model{}, err
	}
	m, err := w.read(ctx)
	return m, errors.Join(err, w.down(ctx))
}

func (w *world) read(ctx context.Context) (model, error) {
	c, err := w.docker.ContainerInspect(ctx, "berth-"+sandboxName)
	if err != nil {
		return model{}, err
	}
	m := model{config: *c.Config, host: *c.HostConfig, files: map[string][]byte{}}
	m.config.Labels = marked
	m.host.Mounts = slices.Clone(m.host.Mounts)
	return m, m.takeMounts(w)
}

// takeMounts points the mounts at the raw variant's own volume, folder and files. Files of the sandbox's own lie under
// the home and go with it; the project and the unpacked program stay where they are.
func (m *model) takeMounts(w *world) error {
	raw := filepath.Join(w.dir, "raw")
	for i, at := range m.host.Mounts {
		if at.Type == mount.TypeVolume {
			m.host.Mounts[i].Source = rawVolume
			continue
		}
		info, err := os.Stat(at.Source)
		switch {
		case at.Target == "/.berth/run":
			m.host.Mounts[i].Source = raw
			continue
		case err != nil:
			return err
		case info.IsDir() || info.Mode()&0o111 != 0:
			continue
		}
		content, err := os.ReadFile(at.Source)
		if err != nil {
			return err
		}
		path := filepath.Join(raw, filepath.Base(at.Source))
		m.files[path], m.host.Mounts[i].Source = content, path
	}
	return os.MkdirAll(raw, 0o755)
}

// raw makes the model again by the engine's calls alone, in berth's order, and gives the ms until the program inside
// says that the server answered 200: nothing is published that could be asked.
func (w *world) raw(ctx context.Context, m model) (float64, error) {
	begin := time.Now()
	for path, content := range m.files {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return 0, err
		}
	}
	if _, err := w.docker.VolumeCreate(ctx, volume.CreateOptions{Name: rawVolume, Labels: marked}); err != nil {
		return 0, err
	}
	made, err := w.docker.ContainerCreate(ctx, &m.config, &m.host, nil, nil, "berth-bench-raw")
	if err != nil {
		return 0, err
	}
	if err := w.docker.CopyToContainer(ctx, made.ID, "/home", agentHome(w), container.CopyToContainerOptions{}); err != nil {
		return 0, err
	}
	if err := w.docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, err
	}
	err = w.readyInside(ctx, made.ID)
	return since(begin), err
}

// readyInside waits by the same program that berth waits by.
func (w *world) readyInside(ctx context.Context, id string) error {
	x, err := w.docker.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: insideUser, AttachStdout: true, AttachStderr: true,
		Cmd: []string{"/.berth/inside", "ready", "--port", fmt.Sprint(standinPort), "--path", "/ready"},
	})
	if err != nil {
		return err
	}
	stream, err := w.docker.ContainerExecAttach(ctx, x.ID, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	if _, err := io.Copy(io.Discard, stream.Reader); err != nil {
		return err
	}
	end, err := w.docker.ContainerExecInspect(ctx, x.ID)
	if err == nil && end.ExitCode != 0 {
		err = fmt.Errorf("the server was not ready: exit %d", end.ExitCode)
	}
	return err
}

// agentHome is the archive with the user's home.
func agentHome(w *world) *bytes.Buffer {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	uid, gid := os.Getuid(), os.Getgid()
	if w.who != nil {
		uid, gid = int(w.who.Uid), int(w.who.Gid)
	}
	// Writing to memory does not fail, and the header is a valid one.
	_ = t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "agent/", Mode: 0o700, Uid: uid, Gid: gid})
	_ = t.Close()
	return &b
}
