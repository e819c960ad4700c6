package image

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"berth/internal/fault"
)

var debian = Base{Ref: "debian:13", ID: "sha256:" + strings.Repeat("3", 64)}

func build(files fs.FS, steps ...map[string]any) (Manifest, error) {
	return Canonical(Definition{Platform: "amd64", Base: debian, Steps: steps, Files: files})
}

func list(items ...string) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

func TestAMistakeInAStepSaysWhichAndWhat(t *testing.T) {
	files := fstest.MapFS{
		"a": file("x"), "d/a": file("x"), "link": {Data: []byte("a"), Mode: fs.ModeSymlink}, "ld": {Data: []byte("d"), Mode: fs.ModeSymlink},
		"pipe": {Mode: fs.ModeNamedPipe}, "s/pipe": {Mode: fs.ModeSocket}, "k/id_rsa": file("x"), "bin/prepare-x": file("#!/bin/sh\r\nx"),
		"bin/x": file("#!/bin/sh\n"), "abs/l": {Data: []byte("/etc"), Mode: fs.ModeSymlink}, "fold/É": file(""), "fold/é": file(""),
	}
	type step = map[string]any
	rows := []struct {
		step step
		kind ErrorKind
		text string
		hint string
	}{
		{step{"apt": list()}, EmptyStep, "apt: there is nothing in it", "take the step out"},
		{step{"env": step{}}, EmptyStep, "env: there is nothing in it", "take the step out"},
		{step{"run": list(" ", "")}, EmptyStep, "run: there is nothing in it", "take the step out"},
		{step{}, StepKind, "a step has exactly one kind, this one has 0", "write one of apt, pip, npm, run, env, workdir, file, copy, git, hook"},
		{step{"apt": list("a"), "pip": list("b")}, StepKind, "a step has exactly one kind, this one has 2", "write one of apt, pip, npm, run, env, workdir, file, copy, git, hook"},
		{step{"apt": "jq"}, StepKind, "apt: want a list of strings", ""},
		{step{"run": list("x"), "usr": "root"}, UnknownKey, `run: unknown key "usr"`, `did you mean "user"?`},
		{step{"apt": list("a b")}, PackageName, `apt: "a b" is not the name of a package`, ""},
		{step{"pip": list("--index-url=http://evil")}, PackageName, `pip: "--index-url=http://evil" is not the name of a package`, ""},
		{step{"npm": list("")}, PackageName, `npm: "" is not the name of a package`, ""},
		{step{"pip": list("uv"), "venv": "/v", "system": true}, StepKind, "pip: venv and system exclude each other", "leave one out"},
		{step{"pip": list("uv"), "venv": "v"}, BadPath, `pip: venv: "v" is not an absolute path`, "write it from / on, without .."},
		{step{"workdir": "/a/../b"}, BadPath, `workdir: "/a/../b" is not an absolute path`, "write it from / on, without .."},
		{step{"file": "/"}, BadPath, "file: / is a folder", ""},
		{step{"file": "/x", "mode": "rwx"}, BadMode, "file: rwx is not a mode", `write "0644" or "0755"`},
		{step{"file": "/x", "mode": "4755"}, BadMode, "file: 4755 is not a mode", `write "0644" or "0755"`},
		{step{"run": list("a\x00")}, HasNUL, `"a\x00": holds a NUL`, ""},
		{step{"run": list("a\xff")}, BadUTF8, `"a\xff": is not UTF-8`, ""},
		{step{"env": step{"A": "a\u2029"}}, LineSeparator, `"a\u2029": holds a line separator (U+2028 or U+2029)`, ""},
		{step{"env": step{"1A": "x"}}, EnvName, `env: "1A" is not the name of a variable`, ""},
		{step{"run": list("x"), "secrets": list("A-B")}, EnvName, `run: secrets: "A-B" is not the name of a variable`, ""},
		{step{"env": step{"MY_apiKey": "x"}}, Secret, "env: MY_apiKey looks like a secret, and everybody who has the image can read it", "give it when the sandbox starts: env or env_from_host"},
		{step{"run": list("curl -H 'X: ghp_" + strings.Repeat("a", 20) + "'")}, Secret, "run: holds a secret (ghp_…), and everybody who has the image can read it", "take it out, and change it: it may have been seen"},
		{step{"file": "/x", "content": "-----BEGIN RSA"}, Secret, "file: content: holds a secret (----…), and everybody who has the image can read it", "take it out, and change it: it may have been seen"},
		{step{"git": "https://me:pw@example.org/a", "commit": strings.Repeat("a", 40), "to": "/a"}, Secret, "git: the address of example.org names a user or password, and it stays in the image", "take it out, and let git ask its credential helper"},
		{step{"git": "https://example.org/a", "commit": "abc", "to": "/a"}, GitCommit, "git: https://example.org/a: has no commit of 40 or 64 hex digits", "berth image pin turns a ref into a commit"},
		{step{"copy": "none", "to": "/a"}, SourceMissing, "copy: none: no such file", ""},
		{step{"copy": "/etc", "to": "/a"}, SourceOutside, "copy: /etc is outside the definition's folder", "copy it into the folder first"},
		{step{"copy": "d/../../x", "to": "/a"}, SourceOutside, "copy: d/../../x is outside the definition's folder", "copy it into the folder first"},
		{step{"copy": "link", "to": "/a"}, SymlinkEscape, "copy: link is a link, which is not followed", "name what the link points to"},
		{step{"copy": "ld/a", "to": "/a"}, SymlinkEscape, "copy: ld is a link, which is not followed", "name what the link points to"},
		{step{"copy": "abs", "to": "/a"}, SymlinkEscape, "abs/l: is a link out of the folder, to /etc", `set symlinks = "keep", if the image has that path`},
		{step{"copy": "pipe", "to": "/a"}, SpecialFile, "copy: pipe is not a regular file", ""},
		{step{"copy": "s", "to": "/a"}, SpecialFile, "s/pipe: is a socket, pipe or device", "leave it out with ignore"},
		{step{"copy": "k/id_rsa", "to": "/a"}, Secret, "copy: k/id_rsa looks like a secret, and everybody who has the image can read it", "list it in allow_secret_files, if it may be in the image"},
		{step{"copy": "fold", "to": "/a"}, CaseFold, "fold: É and é are one name on machines that do not tell capital letters", "rename one of them"},
		{step{"copy": "d"}, BadPath, `copy: to: "" is not an absolute path`, "write it from / on, without .."},
		{step{"hook": "bin/prepare-x"}, CRLF, "hook: bin/prepare-x: the first line ends in CR LF, so no shell is found", "write it with LF line ends"},
		{step{"hook": "bin/x"}, HookRole, "hook: bin/x: the name does not tell when it runs", `call it prepare-… or …-verify, or write role = "prepare"`},
		{step{"hook": "bin/x", "role": "boot"}, HookRole, `hook: role is prepare or verify, not "boot"`, ""},
	}
	for _, r := range rows {
		_, err := build(files, step{"apt": list("jq")}, r.step)
		var e *Error
		if !errors.As(err, &e) || e.Kind != r.kind || err.Error() != "step 2: "+r.text || fault.HintOf(err) != r.hint || fault.KindOf(err) != fault.Usage {
			t.Errorf("%v:\n%v (%s)\nwant step 2: %s (%s)", r.step, err, fault.HintOf(err), r.text, r.hint)
		}
	}
}

