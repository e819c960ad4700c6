package launch_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"berth/internal/config"
	"berth/internal/engine"
	"berth/internal/event"
	"berth/internal/host"
	"berth/internal/inside"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/state"
	"berth/internal/tunnel"
)

// realLauncher works on the engine at hand, with a state folder of its own.
func realLauncher(t *testing.T) *launch.Launcher {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") == "" {
		t.Skip("BERTH_DOCKER is not set: no engine to try it on")
	}
	shared, err := os.MkdirTemp("", "berth-launch-")
	if err == nil {
		err = os.Chmod(shared, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shared) })
	e, err := engine.Open(t.Context(), engine.Options{Env: os.LookupEnv, UID: os.Getuid(), Filters: shared})
	if err != nil {
		t.Fatal(err)
	}
	places, err := state.Find(nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store, err := state.Open(places, "test", os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	facts := host.Read()
	if facts.SudoUID = 0; facts.UID == 0 {
		facts.UID, facts.GID = 1000, 1000 // root may not own a sandbox
	}
	return &launch.Launcher{
		Runtime: e, Reach: &streams{engine: e, open: map[string]*tunnel.Tunnel{}}, Store: store, Host: facts, Files: host.Disk{}, Version: "test",
		Sink:       func(e event.Event) { t.Logf("%s %s %s %v %s", e.Step, e.Stage, e.Text, e.Elapsed, e.Error) },
		Names:      map[string]string{"starter": inside.StarterRef("test")},
		Unpack:     func(arch string) (string, error) { return inside.Unpack(places.Cache, arch) },
		Starter:    func(arch string) (launch.Archive, error) { return inside.StarterImage(arch, "test") },
		StarterKey: func(arch string) (string, error) { return inside.StarterKey(arch, "test") },
		PortFree:   host.PortFree,
	}
}

func TestASandboxComesUpAndGoesWithoutATrace(t *testing.T) {
	l := realLauncher(t)
	project := filepath.Join(t.TempDir(), "launch-test")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(project, l.Host.UID, l.Host.GID); err != nil {
		t.Fatal(err)
	}
	flags := []config.Flag{{Key: "image", Name: "--image", Values: []string{"starter"}}}
	if about, err := l.Runtime.Observe(t.Context()); err != nil {
		t.Fatal(err)
	} else if about.Engine.Kind == sandbox.DockerUserns { // nobody inside could write the folder
		flags = append(flags, config.Flag{Key: "volumes", Name: "-v", Values: []string{project + ":/workspace:ro"}})
	}
	settings, err := config.Load(config.Input{WorkDir: project, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	l.Host.Cwd, l.Host.Env = project, nil
	result, err := l.Up(t.Context(), launch.Request{Project: project, Settings: settings}, launch.UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Remove(context.WithoutCancel(t.Context()), result.Status.Name, true) })
	t.Log(result.Posture)
	for _, link := range result.Links {
		t.Log(link.Kind, link.At, link.URL.Reveal(), link.Missing)
	}
	if result.Status.State != sandbox.Up {
		t.Errorf("it is %s", result.Status.State)
	}
	if err := l.Remove(t.Context(), result.Status.Name, true); err != nil {
		t.Fatal(err)
	}
	left, err := l.Leftovers(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
