package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/cmd/berth-inside/internal/commands"
	"berth/internal/inside"
)

// TestMain makes this test binary the program itself when it is called by another name, as the links of the starter image do.
func TestMain(m *testing.M) {
	if !strings.HasSuffix(filepath.Base(os.Args[0]), ".test") {
		os.Exit(run(os.Args))
	}
	os.Exit(m.Run())
}

// bin is a folder of links like the starter image's /bin.
func bin(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range append([]string{"starter"}, inside.StarterCommands...) {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// script is a program for the starter's shell and what it prints. Where only is not set, a real bash with GNU commands prints the same: BERTH_SHELL=/bin/bash proves it.
type script struct {
	what   string
	text   string
	stdout string
	code   int
	stderr string // compared only if not empty
	only   bool   // says what only the starter says
}

// runScripts runs each in a folder of its own, with files a (three lines), b (numbers) and d/e.
func runScripts(t *testing.T, scripts []script) {
	t.Helper()
	path, shell := bin(t), ""
	reference := os.Getenv("BERTH_SHELL")
	shell = filepath.Join(path, "bash")
	if reference != "" {
		path, shell = "/usr/bin:/bin", reference
	}
	for _, s := range scripts {
		if s.only && reference != "" {
			continue
		}
		dir := t.TempDir()
		files := map[string]string{"a": "one\ntwo\nthree\n", "b": "10 x\n9 y\n100 x\n", "d/e": "deep\n"}
		if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), shell, "-c", s.text)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
		cmd.Env = []string{"PATH=" + path, "HOME=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC"}
		if options, ok := os.LookupEnv("GORACE"); ok { // .ci/checks.sh: no second of sleep at the end of each program
			cmd.Env = append(cmd.Env, "GORACE="+options)
		}
		_ = cmd.Run() // the exit code is compared
		if got := stdout.String(); got != s.stdout {
			t.Errorf("%s: %s\ngot  %q\nwant %q\nstderr %s", s.what, s.text, got, s.stdout, stderr.String())
		}
		if got := cmd.ProcessState.ExitCode(); got != s.code {
			t.Errorf("%s: %s\nexit code %d, want %d; stderr %s", s.what, s.text, got, s.code, stderr.String())
		}
		if got := stderr.String(); s.stderr != "" && got != s.stderr {
			t.Errorf("%s: %s\nstderr %q, want %q", s.what, s.text, got, s.stderr)
		}
	}
}

func TestTheImageLinksExactlyWhatTheProgramKnows(t *testing.T) {
	known := append(slices.Concat(commands.Names(), builtins), "sh", "bash")
	slices.Sort(known)
	linked := slices.Sorted(slices.Values(inside.StarterCommands))
	if !slices.Equal(known, linked) {
		t.Errorf("known  %v\nlinked %v", known, linked)
	}
}
