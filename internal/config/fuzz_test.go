package config

import (
	"strings"
	"testing"
	"unicode"

	"berth/internal/fault"
)

// Whatever stands in a file: no panic, an error names the file, and nothing in it can move the terminal.
func FuzzFile(f *testing.F) {
	f.Add(Example())
	for _, line := range strings.Split(Example(), "\n#") {
		f.Add(line)
	}
	for _, seed := range []string{"[[mounts]]\nsource='a'", "a.b.c = {d = [1, {e = 2}]}", "[images]\nx = 3", "x = '''\n\x1b'''", "[a]\n[a]", "\"\\u202e\" = 1", "volumes = [[], {}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{in: Input{ProjectFile: "/p/.berth.toml", WorkDir: "/p"}, s: &Settings{sources: map[string]Source{}}}
		doc, err := parseDocument(".berth.toml", text)
		if err == nil {
			err = l.applyProject(doc, [32]byte{})
		}
		if err == nil {
			return
		}
		if !strings.HasPrefix(err.Error(), ".berth.toml:") {
			t.Fatalf("no place: %v", err)
		}
		for _, r := range err.Error() + fault.HintOf(err) {
			if r != '\n' && unicode.Is(unicode.Cc, r) || r == '\u202e' {
				t.Fatalf("%q shows %U", text, r)
			}
		}
	})
}
