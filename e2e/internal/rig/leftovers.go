package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"berth/internal/sandbox"
)

// Left lists what is there of this home's owner: containers, networks and volumes of the engine, processes of the
// machine, temporary files, and what berth's records still hold of a sandbox.
func (h *Home) Left() []string {
	h.t.Helper()
	left := h.InEngine()
	left = append(left, h.processes()...)
	for _, pattern := range []string{"tmp/*", ".local/state/berth/*.json", ".local/state/berth/sandboxes/*",
		".local/state/berth/.*", ".local/state/berth/run/*", ".cache/berth/inside/.*", ".cache/berth/image-files/.*"} {
		found, _ := filepath.Glob(h.Path(pattern)) // the patterns are well formed
		for _, path := range found {
			// The promise of ports, what the user trusts and what a project may reach outlive a sandbox on purpose.
			if !slices.Contains([]string{"_ports.json", "_trust.json", "_allowed.json"}, filepath.Base(path)) {
				left = append(left, "file "+path)
			}
		}
	}
	return left
}

// InEngine lists the containers, networks and volumes of this home's owner.
func (h *Home) InEngine() []string {
	h.t.Helper()
	docker, ctx := DockerAt(h.t, h.Host), Context(h.t)
	mine := filters.NewArgs(filters.Arg("label", sandbox.LabelOwner+"="+h.Owner))
	var left []string
	containers, err := docker.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	h.must(err)
	for _, c := range containers {
		left = append(left, "container "+strings.TrimPrefix(c.Names[0], "/")+" ("+c.State+")")
	}
	networks, err := docker.NetworkList(ctx, network.ListOptions{Filters: mine})
	h.must(err)
	for _, n := range networks {
		left = append(left, "network "+n.Name)
	}
	volumes, err := docker.VolumeList(ctx, volume.ListOptions{Filters: mine})
	h.must(err)
	for _, v := range volumes.Volumes {
		left = append(left, "volume "+v.Name)
	}
	return left
}

// processes lists the machine's processes that have this home, the dead ones aside. Those in a sandbox have another.
func (h *Home) processes() []string {
	var left []string
	for _, pid := range h.PIDs("") {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		left = append(left, fmt.Sprintf("process %d: %s", pid, bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
	}
	return left
}

// PIDs gives the processes that have this home and whose command line, its words parted by spaces, holds some words.
func (h *Home) PIDs(words string) []int {
	var found []int
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		environ, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00HOME="+h.Dir+"\x00")) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		if bytes.Contains(bytes.ReplaceAll(command, []byte{0}, []byte{' '}), []byte(words)) {
			found = append(found, number(filepath.Base(folder)))
		}
	}
	return found
}

// Gone demands that nothing is left. A process that was told to end may take a moment.
func (h *Home) Gone() {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	left := h.Left()
	for len(left) > 0 && time.Now().Before(deadline) {
		if len(h.processes()) == 0 {
			break
		}
		left = h.Left()
	}
	if len(left) > 0 {
		h.t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
	}
}

// sweep removes what a failed test left, so that it does not disturb the next.
func (h *Home) sweep() {
	docker := DockerAt(h.t, h.Host)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, one := range h.InEngine() {
		kind, name, _ := strings.Cut(one, " ")
		name, _, _ = strings.Cut(name, " ")
		var err error
		switch kind {
		case "container":
			err = docker.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
		case "network":
			err = docker.NetworkRemove(ctx, name)
		case "volume":
			err = docker.VolumeRemove(ctx, name, true)
		}
		if err != nil {
			h.t.Error(err)
		}
	}
}

func (h *Home) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}