func TestStepsInCanonicalForm(t *testing.T) {
	files := fstest.MapFS{"bin/x": file("#!/bin/sh\n"), "t/a": file("1"), "in": file("1"), "c.pem": file("1")}
	sum := sha("1")
	type step = map[string]any
	rows := []struct {
		step step
		want string
	}{
		{step{"hook": "bin/x", "role": "verify"}, `{"name":"x","role":"verify","sha256":"` + sha("#!/bin/sh\n") + `","type":"hook"}`},
		{step{"file": "/x", "mode": int64(0o750)}, `{"mode":"0755","path":"/x","sha256":"` + sha("") + `","type":"file"}`},
		{step{"copy": "in", "to": "/x"}, `{"mode":"0644","path":"/x","sha256":"` + sum + `","type":"file"}`},
		{step{"run": list("make"), "inputs": list("in", "./in"), "secrets": list("B", "A", "B")},
			`{"commands":["make"],"inputs":{"in":"sha256:` + sum + `"},"secrets":["A","B"],"type":"run"}`},
		{step{"git": "ssh://git@example.org/a", "commit": strings.Repeat("A", 64), "to": "/a/", "submodules": true},
			`{"commit":"` + strings.Repeat("a", 64) + `","dest":"/a","submodules":true,"type":"git","url":"ssh://git@example.org/a"}`},
		{step{"git": "git@example.org:a/b", "commit": strings.Repeat("0", 40), "to": "/a", "submodules": false},
			`{"commit":"` + strings.Repeat("0", 40) + `","dest":"/a","type":"git","url":"git@example.org:a/b"}`},
		{step{"pip": list(`x>=1; python_version>"3"`, "a[b]"), "venv": "/v"}, `{"packages":["a[b]","x>=1; python_version>\"3\""],"type":"pip","venv":"/v"}`},
	}
	for _, r := range rows {
		m, err := build(files, r.step)
		if err != nil || m.Steps[0] != r.want {
			t.Errorf("%v: %v\n%s\nwant\n%s", r.step, err, m.Steps, r.want)
		}
	}
	allowed, err := Canonical(Definition{Platform: "amd64", Base: debian, Files: files, AllowSecretFiles: []string{"c.pem"},
		Steps: []map[string]any{{"copy": "c.pem", "to": "/c/"}}})
	if err != nil || !strings.Contains(allowed.Text, "/c/c.pem") {
		t.Errorf("allowed: %v %s", err, allowed.Text)
	}
}

