package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/internal/inside"
)

// needsEngine skips a test that cannot be run here, and says why.
func needsEngine(t *testing.T) {
	t.Helper()
	switch _, err := inside.Hash("amd64"); {
	case os.Getenv("BERTH_DOCKER") == "":
		t.Skip("BERTH_DOCKER=1 runs it on the engine of this machine")
	case os.Getuid() == 0:
		t.Skip("a sandbox runs as who starts it, and root may not")
	case err != nil:
		t.Skipf("berth-inside is not packed, make inside does it: %v", err)
	}
}

// TestScriptsOnARealEngine runs whole lives of sandboxes made of the starter image.
func TestScriptsOnARealEngine(t *testing.T) {
	needsEngine(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/docker",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[testKey{}] = t
			err := setUp(e)
			e.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST"))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// TestThePrintedCommandsMakeTheSameSandbox pastes what --print=docker prints into a shell and compares what the engine
// then says with what berth made.
func TestThePrintedCommandsMakeTheSameSandbox(t *testing.T) {
	needsEngine(t)
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("there is no docker command to paste into")
	}
	home := t.TempDir()
	project := filepath.Join(home, "berthprint")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home+"/state", "XDG_CACHE_HOME="+home+"/cache", "XDG_CONFIG_HOME="+home+"/config",
		"SESSION_API_KEY=k", "OH_SECRET_KEY=k")
	run := func(words ...string) string {
		t.Helper()
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), words[0], words[1:]...)
		cmd.Dir, cmd.Env, cmd.Stderr = project, env, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { run("berth", "rm", "-f", "berthprint") }) // TestMain put it on the PATH
	run("berth", "up", "--image", "starter", "--quiet")
	made := inspected(t, run("docker", "inspect", "berth-berthprint"))
	script := run("berth", "up", "--image", "starter", "--print=docker")
	run("docker", "rm", "-f", "berth-berthprint")
	run("docker", "volume", "rm", "berth-berthprint-home")
	run("bash", "-ec", script)
	pasted := inspected(t, run("docker", "inspect", "berth-berthprint"))
	for _, part := range []string{"Config", "HostConfig"} {
		for name, want := range made[part] {
			if got := pasted[part][name]; !toldApart[name] && !reflect.DeepEqual(want, got) && !(empty(want) && empty(got)) {
				t.Errorf("%s.%s: berth made %v, the printed commands %v", part, name, want, got)
			}
		}
	}
}

// toldApart are the fields that the docker command cannot set as berth does, or that differ in each launch.
var toldApart = map[string]bool{"AttachStdout": true, "AttachStderr": true, "Env": true, "Healthcheck": true, "Labels": true}

func inspected(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	out := map[string]map[string]any{}
	for _, part := range []string{"Config", "HostConfig"} {
		var fields map[string]any
		if err := json.Unmarshal(list[0][part], &fields); err != nil {
			t.Fatal(err)
		}
		out[part] = fields
		plainMounts(fields["Mounts"])
	}
	return out
}

// plainMounts takes away the empty description of a volume's driver that the docker command adds.
func plainMounts(list any) {
	all, _ := list.([]any)
	for _, m := range all {
		one, _ := m.(map[string]any)
		if volume, ok := one["VolumeOptions"].(map[string]any); ok {
			delete(volume, "DriverConfig")
		}
	}
}

// empty tells whether there is nothing: nil, an empty list or map, which the engine keeps apart and nobody else.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
