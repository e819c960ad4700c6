// Package standinimage makes an image of the stand-in server, for tests and for the bench.
package standinimage

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"berth/internal/sandbox"
)

// Volume is a VOLUME that every such image declares.
const Volume = "/var/lib/standin"

// Program builds the server for an architecture, static.
func Program(ctx context.Context, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "standin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "standin")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "berth/e2e/internal/standin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.ReadFile(path)
}

// Save gives an image of one layer as docker save writes it: an import would take this machine's platform (20.10). The
// layer is no other image's, so that a pull has something to fetch.
func Save(ref, platform string, program []byte, flags []string) *bytes.Buffer {
	system, arch, _ := strings.Cut(platform, "/")
	layer := archive(0o755, map[string][]byte{"standin": program, "name": []byte(ref)})
	config := asJSON(map[string]any{
		"os": system, "architecture": arch,
		"config": map[string]any{
			"Entrypoint": append([]string{"/standin"}, flags...),
			"Labels":     map[string]string{sandbox.LabelContract: "openhands"},
			"Volumes":    map[string]any{Volume: map[string]any{}},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
	})
	manifest := asJSON([]any{map[string]any{"Config": "config.json", "RepoTags": []string{ref}, "Layers": []string{"layer.tar"}}})
	return archive(0o644, map[string][]byte{"manifest.json": manifest, "config.json": config, "layer.tar": layer.Bytes()})
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and strings
	}
	return text
}

// archive writes into memory, which does not fail.
func archive(mode int64, files map[string][]byte) *bytes.Buffer {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg})
		_, _ = w.Write(content)
	}
	_ = w.Close()
	return &out
}
