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
