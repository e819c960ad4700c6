package main

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/sandbox"
	"berth/internal/state"
	"berth/tui"
)

func TestTheScreenTrustsOnlyTheFileThatWasShown(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, ".berth.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBackend(&app{facts: &host.Facts{Home: filepath.Join(home, "of-berth"), Cwd: home}, env: func(string) string { return "" }})
	yes := tui.Edits{tui.EditTrust: "yes"}

	write(`image = "acme/agent:1"`)
	if _, q, err := b.settings(nil); err != nil || q == nil {
		t.Fatalf("it is not asked about: %v", err)
	}
	write(`image = "evil/agent:1"`) // by a sandbox, while the user reads
	s, q, err := b.settings(yes)
	if err != nil || q == nil || s.Image != "" {
		t.Fatalf("the file that was swapped is trusted: image %q, %v", s.Image, err)
	}
	s, q, err = b.settings(yes)
	if err != nil || q != nil || s.Image != "evil/agent:1" {
		t.Errorf("it is not trusted once it was shown: image %q, %v, %v", s.Image, q, err)
	}
}

func TestInspectHidesEveryValueWhereThePlanIsGone(t *testing.T) {
	store, err := state.Open(state.Places{State: t.TempDir(), Runtime: t.TempDir()}, "test", 1000)
	if err != nil {
		t.Fatal(err)
	}
	spec := sandbox.Spec{Name: "shop", Env: []sandbox.Env{{Name: "TOKEN", Value: "hunter2hunter2"}}}
	s := &session{Launcher: &launch.Launcher{Store: store}}
	names := s.secretNames(launch.Status{Name: "shop", Observed: sandbox.Observed{Spec: spec}})
	if got := masked(spec, names).Env[0].Value; got != "****" {
		t.Errorf("it shows %q", got)
	}
}
