package rig

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

var standin struct {
	once    sync.Once
	program []byte
	err     error
}

// Standin makes an image with a small agent server, good or bad as its flags say, and gives its reference. It goes
// when the test ends.
func Standin(t testing.TB, flags ...string) string {
	t.Helper()
	return StandinFor(t, Docker(t), "linux/"+runtime.GOARCH, flags...)
}

// StandinFor is Standin on a certain engine and for a certain platform; the program inside is always this machine's.
func StandinFor(t testing.TB, docker *client.Client, platform string, flags ...string) string {
	t.Helper()
	standin.once.Do(func() { standin.program, standin.err = buildStandin(t.TempDir()) })
	if standin.err != nil {
		t.Fatal(standin.err)
	}
	entrypoint, _ := json.Marshal(append([]string{"/standin"}, flags...)) // strings alone
	ref := "localhost/berth-e2e/" + Unique("standin") + ":1"
	answer, err := docker.ImageImport(Context(t), image.ImportSource{Source: archive(t, standin.program), SourceName: "-"}, ref, image.ImportOptions{
		Changes:  []string{"ENTRYPOINT " + string(entrypoint), "LABEL dev.berth.contract=openhands"},
		Platform: platform,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := docker.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	})
	return ref
}

func buildStandin(dir string) ([]byte, error) {
	path := filepath.Join(dir, "standin")
	build := exec.Command("go", "build", "-o", path, "berth/e2e/internal/standin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// archive gives a root file system with the program in it.
func archive(t testing.TB, program []byte) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Name: "standin", Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write(program)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &out
}
