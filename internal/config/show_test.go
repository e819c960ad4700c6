package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/secret"
)

// What `berth config show` prints can be put into a file, and is shown the same again.
func TestWhatIsShownCanBeWrittenIntoAFile(t *testing.T) {
	for _, key := range Keys {
		if slices.Contains([]string{"images", "env"}, key.Name) { // names alone are shown; values are hidden
			continue
		}
		first, err := userFile(t, key.Name+" = "+key.exampleText())
		if err != nil {
			t.Fatal(err)
		}
		shown := oneLine(key.field(first))
		again, err := userFile(t, key.Name+" = "+shown)
		if err != nil || shown == "" || oneLine(key.field(again)) != shown {
			t.Errorf("%s is shown as %s; written to a file: %v", key.Name, shown, err)
		}
	}
}

func TestLinesGoThroughEveryKeyInOrder(t *testing.T) {
	s, err := userFile(t, "[env]\nTOKEN_X = 'hunter2'\n[images.dev]\nimage = 'a'\n[images.abc]\nimage = 'b'\n")
	if err != nil {
		t.Fatal(err)
	}
	lines := s.Lines()
	if len(lines) != len(Keys) {
		t.Fatalf("%d lines for %d keys", len(lines), len(Keys))
	}
	byKey := map[string]Line{}
	for i, line := range lines {
		if line.Key != Keys[i].Name {
			t.Errorf("line %d is %s, want %s", i, line.Key, Keys[i].Name)
		}
		byKey[line.Key] = line
	}
	rows := map[string]string{
		"env":           `{TOKEN_X = "****"}`,
		"images":        "abc, dev",
		"profile":       `"standard"`,
		"shm_size":      `"256MiB"`,
		"ready_timeout": `"2m0s"`,
		"memory":        "",
		"volumes":       "",
	}
	for key, want := range rows {
		if byKey[key].Value != want {
			t.Errorf("%s is shown as %s, want %s", key, byKey[key].Value, want)
		}
	}
	if text := fmt.Sprintf("%+v %#v", *s, lines); strings.Contains(text, "hunter2") {
		t.Error("a value of env is printed")
	}
	if byKey["env"].Source.Line != 1 || byKey["profile"].Source.Kind != FromDefault || s.Source("env.TOKEN_X").Line != 2 {
		t.Errorf("%v, %v, %v", byKey["env"].Source, byKey["profile"].Source, s.Source("env.TOKEN_X"))
	}
}

func TestSourcesAreWrittenAsAPersonFindsThem(t *testing.T) {
	rows := map[string]Source{
		"default":                     {Kind: FromDefault},
		"~/.config/berth/config.toml": {Kind: FromUser, File: "~/.config/berth/config.toml"},
		".berth.toml:3:1":             {Kind: FromProject, File: ".berth.toml", Line: 3, Col: 1},
		"env SANDBOX_VOLUMES":         {Kind: FromEnv, Name: "SANDBOX_VOLUMES"},
		"flag --image":                {Kind: FromFlag, Name: "--image"},
	}
	for want, source := range rows {
		if source.String() != want {
			t.Errorf("%+v is written %s, want %s", source, source, want)
		}
	}
}

func TestFilesAreNamedAsAPersonFindsThem(t *testing.T) {
	l := &loader{in: Input{Home: "/home/me", WorkDir: "/home/me/shop"}}
	rows := map[string]string{
		"/home/me/shop/.berth.toml": ".berth.toml", "/home/me/.config/berth/config.toml": "~/.config/berth/config.toml",
		"/etc/berth.toml": "/etc/berth.toml", "/home/melissa/x": "/home/melissa/x", "/home/me/shop/sub/x": "~/shop/sub/x",
	}
	for path, want := range rows {
		if got := l.shown(path); got != want {
			t.Errorf("%s is shown as %s, want %s", path, got, want)
		}
	}
}

func TestLongAndWideLinesInASnippet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	write(t, path, "env_file = ["+strings.Repeat("'aaaaaaaa', ", 20)+"]; x\n")
	_, err := Load(Input{UserFile: path, WorkDir: dir})
	if err == nil {
		t.Fatal("taken")
	}
	for _, line := range strings.Split(err.Error(), "\n")[1:] {
		if len([]rune(line)) > snippetWidth+8 {
			t.Errorf("%d characters: %s", len([]rune(line)), line)
		}
	}
	lines := strings.Split(err.Error(), "\n")
	if shown := lines[1][strings.Index(lines[2], "^"):]; !strings.HasPrefix(shown, ";") {
		t.Errorf("the mark stands under %q:\n%v", shown, err)
	}
}

func TestTheValueOfAVariableIsNeverAPartOfTheSettingsText(t *testing.T) {
	s, err := env("SANDBOX_ENV_KEY=hunter2-long", `SANDBOX_RUNTIME_STARTUP_ENV_VARS={"B": "hunter3-long"}`)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", *s, *s, *s, s.Lines()); strings.Contains(text, "hunter") {
		t.Error("a secret is printed")
	}
	if s.Env["KEY"] != secret.New("hunter2-long") || s.Env["B"] != secret.New("hunter3-long") {
		t.Error("a secret is lost")
	}
}
