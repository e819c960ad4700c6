package rig

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"berth/internal/sandbox"
)

// StandinVolume is a VOLUME that every such image declares.
const StandinVolume = "/var/lib/standin"

// standins are the server's programs, by architecture.
var standins sync.Map

// Standin makes an image with a small agent server, good or bad as its flags say, and gives its reference. It goes
// when the test ends.
func Standin(t testing.TB, flags ...string) string {
	t.Helper()
	return StandinFor(t, Docker(t), "linux/"+runtime.GOARCH, flags...)
}

// StandinFor is Standin on a certain engine and for a certain platform.
func StandinFor(t testing.TB, docker *client.Client, platform string, flags ...string) string {
	t.Helper()
	ref := "localhost/berth-e2e/" + Unique("standin") + ":1"
	answer, err := docker.ImageLoad(Context(t), saved(t, ref, platform, flags))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := docker.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			t.Error(err)
		}
	})
	return ref
}

// StandinProgram gives the server's program for this machine, static: with -get it is a client, too.
func StandinProgram(t testing.TB) []byte {
	t.Helper()
	return standin(t, runtime.GOARCH)
}

// standin builds the server for an architecture, once a run.
func standin(t testing.TB, arch string) []byte {
	t.Helper()
	if program, ok := standins.Load(arch); ok {
		return program.([]byte)
	}
	path := filepath.Join(t.TempDir(), "standin")
	build := exec.Command("go", "build", "-o", path, "berth/e2e/internal/standin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	standins.Store(arch, program)
	return program
}

// saved gives an image of one layer as docker save writes it: an import would take this machine's platform (20.10).
// The layer is no other image's, so that a pull has something to fetch.
func saved(t testing.TB, ref, platform string, flags []string) *bytes.Buffer {
	t.Helper()
	system, arch, _ := strings.Cut(platform, "/")
	layer := archive(t, 0o755, map[string][]byte{"standin": standin(t, arch), "name": []byte(ref)})
	config := asJSON(map[string]any{
		"os": system, "architecture": arch,
		"config": map[string]any{
			"Entrypoint": append([]string{"/standin"}, flags...),
			"Labels":     map[string]string{sandbox.LabelContract: "openhands"},
			"Volumes":    map[string]any{StandinVolume: map[string]any{}},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
	})
	manifest := asJSON([]any{map[string]any{"Config": "config.json", "RepoTags": []string{ref}, "Layers": []string{"layer.tar"}}})
	return archive(t, 0o644, map[string][]byte{"manifest.json": manifest, "config.json": config, "layer.tar": layer.Bytes()})
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and strings
	}
	return text
}

func archive(t testing.TB, mode int64, files map[string][]byte) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}