func TestWhatLooksSecretIsLeftOutAndNamed(t *testing.T) {
	files := fstest.MapFS{"t/a": file("1"), "t/.env": file("s"), "t/k/x.pem": file("s"), "t/.git/config": file("s")}
	m, err := build(files, map[string]any{"copy": "t", "to": "/t"})
	if err != nil || !slices.Equal(m.Left, []string{"t/.env", "t/.git", "t/k/x.pem"}) {
		t.Errorf("%q, %v", m.Left, err)
	}
}

func TestTheBuildNetworkCountsUnlessItIsTheUsualOne(t *testing.T) {
	key := func(network string) string {
		m, err := Canonical(Definition{Platform: "amd64", Base: debian, Network: network})
		if err != nil {
			t.Fatal(err)
		}
		return m.Key()
	}
	if key("") != key("default") || key("") == key("none") {
		t.Error("network = default must be as none at all, and none must not")
	}
}

func TestAManifestReadAgainHasItsKey(t *testing.T) {
	m, err := build(nil, map[string]any{"apt": list("jq")}, map[string]any{"env": map[string]any{"A": "é\n\x01"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadManifest([]byte(m.Text))
	if err != nil || again.Key() != m.Key() || !slices.Equal(again.Prefix(), m.Prefix()) {
		t.Errorf("%+v, %v", again, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"steps": [1.5]}`, `{"steps": [], "v": 9007199254740992}`, `{"steps": [null]}`} {
		if _, err := ReadManifest([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestPlatformsAndNames(t *testing.T) {
	platforms := map[string]string{
		"x86_64": "linux/amd64", "AMD64": "linux/amd64", "linux/amd64": "linux/amd64", "linux/amd64/v1": "linux/amd64", "aarch64": "linux/arm64",
		"linux/arm64/v8": "linux/arm64", "arm64/v8": "linux/arm64", "arm": "linux/arm/v7", "linux/arm/v6": "linux/arm/v6", "armhf": "linux/arm/v7",
		"linux/aarch64/v8": "linux/arm64", "riscv64": "linux/riscv64", "linux/amd64/v3": "linux/amd64/v3",
		"": "", "auto": "", "linux": "", "windows/amd64": "", "linux/sparc": "", "darwin/arm64": "", "linux/arm64/v9": "", "linux/amd64/": "",
	}
	for text, want := range platforms {
		got, err := Platform(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	names := map[string]string{
		"debian": "docker.io/library/debian:latest", "acme/x:1": "docker.io/acme/x:1", "localhost/berth/base:x": "localhost/berth/base:x",
		"h:5000/x": "h:5000/x:latest", "Debian": "", "": "", "a b": "", strings.Repeat("a", 64): "",
	}
	for text, want := range names {
		got, err := Reference(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := Canonical(Definition{Platform: "amd64", Base: Base{"debian", "sha256:12"}}); err == nil || err.Error() != `debian: "sha256:12" is not the id of an image` {
		t.Errorf("%v", err)
	}
}

func TestIgnorePatterns(t *testing.T) {
	rows := []struct {
		patterns string
		out, in  string
	}{
		{"*.tmp", "a.tmp", "d/a.tmp x.tmpl"},
		{"**/*.tmp", "a.tmp d/a.tmp d/e/a.tmp", "a.tm"},
		{"/d", "d d/a d/e/f", "e/d dd"},
		{"d/", "d d/a", "e"},
		{"d/*", "d/a d/e/f", "d"},
		{"d/**", "d/a d/e/f", "d"},
		{"**", "a d/e", ""},
		{"?.go", "a.go", "ab.go d/a.go"},
		{"[a-c].x", "a.x c.x", "d.x"},
		{"[^a].x", "b.x", "a.x"},
		{"d;!d/keep", "d/a d", "d/keep d/keep/x"},
		{"*;!a;b", "b c", "a"},
		{"./x//y", "x/y", "x"},
		{`\*`, "*", "a"},
		{"a.b", "a.b", "axb"},
		{";;!", "", "x"},
		{"[", "", "["},
	}
	for _, r := range rows {
		list := parseIgnore(strings.Split(r.patterns, ";"))
		for _, name := range strings.Fields(r.out) {
			if !list.out(name) {
				t.Errorf("%s keeps %s", r.patterns, name)
			}
		}
		for _, name := range strings.Fields(r.in) {
			if list.out(name) {
				t.Errorf("%s leaves %s out", r.patterns, name)
			}
		}
	}
}

func TestIgnoreFilesAreReadWhenNothingIsSaid(t *testing.T) {
	files := fstest.MapFS{"t/a.log": file("1"), "t/b": file("2"), "t/.dockerignore": file("# logs\n*.log\n"), "t/sub/.dockerignore": file("*\n")}
	names := func(o TreeOptions) string {
		tree, err := ReadTree(files, "t", o)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range tree.Entries {
			out = append(out, string(e.Kind)+e.Path)
		}
		return strings.Join(out, " ")
	}
	if got := names(TreeOptions{}); got != "f.dockerignore fb dsub fsub/.dockerignore" {
		t.Errorf("%s", got)
	}
	if got := names(TreeOptions{Ignore: []string{}}); got != "f.dockerignore fa.log fb dsub fsub/.dockerignore" {
		t.Errorf("own empty list: %s", got)
	}
	files["t/.berthignore"] = file("b\n")
	if got := names(TreeOptions{}); got != "f.berthignore f.dockerignore fa.log dsub fsub/.dockerignore" {
		t.Errorf("ours first: %s", got)
	}
	if got := names(TreeOptions{Ignore: []string{"*", "!sub/.dockerignore"}}); got != "dsub fsub/.dockerignore" {
		t.Errorf("a folder comes back with what is in it: %s", got)
	}
}

func TestTheTreeOfARealFolder(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Mkdir(at("d"), 0o700), os.WriteFile(at("d/x"), []byte("1"), 0o700), os.WriteFile(at("d/f"), []byte("2"), 0o600),
		os.Symlink("f", at("d/l")), os.Mkdir(at("d/e"), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	same := fstest.MapFS{"d/x": {Data: []byte("1"), Mode: 0o755}, "d/f": file("2"), "d/l": {Data: []byte("f"), Mode: fs.ModeSymlink}, "d/e": {Mode: fs.ModeDir}}
	want, err := ReadTree(same, "d", TreeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadTree(root.FS(), "d", TreeOptions{}); err != nil || got.Hash != want.Hash {
		t.Errorf("%+v, %v; want %s", got, err, want.Hash)
	}
	if err := syscall.Mkfifo(at("d/p"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTree(root.FS(), "d", TreeOptions{}); err == nil || err.Error() != "d/p: is a socket, pipe or device" {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(at("d/\xff"), nil, 0o600); err != nil {
		t.Skip("this file system takes no such names")
	}
	if _, err := ReadTree(root.FS(), "d", TreeOptions{Ignore: []string{"p"}}); err == nil || err.Error() != `"d/\xff": the name is not UTF-8` {
		t.Errorf("%v", err)
	}
}

func TestOpenComputersLanguagesEscapeDifferently(t *testing.T) {
	s := "é\u2028<&>\x7f\b\x01😀/"
	rows := map[string]string{
		javascript(s): "\"é\u2028<&>\x7f\\b\\u0001😀/\"",
		python(s):     `"\u00e9\u2028<&>\u007f\b\u0001\ud83d\ude00/"`,
		golang(s):     "\"é\\u2028\\u003c\\u0026\\u003e\x7f\\b\\u0001😀/\"",
	}
	for got, want := range rows {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestOpenComputerManifestsInBothForms(t *testing.T) {
	nested := `{"base":"base","steps":[{"type":"run","args":{"commands":["x"]}}]}`
	beside := `{ "steps": [{"type": "run", "commands": ["x"]}], "base": "base", "builderMemoryMB": 8192 }`
	a, errA := OpenComputer([]byte(nested))
	b, errB := OpenComputer([]byte(beside))
	if a != b || errors.Join(errA, errB) != nil || a.TypeScript != sha(nested) {
		t.Errorf("%+v %v\n%+v %v", a, errA, b, errB)
	}
	for _, bad := range []string{"", "[]", "{}", `{"steps":[3]}`, `{"steps":[{}]}`, `{"steps":[{"type":"run"`} {
		if _, err := OpenComputer([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// What can be written is read as the same value, and written as the same text.
func FuzzCanonical(f *testing.F) {
	f.Add("é\n\x01\"\\", int64(3), true)
	f.Add("\x7f<&>", int64(-1), false)
	f.Fuzz(func(t *testing.T, s string, n int64, b bool) {
		text, err := encode(map[string]any{"s": s, "n": n, "list": []any{b, s}, "k" + s: map[string]any{}})
		if err != nil {
			return
		}
		value, err := decode([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := encode(value); err != nil || again != text {
			t.Fatalf("%s, then %s, %v", text, again, err)
		}
	})
}
