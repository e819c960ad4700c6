package config

import (
	"os"
	"path/filepath"
	"testing"
)

// load runs Load on a project file of this text.
func loadProject(t *testing.T, text string, in Input) (*Settings, error) {
	t.Helper()
	in.WorkDir = t.TempDir()
	in.ProjectFile = filepath.Join(in.WorkDir, ".berth.toml")
	write(t, in.ProjectFile, text)
	return Load(in)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAMistakeIsShownWithItsPlace(t *testing.T) {
	rows := []struct{ text, want string }{
		{"# x\n\nvolumess = [\"~/shop:/workspace\"]\n",
			".berth.toml:3:1: unknown key \"volumess\"\n  3 | volumess = [\"~/shop:/workspace\"]\n    | ^^^^^^^^"},
		{"[links]\nport = \"x\" # no\n",
			".berth.toml:2:8: links.port: want a port from 1 to 65535, not \"x\"\n  2 | port = \"x\" # no\n    |        ^^^"},
		{"vnc = 'onn'",
			".berth.toml:1:7: vnc: \"onn\" is none of auto, on, off\n  1 | vnc = 'onn'\n    |       ^^^^^"},
		{"a = [\n1,\n\nx = é 2\n",
			".berth.toml:4:1: expected value but found \"x\" instead\n  4 | x = é 2\n    | ^"},
		{"\ufeffvnc = 'auto'\r\n\r\nicon = 'ascii'\r\n",
			".berth.toml:3:1: unknown key \"icon\"\n  3 | icon = 'ascii'\n    | ^^^^"},
		{"\tvnc = 1 # \u65e5本",
			".berth.toml:1:8: vnc: want a string, not 1\n  1 |  vnc = 1 # \u65e5本\n    |        ^"},
		{"env = {A = 'x', '' = 'y'}",
			".berth.toml:1:1: env: \"\" is not a name that can be used here\n  1 | env = {A = 'x', '' = 'y'}\n    | ^^^"},
		{"[env]\nA = 1\n",
			".berth.toml:2:5: env: A: want a string, not 1\n  2 | A = 1\n    |     ^"},
		{"volumes = ['a:/b', 3]",
			".berth.toml:1:11: volumes: want a string or a list of strings, each host:container[:mode], not a list\n  1 | volumes = ['a:/b', 3]\n    |           ^^^^^^^^^^^"},
		{"give_up = [1]", ".berth.toml:1:1: a project file may not set give_up\n  1 | give_up = [1]\n    | ^^^^^^^"},
		{"egress = ['https://api.example/v1']", ".berth.toml:1:10: egress: item 1: \"https://api.example/v1\": a URL; egress takes host and port\n  1 | egress = ['https://api.example/v1']\n    |          ^^^^^^^^^^^^^^^^^^^^^^^^^^"},
		{"links.extra = [80, 'x']", ".berth.toml:1:15: links.extra: item 2: want a port from 1 to 65535, not \"x\"\n  1 | links.extra = [80, 'x']\n    |               ^^^^^^^^^"},
		{"secret_masks = 'x'", ".berth.toml:1:16: secret_masks: want a list of strings, not \"x\"\n  1 | secret_masks = 'x'\n    |                ^^^"},
		{"pids = 0", ".berth.toml:1:8: pids: want a number from 1 to 2147483647, not 0\n  1 | pids = 0\n    |        ^"},
		{"cpus = -1.5", ".berth.toml:1:8: cpus: want a number above 0, not -1.5\n  1 | cpus = -1.5\n    |        ^^^^"},
		{"vnc = 1979-05-27", ".berth.toml:1:7: vnc: want a string, not a date\n  1 | vnc = 1979-05-27\n    |       ^^^^^^^^^^"},
		{"[[mounts]]\nsource = '/a'\n", ".berth.toml:1:3: mounts: target is missing\n  1 | [[mounts]]\n    |   ^^^^^^"},
		{"[[mounts]]\nsource = '/a'\ntarget = '/b'\nmod = ['ro']\n", ".berth.toml:4:1: unknown key \"mod\"\n  4 | mod = ['ro']\n    | ^^^"},
		{"[[sidecars]]\nnetwork='n'\nhost='h'\nport=0\n", ".berth.toml:4:6: sidecars: want a port from 1 to 65535, not 0\n  4 | port=0\n    |      ^"},
		{"vnc = 'on'\nvnc = 'off'\n", ".berth.toml:2:1: key 'vnc' has already been defined\n  2 | vnc = 'off'\n    | ^^^"},
		{"give_up=['x']",
			".berth.toml:1:1: a project file may not set give_up\n  1 | give_up=['x']\n    | ^^^^^^^"},
		{"[images.dev]\nimag = 'a'\n",
			".berth.toml:2:1: unknown key \"imag\"\n  2 | imag = 'a'\n    | ^^^^"},
	}
	for _, r := range rows {
		_, err := loadProject(t, r.text, Input{})
		if err == nil || err.Error() != r.want {
			t.Errorf("%q:\n%v\nwant\n%s", r.text, err, r.want)
		}
	}
}
