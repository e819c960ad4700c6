package config

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestAProjectFileMayNarrow(t *testing.T) {
	free := []string{
		"links.port = 9000", "vnc = 'off'", "env = {A = 'b'}", "secret_masks = ['*.key']", "ready_timeout = '5m'",
		"profile = 'strict'", "profile = 'paranoid'", "profile = 'standard'", "egress = 'off'", "egress = ['a.example:443']", "publish = false",
		"pids = 100", "memory = '512MiB'", "nofile = 512", "shm_size = '64MiB'", "cpus = 1", "additional_networks = []", "volumes = []", "volumes = '.:/workspace'",
		"volumes = ['./src:/src:ro', 'sub/x:/x']", "[[mounts]]\nsource = 'src'\ntarget = '/s'\n[[mounts]]\nsource = './a,b:c'\ntarget = '/t'",
		"env_file = ['dev.env']", "",
	}
	for _, text := range free {
		if _, err := loadProject(t, strings.ReplaceAll(text, "source = 'src'", "source = './src'"), Input{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAProjectFileThatWidensNeedsTrust(t *testing.T) {
	rows := []struct{ text, gives string }{
		{"image = 'evil:1'", "+ image = evil:1 (was none), .berth.toml:1:1"},
		{"default_image = 'evil:1'", "+ default_image = evil:1 (was none), .berth.toml:1:1"},
		{"egress = 'direct'", "+ egress = direct (was none), .berth.toml:1:1"},
		{"profile = 'strict'\negress = 'on'", ""},
		{"additional_networks = ['a', 'b']", "+ additional_networks = a (was none), .berth.toml:1:1\n+ additional_networks = b (was none), .berth.toml:1:1"},
		{"compose_project = 'p'", "+ compose_project = p (was none), .berth.toml:1:1"},
		{"publish = true", "+ publish = true (was false), .berth.toml:1:1"},
		{"pids = 2000", "+ pids = 2000 (was none), .berth.toml:1:1"},
		{"shm_size = '1GiB'", `+ shm_size = 1GiB (was "256MiB"), .berth.toml:1:1`},
		{"memory = '64GiB'", "+ memory = 64GiB (was none), .berth.toml:1:1"},
		{"cpus = 64", "+ cpus = 64 (was none), .berth.toml:1:1"},
		{"volumes = '/etc:/e,./a:/a,~/x:/x,cache:/c'", "+ volumes = /etc:/e (was none), .berth.toml:1:1\n+ volumes = ~/x:/x (was none), .berth.toml:1:1\n+ volumes = cache:/c (was none), .berth.toml:1:1"},
		{"volumes = ['../other:/o']", "+ volumes = ../other:/o (was none), .berth.toml:1:1"},
		{"[[mounts]]\nsource = '/srv'\ntarget = '/s'", "+ mounts = /srv:/s (was none), .berth.toml:1:3"},
		{"[[sidecars]]\nnetwork = 'n'\nhost = 'h'\nport = 1", "+ sidecars = h:1 on n (was none), .berth.toml:1:3"},
		{"env_file = ['/etc/shadow']", "+ env_file = /etc/shadow (was none), .berth.toml:1:1"},
		{"env = {A = 'b', SESSION_API_KEY = 'known', OH_SECRET_KEY = 'x'}",
			"+ env = OH_SECRET_KEY (was none), .berth.toml:1:1\n+ env = SESSION_API_KEY (was none), .berth.toml:1:1"},
		{"bases = {debian = 'evil'}", "+ bases = debian = evil (was none), .berth.toml:1:1"},
		{"[images.dev]\nimage = 'x'\nprepare = ['y']", "+ images = dev.image (was none), .berth.toml:1:2\n+ images = dev.prepare (was none), .berth.toml:1:2"},
	}
	for _, r := range rows {
		_, err := loadProject(t, r.text, Input{})
		var untrusted *UntrustedError
		if !errors.As(err, &untrusted) {
			if r.gives != "" || err != nil {
				t.Errorf("%s: %v", r.text, err)
			}
			continue
		}
		var lines []string
		for _, w := range untrusted.Gives {
			lines = append(lines, w.String())
		}
		if got := strings.Join(lines, "\n"); got != r.gives {
			t.Errorf("%s:\n%s\nwant\n%s", r.text, got, r.gives)
		}
		if untrusted.Sum != sha256.Sum256([]byte(r.text)) || fault.KindOf(err) != fault.Usage || fault.HintOf(err) != "read it, then: berth trust .berth.toml" {
			t.Errorf("%s: %v, %s", r.text, err, fault.HintOf(err))
		}
		trusting := Input{Trusted: func(path string, sum [32]byte) bool {
			return filepath.Base(path) == ".berth.toml" && sum == untrusted.Sum
		}}
		if _, err := loadProject(t, r.text, trusting); err != nil {
			t.Errorf("%s, trusted: %v", r.text, err)
		}
	}
}

func TestWhatTheUserAllowsTheProjectMaySay(t *testing.T) {
	dir := t.TempDir()
	user, project := filepath.Join(dir, "config.toml"), filepath.Join(dir, ".berth.toml")
	write(t, user, "image = 'a'\nadditional_networks = ['n']\nmemory = '8GiB'\nprofile = 'strict'\negress = ['x.example:1', 'y.example:1']\n")
	write(t, project, "image = 'a'\nadditional_networks = ['n']\nmemory = '8GiB'\negress = ['y.example:1']\n")
	if _, err := Load(Input{UserFile: user, ProjectFile: project, WorkDir: dir}); err != nil {
		t.Errorf("%v", err)
	}
	write(t, project, "profile = 'standard'\negress = ['y.example:1', 'z.example:1']\n")
	_, err := Load(Input{UserFile: user, ProjectFile: project, WorkDir: dir})
	want := ".berth.toml: is not trusted, and it widens what the sandbox may do\n" +
		"  + profile = standard (was \"strict\"), .berth.toml:1:1\n  + egress = z.example:1 (was [\"x.example:1\", \"y.example:1\"]), .berth.toml:2:1"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestWhatAProjectFileMayNeverSay(t *testing.T) {
	trusting := Input{Trusted: func(string, [32]byte) bool { return true }}
	for _, key := range Keys {
		if key.Widens != Never {
			continue
		}
		_, err := loadProject(t, key.Name+" = "+key.exampleText(), trusting)
		if err == nil || !strings.Contains(err.Error(), ": a project file may not set "+key.Name+"\n  1 | ") {
			t.Errorf("%s: %v", key.Name, err)
		}
	}
	for _, key := range ImageKeys {
		_, err := loadProject(t, "[images.dev]\n"+key.Name+" = "+key.Example, trusting)
		if refused := err != nil && strings.Contains(err.Error(), "a project file may not set images.dev."+key.Name+"\n"); refused != (key.Widens == Never) {
			t.Errorf("images.dev.%s: %v", key.Name, err)
		}
	}
	_, err := loadProject(t, "profile = 'compat'", trusting)
	want := ".berth.toml:1:11: profile: a project file may not ask for compat\n  1 | profile = 'compat'\n    |           ^^^^^^^^"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestALinkInTheProjectThatLeadsAwayIsOutside(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	project := filepath.Join(dir, ".berth.toml")
	write(t, project, "volumes = ['./data:/data', './real:/real']")
	if err := errors.Join(os.Symlink(elsewhere, filepath.Join(dir, "data")), os.Mkdir(filepath.Join(dir, "real"), 0o755)); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Input{ProjectFile: project, WorkDir: dir})
	var untrusted *UntrustedError
	if !errors.As(err, &untrusted) || len(untrusted.Gives) != 1 || untrusted.Gives[0].Value != "./data:/data" {
		t.Errorf("%v", err)
	}
}

func TestTheProjectAddsToTheMasks(t *testing.T) {
	dir := t.TempDir()
	user, project := filepath.Join(dir, "config.toml"), filepath.Join(dir, ".berth.toml")
	write(t, user, "secret_masks = ['.env*']")
	write(t, project, "secret_masks = ['*.key', '.env*']")
	s, err := Load(Input{UserFile: user, ProjectFile: project, WorkDir: dir})
	if err != nil || strings.Join(s.SecretMasks, " ") != ".env* *.key" {
		t.Errorf("%q, %v", s.SecretMasks, err)
	}
}

func TestAStrangersTextCannotReachTheTerminal(t *testing.T) {
	rows := []string{"\"a\x1b]0;x\x07b\" = 1", "image = \"\\u001b]0;owned\\u0007\"", "# \x1b[31m\nvolumess = 'x' # \u202e\u009b31m", "vnc = '\u202eno'"}
	for _, text := range rows {
		_, err := loadProject(t, text, Input{})
		if err == nil {
			t.Errorf("%q is taken", text)
			continue
		}
		if strings.ContainsAny(err.Error()+fault.HintOf(err), "\x1b\a\u009b\u202e") {
			t.Errorf("%q: %q", text, err)
		}
	}
}
