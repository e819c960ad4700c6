package network

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
)

// vectors is one file of cases, as testdata/networks.json.
type vectors struct {
	Networks map[string]vectorNetwork
	Cases    []vector
}

type vectorNetwork struct {
	ID, Name, Driver, Scope string
	Labels                  map[string]string
	Internal, Attachable    bool
	ConfigOnly              bool `json:"config_only"`
}

type vector struct {
	ID, Kind, Feature string
	Expect            expectation

	Value    string // list
	Name     string // resolve
	Networks []string
	Scope    struct {
		Project, Source string
		Explicit        bool
	}
	AllowLANNetworks  []string `json:"allow_lan_networks"`
	Folder            string   // project
	Cwd, Flag, Config string   // scope
	Files, Environ    map[string]string
	Containers        []struct {
		Project    string
		WorkingDir string `json:"working_dir"`
	}
}

type expectation struct {
	Names    []string
	Warnings []struct {
		Kind  WarningKind
		Names []string
	}
	Network, How    string
	V2, V1          string
	Project, Source string
	Explicit        bool
	Error           *struct {
		Kind    ErrorKind
		Element int
		Token   string
		Names   []string
	}
}

var kinds = map[string]func(*testing.T, vector, map[string]vectorNetwork){
	"list": runList, "resolve": runResolve, "project": runProject, "scope": runScope,
}

// TestCases runs every file of vectors in the folder BERTH_CASES names, else those in testdata.
func TestCases(t *testing.T) {
	dir := os.Getenv("BERTH_CASES")
	if dir == "" {
		dir = "testdata"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !isOurs(text) {
			continue
		}
		var v vectors
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range v.Cases {
			if run, ours := kinds[c.Kind]; ours {
				ran++
				t.Run(filepath.Base(file)+"/"+c.ID, func(t *testing.T) { run(t, c, v.Networks) })
			}
		}
	}
	if ran == 0 {
		t.Errorf("no cases in %s", dir)
	}
}

// isOurs tells a file of this schema from those of other rooms by the kinds of its cases.
func isOurs(text []byte) bool {
	var v struct{ Cases []struct{ Kind string } }
	return json.Unmarshal(text, &v) == nil && len(v.Cases) > 0 && kinds[v.Cases[0].Kind] != nil
}

// failed checks an error against what is expected, and tells whether one is.
func failed(t *testing.T, c vector, err error) bool {
	t.Helper()
	want := c.Expect.Error
	if want == nil {
		if err != nil {
			t.Errorf("%s: unexpected error: %v", c.Feature, err)
		}
		return err != nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s: error %v, want kind %s", c.Feature, err, want.Kind)
		return true
	}
	shown := e.Error() + "\n" + fault.HintOf(err)
	if e.Kind != want.Kind || e.Element != want.Element || !strings.Contains(e.Error(), want.Token) {
		t.Errorf("%s: kind %s, element %d: %s\nwant %s, %d, %q", c.Feature, e.Kind, e.Element, shown, want.Kind, want.Element, want.Token)
	}
	for _, name := range want.Names {
		if !strings.Contains(shown, name) {
			t.Errorf("%s: %q is not in\n%s", c.Feature, name, shown)
		}
	}
	return true
}

func runList(t *testing.T, c vector, _ map[string]vectorNetwork) {
	names, warnings, err := ParseList(c.Value)
	if failed(t, c, err) {
		return
	}
	if !slices.Equal(names, c.Expect.Names) || len(warnings) != len(c.Expect.Warnings) {
		t.Errorf("%s: %q, %v\nwant %q, %v", c.Feature, names, warnings, c.Expect.Names, c.Expect.Warnings)
	}
	for _, want := range c.Expect.Warnings {
		found := slices.ContainsFunc(warnings, func(w Warning) bool {
			return w.Kind == want.Kind && !slices.ContainsFunc(want.Names, func(n string) bool { return !strings.Contains(w.Text, n) })
		})
		if !found {
			t.Errorf("%s: no warning %v in %v", c.Feature, want, warnings)
		}
	}
}

func runResolve(t *testing.T, c vector, table map[string]vectorNetwork) {
	var networks []Network
	for _, key := range c.Networks {
		n, ok := table[key]
		if !ok {
			t.Fatalf("no network %q in the file", key)
		}
		networks = append(networks, Network{ID: n.ID, Name: n.Name, Driver: n.Driver, Scope: n.Scope, Internal: n.Internal,
			Attachable: n.Attachable, ConfigOnly: n.ConfigOnly, Labels: n.Labels})
	}
	scope := Scope{Project: c.Scope.Project, Explicit: c.Scope.Explicit, Where: c.Scope.Source}
	choice, err := Resolve(c.Name, networks, scope, c.AllowLANNetworks)
	if failed(t, c, err) {
		return
	}
	if choice.Network.ID != c.Expect.Network || string(choice.How) != c.Expect.How {
		t.Errorf("%s: %s by %s, want %s by %s", c.Feature, choice.Network.ID, choice.How, c.Expect.Network, c.Expect.How)
	}
}

func runProject(t *testing.T, c vector, _ map[string]vectorNetwork) {
	if v2, v1 := ProjectFromDir(c.Folder); v2 != c.Expect.V2 || v1 != c.Expect.V1 {
		t.Errorf("%s: v2 %q, v1 %q; want %q, %q", c.Folder, v2, v1, c.Expect.V2, c.Expect.V1)
	}
}

func runScope(t *testing.T, c vector, _ map[string]vectorNetwork) {
	place := Place{Cwd: c.Cwd, Flag: c.Flag, Config: c.Config, Environ: c.Environ, Files: c.Files}
	for _, container := range c.Containers {
		place.Containers = append(place.Containers, Container{container.Project, container.WorkingDir})
	}
	scope, err := FindScope(place)
	if failed(t, c, err) {
		return
	}
	if scope.Project != c.Expect.Project || scope.Explicit != c.Expect.Explicit || string(scope.Origin) != c.Expect.Source {
		t.Errorf("%s: %+v, want %s explicit %v from %q", c.Feature, scope, c.Expect.Project, c.Expect.Explicit, c.Expect.Source)
	}
}
