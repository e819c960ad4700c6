package image

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
)

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
