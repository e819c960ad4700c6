package image

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"berth/internal/fault"
)

// builder is a Canonical at work.
type builder struct {
	d    Definition
	left []string
}

func (b *builder) leftOut() []string {
	slices.Sort(b.left)
	return slices.Compact(b.left)
}

// stepKind is one row of the table of steps.
type stepKind struct {
	name  string
	keys  []string // beside its own
	build func(*builder, fields) (map[string]any, error)
}

var stepKinds = []stepKind{
	{"apt", nil, (*builder).apt},
	{"pip", []string{"venv", "system"}, (*builder).pip},
	{"npm", nil, (*builder).npm},
	{"run", []string{"user", "secrets", "inputs"}, (*builder).run},
	{"env", nil, (*builder).env},
	{"workdir", nil, (*builder).workdir},
	{"file", []string{"content", "mode"}, (*builder).file},
	{"copy", []string{"to", "ignore", "symlinks"}, (*builder).copyStep},
	{"git", []string{"ref", "commit", "to", "submodules"}, (*builder).git},
	{"hook", []string{"role"}, (*builder).hook},
}

func (b *builder) step(step map[string]any) (map[string]any, error) {
	var found []stepKind
	var names []string
	for _, kind := range stepKinds {
		names = append(names, kind.name)
		if _, ok := step[kind.name]; ok {
			found = append(found, kind)
		}
	}
	if len(found) != 1 {
		return nil, failure(StepKind, "write one of "+strings.Join(names, ", "), "a step has exactly one kind, this one has %d", len(found))
	}
	kind := found[0]
	for _, key := range slices.Sorted(maps.Keys(step)) {
		if key != kind.name && !slices.Contains(kind.keys, key) {
			hint := ""
			if near := fault.Nearest(key, kind.keys); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, failure(UnknownKey, hint, "%s: unknown key %q", kind.name, key)
		}
	}
	out, err := kind.build(b, fields{kind.name, step})
	if err != nil {
		return nil, err
	}
	if _, named := out["type"]; !named {
		out["type"] = kind.name
	}
	return out, nil
}

// fields are the keys of one step.
type fields struct {
	kind string
	all  map[string]any
}

func (f fields) wrong(key, want string) error {
	return failure(StepKind, "", "%s: want %s", f.label(key), want)
}

func (f fields) label(key string) string {
	if key == f.kind {
		return key
	}
	return f.kind + ": " + key
}

// text gives a string, "" when the key is absent.
func (f fields) text(key string) (string, error) {
	value, ok := f.all[key]
	if !ok {
		return "", nil
	}
	s, ok := value.(string)
	if !ok {
		return "", f.wrong(key, "a string")
	}
	return s, checkText(s)
}

// flag gives a truth value, false when the key is absent.
func (f fields) flag(key string) (bool, error) {
	value, ok := f.all[key]
	if !ok {
		return false, nil
	}
	on, ok := value.(bool)
	if !ok {
		return false, f.wrong(key, "true or false")
	}
	return on, nil
}

