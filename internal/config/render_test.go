package config

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/golden"
)

func TestWhatIsMadeFromTheTable(t *testing.T) {
	golden.Check(t, "../../config.example.toml", []byte(Example()))
	golden.Check(t, "../../docs/configuration.md", []byte(Document()))
	golden.Check(t, "testdata/schema.json.golden", Schema())
	golden.Check(t, "testdata/berth-config.5.golden", []byte(Man("1.0")))
}

// userFile loads a user's file of this text alone.
func userFile(t *testing.T, text string) (*Settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	write(t, path, text)
	return Load(Input{UserFile: path, Home: "/home/me", WorkDir: "/srv/shop"})
}

func TestEveryLineOfTheExampleLoads(t *testing.T) {
	var keys []string
	table, whole := "", ""
	for _, line := range strings.Split(Example(), "\n") {
		text, commented := strings.CutPrefix(line, "#")
		if !commented || strings.HasPrefix(text, " ") {
			continue
		}
		if strings.HasPrefix(text, "[") {
			table = text + "\n"
			whole += table
			continue
		}
		s, err := userFile(t, table+text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		key, _, _ := strings.Cut(text, " = ")
		if table != "" {
			key = "images.dev." + key
		}
		if s.Source(key).Kind != FromUser {
			t.Errorf("%s has the source %s", key, s.Source(key))
		}
		keys = append(keys, key)
		if key != "context" { // of host and context one is enough
			whole += text + "\n"
		}
	}
	if _, err := userFile(t, whole); err != nil {
		t.Errorf("all together: %v", err)
	}
	for _, key := range Keys {
		if key.Name != "images" && !slices.Contains(keys, key.Name) {
			t.Errorf("%s is not in the example", key.Name)
		}
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	for _, key := range Keys {
		if key.Help == "" || key.Help != strings.TrimSuffix(key.Help, ".") || key.defaultText() == "" || key.typeText() == "" {
			t.Errorf("%s: help %q, default %q, type %q", key.Name, key.Help, key.defaultText(), key.typeText())
		}
		if key.Widens == When && widened[key.Name] == nil {
			t.Errorf("%s can widen, and nothing tells when", key.Name)
		}
		if key.Widens != When && widened[key.Name] != nil {
			t.Errorf("%s does not widen, and something tells when", key.Name)
		}
		for _, other := range key.Others {
			known := slices.ContainsFunc(EnvTable, func(v Variable) bool { return v.Name == other && v.Key == key.Name })
			if !known && other != envPrefix+"*" {
				t.Errorf("%s: %s is not in EnvTable for it", key.Name, other)
			}
		}
	}
	for _, v := range EnvTable {
		if v.Key != "" && !slices.Contains(keyNamed(v.Key).Others, v.Name) && !strings.HasPrefix(v.Name, "WORKSPACE_") {
			t.Errorf("%s is missing in the row of %s", v.Name, v.Key)
		}
		if (v.take == nil) != (v.Effect == Ignored) || v.Why == "" {
			t.Errorf("%s: effect %s", v.Name, v.Effect)
		}
	}
}

func TestTheSchemaKnowsEveryKey(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(keyNames(), "images") {
		at := s
		for _, part := range strings.Split(name, ".") {
			at, _ = at["properties"].(map[string]any)[part].(map[string]any)
			if at == nil {
				t.Errorf("%s is not in the schema", name)
				break
			}
		}
	}
}
