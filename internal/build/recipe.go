package build

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	files "berth/examples/images/workbench"
)

const (
	repository = "localhost/berth/"
	keyLabel   = "dev.berth.key" // of the recipe an image was made from, 64 hex digits
	kindLabel  = "dev.berth.kind"
	partKind   = "workbench-part"
	stageKind  = "workbench-stage" // what the recipe's own stages say they are; nothing needs them afterwards
)

// Recipe names an image that berth knows how to build.
type Recipe string

// The recipes. Slim has no desktop.
const (
	Workbench Recipe = "workbench"
	Slim      Recipe = "workbench-slim"
)

// Recipes lists all of them, for help and completion.
var Recipes = []Recipe{Workbench, Slim}

// Find gives the recipe of a name as a user types it for --image or build.
func Find(name string) (Recipe, bool) {
	r := Recipe(name)
	return r, slices.Contains(Recipes, r)
}

// Key is the hash of all files the image is made from: equal recipes give equal keys on every machine.
func (r Recipe) Key() string {
	keys := r.target()
	for _, p := range r.parts() {
		keys += " " + p.key()
	}
	return digest("final", keys)
}

// Ref is the image's name: localhost/berth/workbench:<key>, and -slim behind it for the one without a desktop.
func (r Recipe) Ref() string {
	ref := repository + "workbench:" + r.Key()[:12]
	if r == Slim {
		ref += "-slim"
	}
	return ref
}

// Steps are what the recipe's events call their steps, in the order they begin.
func (r Recipe) Steps() []string {
	steps := []string{stepName("base")}
	for _, p := range r.parts() {
		steps = append(steps, stepName(p.name))
	}
	return append(steps, stepName("final"))
}

// target is the stage of a Dockerfile that this recipe stops at.
func (r Recipe) target() string {
	if r == Slim {
		return "slim"
	}
	return "desktop"
}

// part is a stage whose result is an image of its own, kept between builds.
type part struct {
	name   string // its folder
	arg    string // the ARG of the last stage that takes its name
	target string // where it stops; "" is the last stage
	moves  bool   // its packages are not pinned: Debian's, which only security updates change
}

// parts lists the parts of a recipe, the slowest first. Only the last of them knows whether there is a desktop.
func (r Recipe) parts() []part {
	return []part{
		{name: "vscode", arg: "VSCODE"},
		{name: "server", arg: "SERVER"},
		{name: "system", arg: "SYSTEM", target: r.target(), moves: true},
	}
}

func (p part) key() string { return digest(p.name, p.target) }
func (p part) ref() string { return repository + "workbench-" + p.name + ":" + p.key()[:12] }

// digest hashes a folder of the recipe with what is laid into every context, and what else decides about its result.
func digest(folder, beside string) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "berth-recipe-v1\n%s\n", beside)
	for _, name := range append(contents(folder), contents("host")...) {
		text := read(name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// contents lists the files of a folder, sorted.
func contents(folder string) []string {
	var names []string
	err := fs.WalkDir(files.Files, folder, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		panic(err) // an embedded folder cannot be unreadable
	}
	return names
}

func read(name string) []byte {
	text, err := files.Files.ReadFile(name)
	if err != nil {
		panic(err) // an embedded file cannot be unreadable
	}
	return text
}

// pack writes the context of a stage: its folder at the top, the machine's answers below host.
func pack(folder string, machine map[string][]byte) (io.ReadSeeker, error) {
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, name := range contents(folder) {
		if err := add(archive, strings.TrimPrefix(name, folder+"/"), read(name)); err != nil {
			return nil, err
		}
	}
	for _, name := range contents("host") {
		if err := add(archive, name, read(name)); err != nil {
			return nil, err
		}
	}
	for _, name := range sorted(machine) {
		if err := add(archive, "host/"+name, machine[name]); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return bytes.NewReader(out.Bytes()), nil
}

// add writes a file without time or owner, so that equal contexts are equal bytes to the builder's cache.
func add(archive *tar.Writer, name string, text []byte) error {
	mode := int64(0o644)
	if bytes.HasPrefix(text, []byte("#!")) {
		mode = 0o755
	}
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := archive.Write(text)
	return err
}