// list gives a list of strings, nil when the key is absent.
func (f fields) list(key string) ([]string, error) {
	value, ok := f.all[key]
	if !ok {
		return nil, nil
	}
	items, ok := value.([]any)
	if !ok {
		return nil, f.wrong(key, "a list of strings")
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], ok = item.(string); !ok {
			return nil, f.wrong(key, "a list of strings")
		}
		if err := checkText(out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// place gives a path inside the image, absolute and cleaned.
func (f fields) place(key string) (string, error) {
	s, err := f.text(key)
	if err != nil {
		return "", err
	}
	if !path.IsAbs(s) || slices.Contains(strings.Split(s, "/"), "..") {
		return "", failure(BadPath, "write it from / on, without ..", "%s: %q is not an absolute path", f.label(key), s)
	}
	return path.Clean(s), nil
}

var (
	aptName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+.~:=_-]*$`)
	packageName  = regexp.MustCompile(`^[^-\s\pC][^\pC]*$`) // not an option, no control characters
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// packages gives a list of packages, trimmed, sorted, each once.
func (f fields) packages(form *regexp.Regexp) ([]string, error) {
	list, err := f.list(f.kind)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, empty(f.kind)
	}
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
		if !form.MatchString(list[i]) {
			return nil, failure(PackageName, "", "%s: %q is not the name of a package", f.kind, list[i])
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func empty(kind string) error {
	return failure(EmptyStep, "take the step out", "%s: there is nothing in it", kind)
}

// fresh adds the bucket of refresh to a step that installs packages.
func (b *builder) fresh(step map[string]any) map[string]any {
	if b.d.Fresh != nil {
		step["fresh"] = *b.d.Fresh
	}
	return step
}

func (b *builder) apt(f fields) (map[string]any, error) {
	list, err := f.packages(aptName)
	return b.fresh(map[string]any{"packages": list}), err
}

func (b *builder) npm(f fields) (map[string]any, error) {
	list, err := f.packages(packageName)
	return b.fresh(map[string]any{"packages": list}), err
}

const defaultVenv = "/opt/berth/venv"

func (b *builder) pip(f fields) (map[string]any, error) {
	step := b.fresh(map[string]any{})
	if name, ok := f.all["pip"].(string); ok {
		sum, _, err := b.source(f, name)
		if err != nil {
			return nil, err
		}
		step["requirements"] = "sha256:" + sum
	} else if list, err := f.packages(packageName); err != nil {
		return nil, err
	} else {
		step["packages"] = list
	}
	system, err := f.flag("system")
	if err != nil {
		return nil, err
	}
	_, hasVenv := f.all["venv"]
	switch {
	case system && hasVenv:
		return nil, failure(StepKind, "leave one out", "pip: venv and system exclude each other")
	case system:
		step["system"] = true
		return step, nil
	case !hasVenv:
		step["venv"] = defaultVenv
		return step, nil
	}
	step["venv"], err = f.place("venv")
	return step, err
}

func (b *builder) run(f fields) (map[string]any, error) {
	commands, err := f.list("run")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(strings.Join(commands, "")) == "" {
		return nil, empty("run")
	}
	for _, command := range commands {
		if err := holdsSecret("run", command); err != nil {
			return nil, err
		}
	}
	step := map[string]any{"commands": commands}
	user, err := f.text("user")
	if err != nil {
		return nil, err
	}
	if user != "" {
		step["user"] = user
	}
	return step, errors.Join(b.runSecrets(f, step), b.runInputs(f, step))
}

func (b *builder) runSecrets(f fields, step map[string]any) error {
	names, err := f.list("secrets")
	if err != nil || len(names) == 0 {
		return err
	}
	for _, name := range names {
		if !variableForm.MatchString(name) {
			return notVariable("run: secrets", name)
		}
	}
	slices.Sort(names)
	step["secrets"] = slices.Compact(names)
	return nil
}

func (b *builder) runInputs(f fields, step map[string]any) error {
	names, err := f.list("inputs")
	if err != nil || len(names) == 0 {
		return err
	}
	inputs := map[string]any{}
	for _, name := range names {
		rel, info, err := b.find(f, name)
		if err != nil {
			return err
		}
		if info.IsDir() {
			tree, err := b.tree(rel, TreeOptions{})
			if err != nil {
				return err
			}
			inputs[rel] = tree
			continue
		}
		sum, _, err := b.source(f, name)
		if err != nil {
			return err
		}
		inputs[rel] = "sha256:" + sum
	}
	step["inputs"] = inputs
	return nil
}

func notVariable(where, name string) error {
	return failure(EnvName, "", "%s: %q is not the name of a variable", where, name)
}

func (b *builder) env(f fields) (map[string]any, error) {
	table, ok := f.all["env"].(map[string]any)
	if !ok {
		return nil, f.wrong("env", "a table of strings")
	}
	if len(table) == 0 {
		return nil, empty("env")
	}
	vars := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		value, ok := table[name].(string)
		switch {
		case !variableForm.MatchString(name):
			return nil, notVariable("env", name)
		case !ok:
			return nil, f.wrong("env", "a table of strings")
		case secretName.MatchString(name):
			return nil, failure(Secret, "give it when the sandbox starts: env or env_from_host", "env: %s looks like a secret, and everybody who has the image can read it", name)
		}
		if err := holdsSecret("env: "+name, value); err != nil {
			return nil, err
		}
		vars[name] = value
	}
	return map[string]any{"vars": vars}, nil
}

func (b *builder) workdir(f fields) (map[string]any, error) {
	place, err := f.place("workdir")
	return map[string]any{"path": place}, err
}

func (b *builder) file(f fields) (map[string]any, error) {
	place, err := f.place("file")
	if err != nil {
		return nil, err
	}
	if place == "/" {
		return nil, failure(BadPath, "", "file: / is a folder")
	}
	mode, err := f.mode()
	if err != nil {
		return nil, err
	}
	content, ok := f.all["content"].(string)
	if _, has := f.all["content"]; has && !ok {
		return nil, f.wrong("content", "a string")
	}
	if err := holdsSecret("file: content", content); err != nil {
		return nil, err
	}
	return fileStep(place, mode, sha(content)), nil
}

func fileStep(place, mode, sum string) map[string]any {
	return map[string]any{"type": "file", "path": place, "mode": mode, "sha256": sum}
}

var modeForm = regexp.MustCompile(`^(0o)?0?([0-7]{3})$`)

// mode gives 0755 for any executable bit, else 0644. TOML may give it as a string or, 0o755, as a number.
func (f fields) mode() (string, error) {
	value, ok := f.all["mode"]
	if !ok {
		return "0644", nil
	}
	text, ok := value.(string)
	if n, isNumber := value.(int64); isNumber {
		text, ok = fmt.Sprintf("%03o", n), true
	}
	digits := modeForm.FindStringSubmatch(text)
	if !ok || digits == nil {
		return "", failure(BadMode, `write "0644" or "0755"`, "file: %v is not a mode", value)
	}
	if strings.ContainsAny(digits[2], "1357") {
		return "0755", nil
	}
	return "0644", nil
}

func (b *builder) copyStep(f fields) (map[string]any, error) {
	src, _ := f.all["copy"].(string)
	rel, info, err := b.find(f, src)
	if err != nil {
		return nil, err
	}
	to, err := f.place("to")
	if err != nil {
		return nil, err
	}
	links, err := f.text("symlinks")
	if err != nil {
		return nil, err
	}
	if links != "" && links != "keep" && links != "refuse" {
		return nil, f.wrong("symlinks", `"keep" or "refuse"`)
	}
	if !info.IsDir() {
		sum, kind, err := b.source(f, src)
		if given, _ := f.all["to"].(string); strings.HasSuffix(given, "/") {
			to = path.Join(to, path.Base(rel))
		}
		mode := map[byte]string{'f': "0644", 'x': "0755"}[kind]
		return fileStep(to, mode, sum), err
	}
	patterns, err := f.list("ignore")
	if err != nil {
		return nil, err
	}
	tree, err := b.tree(rel, TreeOptions{Ignore: patterns, KeepLinks: links == "keep"})
	return map[string]any{"type": "dir", "dest": to, "tree": tree}, err
}

var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func (b *builder) git(f fields) (map[string]any, error) {
	address, err := f.text("git")
	if err != nil {
		return nil, err
	}
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	if _, err := f.text("ref"); err != nil {
		return nil, err
	}
	commit, err := f.text("commit")
	if err != nil {
		return nil, err
	}
	commit = strings.ToLower(commit)
	if !commitForm.MatchString(commit) {
		return nil, failure(GitCommit, "berth image pin turns a ref into a commit", "git: %s: has no commit of 40 or 64 hex digits", address)
	}
	dest, err := f.place("to")
	if err != nil {
		return nil, err
	}
	step := map[string]any{"url": address, "commit": commit, "dest": dest}
	if submodules, err := f.flag("submodules"); err != nil {
		return nil, err
	} else if submodules {
		step["submodules"] = true
	}
	return step, nil
}

func checkAddress(address string) error {
	if address == "" || strings.HasPrefix(address, "-") {
		return failure(BadReference, "", "git: %q is not an address", address)
	}
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return holdsSecret("git", address)
	}
	if _, password := u.User.Password(); password || u.Scheme != "ssh" {
		return failure(Secret, "take it out, and let git ask its credential helper", "git: the address of %s names a user or password, and it stays in the image", u.Host)
	}
	return nil
}

func (b *builder) hook(f fields) (map[string]any, error) {
	src, err := f.text("hook")
	if err != nil {
		return nil, err
	}
	role, err := f.text("role")
	if err != nil {
		return nil, err
	}
	name := path.Base(src)
	switch {
	case role == "prepare" || role == "verify":
	case role != "":
		return nil, failure(HookRole, "", "hook: role is prepare or verify, not %q", role)
	case strings.HasPrefix(name, "prepare-"):
		role = "prepare"
	case strings.HasSuffix(name, "-verify"):
		role = "verify"
	default:
		return nil, failure(HookRole, `call it prepare-… or …-verify, or write role = "prepare"`, "hook: %s: the name does not tell when it runs", src)
	}
	sum, _, err := b.source(f, src)
	if err != nil {
		return nil, err
	}
	text, err := fs.ReadFile(b.d.Files, path.Clean(src))
	if err != nil {
		return nil, unreadable(src, err)
	}
	if first, _, _ := strings.Cut(string(text), "\n"); strings.HasSuffix(first, "\r") {
		return nil, failure(CRLF, "write it with LF line ends", "hook: %s: the first line ends in CR LF, so no shell is found", src)
	}
	return map[string]any{"name": name, "role": role, "sha256": sum}, nil
}

// source gives hash and kind of a regular file below the definition's folder.
func (b *builder) source(f fields, name string) (sum string, kind byte, err error) {
	rel, info, err := b.find(f, name)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, failure(SpecialFile, "", "%s: %s is not a regular file", f.kind, name)
	}
	content, _, err := sumFile(b.d.Files, rel)
	return hex.EncodeToString(content[:]), fileKind(info.Mode()), err
}

// find looks a source up. Links are not followed, not even on the way.
func (b *builder) find(f fields, name string) (string, fs.FileInfo, error) {
	if err := checkText(name); err != nil {
		return "", nil, err
	}
	rel := path.Clean(name)
	if name == "" {
		return "", nil, failure(SourceMissing, "", "%s: names no file", f.kind)
	}
	if !fs.ValidPath(rel) {
		return "", nil, failure(SourceOutside, "copy it into the folder first", "%s: %s is outside the definition's folder", f.kind, name)
	}
	if looksSecret(rel) && !b.allowed(rel) {
		return "", nil, failure(Secret, "list it in allow_secret_files, if it may be in the image", "%s: %s looks like a secret, and everybody who has the image can read it", f.kind, name)
	}
	if b.d.Files == nil {
		return "", nil, failure(SourceMissing, "", "%s: %s: no such file", f.kind, name)
	}
	var info fs.FileInfo
	for i := 0; i <= len(rel); i++ {
		if i < len(rel) && rel[i] != '/' {
			continue
		}
		var err error
		if info, err = fs.Lstat(b.d.Files, rel[:i]); errors.Is(err, fs.ErrNotExist) {
			return "", nil, failure(SourceMissing, "", "%s: %s: no such file", f.kind, name)
		} else if err != nil {
			return "", nil, unreadable(name, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return "", nil, failure(SymlinkEscape, "name what the link points to", "%s: %s is a link, which is not followed", f.kind, rel[:i])
		}
	}
	return rel, info, nil
}

func (b *builder) tree(rel string, o TreeOptions) (string, error) {
	o.Allow = b.allowed
	tree, err := ReadTree(b.d.Files, rel, o)
	b.left = append(b.left, tree.Left...)
	return tree.Hash, err
}

// allowed tells whether the author put a path that looks secret on the list of those that may be copied.
func (b *builder) allowed(name string) bool {
	return len(b.d.AllowSecretFiles) > 0 && parseIgnore(b.d.AllowSecretFiles).out(name)
}
