package image

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

type vector struct {
	ID, Kind, Why string
	In, Want      json.RawMessage
}

var kinds = map[string]func(*testing.T, vector){
	"key": runKey, "canonical": runCanonical, "tree": runTree, "base": runBase, "error": runError, "import": runImport,
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
		var v struct{ Cases []vector }
		if json.Unmarshal(text, &v) != nil {
			continue // another room's schema
		}
		for _, c := range v.Cases {
			if run, ours := kinds[c.Kind]; ours {
				ran++
				t.Run(filepath.Base(file)+"/"+c.ID, func(t *testing.T) { run(t, c) })
			}
		}
	}
	if ran == 0 {
		t.Errorf("no cases in %s", dir)
	}
}

type vectorFile struct {
	Text, Hex, Mode, Link *string
	Dir                   bool
	Special               any
}

type definition struct {
	Platform string
	Base     Base
	Steps    []json.RawMessage
	Files    map[string]vectorFile
	Network  string
	Fresh    *int64
	Root     string // of a tree
	Keep     bool
}

// halfPair finds the escape of half a surrogate pair: JSON's way to write what is not UTF-8.
var halfPair = regexp.MustCompile(`(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}`)

const notUTF8 = "\ue0ff not UTF-8 \ue0ff" // stands for such half while Go's decoder is at work

func parse(t *testing.T, text json.RawMessage, into any) {
	t.Helper()
	marked := halfPair.ReplaceAllStringFunc(string(text), func(found string) string {
		if len(found) > 6 {
			return found
		}
		return notUTF8
	})
	if err := json.Unmarshal([]byte(marked), into); err != nil {
		t.Fatal(err)
	}
}

// unmark puts bytes that are not UTF-8 where notUTF8 stands.
func unmark(value any) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, notUTF8, "\xed\xa0\x80")
	case []any:
		for i := range v {
			v[i] = unmark(v[i])
		}
	case map[string]any:
		for key := range v {
			value := unmark(v[key])
			delete(v, key)
			v[unmark(key).(string)] = value
		}
	}
	return value
}

func (d definition) parsed(t *testing.T) Definition {
	t.Helper()
	out := Definition{Platform: d.Platform, Base: d.Base, Network: d.Network, Fresh: d.Fresh, Files: fileSystem(t, d.Files)}
	for _, step := range d.Steps {
		value, err := decode(step)
		if err != nil {
			t.Fatal(err)
		}
		out.Steps = append(out.Steps, unmark(value).(map[string]any))
	}
	return out
}

func fileSystem(t *testing.T, files map[string]vectorFile) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	for name, f := range files {
		mode := fs.FileMode(0o644)
		if f.Mode != nil {
			bits, err := strconv.ParseUint(*f.Mode, 8, 32)
			if err != nil {
				t.Fatal(err)
			}
			mode = fs.FileMode(bits)
		}
		file := &fstest.MapFile{Mode: mode}
		switch {
		case f.Link != nil:
			file.Mode, file.Data = fs.ModeSymlink|0o777, []byte(*f.Link)
		case f.Dir:
			file.Mode = fs.ModeDir | 0o755
		case f.Special != nil && f.Special != false:
			file.Mode |= fs.ModeNamedPipe
		case f.Hex != nil:
			data, err := hex.DecodeString(*f.Hex)
			if err != nil {
				t.Fatal(err)
			}
			file.Data = data
		case f.Text != nil:
			file.Data = []byte(*f.Text)
		}
		out[strings.TrimSuffix(unmark(name).(string), "/")] = file
	}
	return out
}

type manifestWant struct {
	Canonical, Key, Tag string
	Prefix              []string
}

func checkManifest(t *testing.T, c vector, m Manifest, err error) {
	t.Helper()
	var want manifestWant
	parse(t, c.Want, &want)
	if err != nil {
		t.Fatalf("%s: %v", c.Why, err)
	}
	if m.Text != want.Canonical {
		t.Errorf("%s:\n%s\nwant\n%s", c.Why, m.Text, want.Canonical)
	}
	if m.Key() != want.Key || m.Tag() != want.Tag || !slices.Equal(m.Prefix(), want.Prefix) {
		t.Errorf("%s: %s %s %q\nwant %+v", c.Why, m.Key(), m.Tag(), m.Prefix(), want)
	}
}

func runKey(t *testing.T, c vector) {
	var d definition
	parse(t, c.In, &d)
	m, err := Canonical(d.parsed(t))
	checkManifest(t, c, m, err)
}

func runCanonical(t *testing.T, c vector) {
	m, err := ReadManifest(c.In)
	checkManifest(t, c, m, err)
}

func runTree(t *testing.T, c vector) {
	var d definition
	var want struct {
		Tree    string
		Entries int
	}
	parse(t, c.In, &d)
	parse(t, c.Want, &want)
	tree, err := ReadTree(fileSystem(t, d.Files), d.Root, TreeOptions{KeepLinks: d.Keep})
	if err != nil || tree.Hash != want.Tree || len(tree.Entries) != want.Entries {
		t.Errorf("%s: %s, %v, %v; want %+v", c.Why, tree.Hash, tree.Entries, err, want)
	}
}

func runBase(t *testing.T, c vector) {
	var in struct {
		Layers []string
		Config Config
	}
	var want struct{ Canonical, ID string }
	parse(t, c.In, &in)
	parse(t, c.Want, &want)
	canonical, id, err := BaseID(in.Layers, in.Config)
	if err != nil || canonical != want.Canonical || id != want.ID {
		t.Errorf("%s: %s %s %v\nwant %+v", c.Why, canonical, id, err, want)
	}
}

func runError(t *testing.T, c vector) {
	var want struct{ Error ErrorKind }
	parse(t, c.Want, &want)
	var d definition
	parse(t, c.In, &d)
	_, err := Canonical(d.parsed(t))
	var e *Error
	if !errors.As(err, &e) || e.Kind != want.Error {
		t.Errorf("%s: %v, want %s", c.ID, err, want.Error)
	}
}

func runImport(t *testing.T, c vector) {
	var want struct{ TS, Py, Go string }
	parse(t, c.Want, &want)
	keys, err := OpenComputer(c.In)
	if err != nil || keys != (OpenComputerKeys{want.TS, want.Py, want.Go}) {
		t.Errorf("%s: %+v, %v\nwant %+v", c.ID, keys, err, want)
	}
}
