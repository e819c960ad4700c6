package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-connections/nat"
)

// The names and the range of what the raw variant makes.
const (
	rawNetwork = "berth-bench-raw"
	rawVolume  = "berth-bench-raw-home"
	rawSubnet  = "10.254.77.0/28"
)

var marked = map[string]string{mark: "1"}

// model is a sandbox of berth's, as the engine told it: the raw variant makes the same again without berth.
type model struct {
	config  container.Config
	host    container.HostConfig
	network network.Inspect
	aliases []string
	port    nat.Port
	files   map[string][]byte // by path: what berth writes for each launch
}

// model launches a sandbox by berth, reads it, and removes it.
func (w *world) model(ctx context.Context) (model, error) {
	if _, _, err := w.up(ctx); err != nil {
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
	for port := range m.host.PortBindings {
		m.port = port
	}
	name := string(m.host.NetworkMode)
	if m.network, err = w.docker.NetworkInspect(ctx, name, network.InspectOptions{}); err != nil {
		return model{}, err
	}
	for _, alias := range c.NetworkSettings.Networks[name].Aliases {
		if !strings.HasPrefix(c.ID, alias) { // the engine's own
			m.aliases = append(m.aliases, alias)
		}
	}
	m.host.NetworkMode = rawNetwork
	m.host.Mounts = slices.Clone(m.host.Mounts)
	return m, m.takeMounts(w)
}

// takeMounts points the mounts at the raw variant's own volume and files. Files of the sandbox's own lie under the home
// and go with it; the project and the unpacked program stay where they are.
func (m *model) takeMounts(w *world) error {
	for i, at := range m.host.Mounts {
		if at.Type == mount.TypeVolume {
			m.host.Mounts[i].Source = rawVolume
			continue
		}
		info, err := os.Stat(at.Source)
		if err != nil {
			return err
		}
		if info.IsDir() || info.Mode()&0o111 != 0 {
			continue
		}
		content, err := os.ReadFile(at.Source)
		if err != nil {
			return err
		}
		path := filepath.Join(w.dir, "raw", filepath.Base(at.Source))
		m.files[path], m.host.Mounts[i].Source = content, path
	}
	return os.MkdirAll(filepath.Join(w.dir, "raw"), 0o755)
}

// raw makes the model again by the engine's calls alone, in berth's order, and gives the ms to the first 200.
func (w *world) raw(ctx context.Context, m model) (float64, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	m.host.PortBindings = bindings(m.port, port)
	begin := time.Now()
	for path, content := range m.files {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return 0, err
		}
	}
	if err := w.rawAround(ctx, m); err != nil {
		return 0, err
	}
	joined := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{rawNetwork: {Aliases: m.aliases}}}
	made, err := w.docker.ContainerCreate(ctx, &m.config, &m.host, joined, nil, "berth-bench-raw")
	if err != nil {
		return 0, err
	}
	if err := w.docker.CopyToContainer(ctx, made.ID, "/home", agentHome(w), container.CopyToContainerOptions{}); err != nil {
		return 0, err
	}
	if err := w.docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return 0, err
	}
	err = w.untilReady(ctx, port, time.Millisecond, 20*time.Millisecond)
	return since(begin), err
}

// rawAround makes the volume beside the network, as berth does.
func (w *world) rawAround(ctx context.Context, m model) error {
	done := make(chan error, 1)
	go func() {
		_, err := w.docker.VolumeCreate(ctx, volume.CreateOptions{Name: rawVolume, Labels: marked})
		done <- err
	}()
	_, err := w.docker.NetworkCreate(ctx, rawNetwork, network.CreateOptions{
		Driver: m.network.Driver, EnableIPv6: &m.network.EnableIPv6, Internal: m.network.Internal, Options: m.network.Options, Labels: marked,
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: rawSubnet}}},
	})
	return errors.Join(err, <-done)
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

func (w *world) clearVolumes(ctx context.Context, labelled filters.Args) error {
	list, err := w.docker.VolumeList(ctx, volume.ListOptions{Filters: labelled})
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range list.Volumes {
		errs = append(errs, w.docker.VolumeRemove(ctx, v.Name, true))
	}
	return errors.Join(errs...)
}
