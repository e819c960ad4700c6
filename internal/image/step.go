package image

import (
	"fmt"
	"maps"
	"path"
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
