package engine

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
	"strconv"
	"testing"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/registry"

	"berth/internal/dockertest"
	"berth/internal/sandbox"
)

// mark is in the names of all that these tests make, so that two runs of them do not meet.
var mark = "engine-test-" + strconv.Itoa(os.Getpid())

// toolImage is the image of these tests: one static program, made here and loaded.
var toolImage = "localhost/berth-" + mark + "/tool:1"

// realEngine opens the engine at hand, or skips.
func realEngine(t *testing.T) *Engine {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") != "1" {
		t.Skip("needs a container engine: BERTH_DOCKER=1")
	}
	e, err := Open(t.Context(), Options{Env: os.LookupEnv, Home: os.Getenv("HOME"), UID: os.Getuid(), Filters: sharedFolder(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// fakeEngine opens a server that plays an engine.
func fakeEngine(t *testing.T, flavour dockertest.Flavour) (*Engine, *dockertest.Server) {
	t.Helper()
	server := dockertest.Start(t, flavour)
	e, err := Open(t.Context(), Options{Host: server.Host(), Home: t.TempDir(), Filters: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e, server
}

// sharedFolder makes a folder that an engine of another user can enter.
func sharedFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "berth-"+mark)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// loadTool loads the test's image into an engine and removes it in the end.
func loadTool(t *testing.T, e *Engine) sandbox.LocalImage {
	t.Helper()
	archive := toolArchive(t)
	if err := e.Load(t.Context(), bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.Background(), sandbox.ImageObject, toolImage); err != nil {
			t.Error(err)
		}
	})
	found, err := e.Image(t.Context(), toolImage)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// toolArchive builds testdata/tool and packs it as docker save would.
func toolArchive(t *testing.T) []byte {
	t.Helper()
	program := buildTool(t)
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	layer := packed(t, file{"etc/passwd", []byte("root:x:0:0::/:/tool\n"), 0o644}, file{"tool", content, 0o755}, file{"link", nil, 0})
	config := encoded(t, map[string]any{
		"os": "linux", "architecture": runtime.GOARCH, "created": "2026-01-02T03:04:05Z",
		"config": map[string]any{
			"Entrypoint": []string{"/tool"}, "Cmd": []string{"wait"}, "WorkingDir": "/etc", "User": "7:7", "StopSignal": "SIGINT",
			"Env": []string{"FROM=image"}, "Labels": map[string]string{"dev.berth.contract": "none", "other": "label"},
			"Volumes": map[string]any{"/v": struct{}{}}, "ExposedPorts": map[string]any{"8000/tcp": struct{}{}},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}},
	})
	manifest := encoded(t, []map[string]any{{"Config": "config.json", "RepoTags": []string{toolImage}, "Layers": []string{"layer.tar"}}})
	return packed(t, file{"config.json", config, 0o644}, file{"layer.tar", layer, 0o644}, file{"manifest.json", manifest, 0o644})
}

// buildTool compiles testdata/tool as a static program.
func buildTool(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tool")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "./testdata/tool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

type file struct {
	name    string
	content []byte
	mode    int64
}

// packed makes a tar archive; a file of mode 0 is a link to etc/passwd.
func packed(t *testing.T, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: f.mode, Format: tar.FormatPAX}
		if f.mode == 0 {
			header.Typeflag, header.Linkname = tar.TypeSymlink, "etc/passwd"
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// removeLater takes something away when the test ends; what has gone already is fine.
func removeLater(t *testing.T, e *Engine, kind sandbox.ObjectKind, name string) {
	t.Helper()
	t.Cleanup(func() {
		if err := e.Remove(context.Background(), kind, name); err != nil {
			t.Error(err)
		}
	})
}

// testContext is for rapid's T, which has the context of one attempt.
func testContext(t interface{ Context() context.Context }) context.Context { return t.Context() }

func firstHeader(archive io.Reader) (*tar.Header, error) { return tar.NewReader(archive).Next() }

// userOf reads the name out of a login as it is sent.
func userOf(t *testing.T, auth string) string {
	t.Helper()
	if auth == "" {
		return ""
	}
	login, err := registry.DecodeAuthConfig(auth)
	if err != nil {
		t.Fatal(err)
	}
	return login.Username
}

// eventOf is an event of a container with nothing but an action.
func eventOf(action string) events.Message { return events.Message{Action: events.Action(action)} }
