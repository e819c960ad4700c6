package network

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Origin tells which of the sources gave a Scope.
type Origin string

// The origins, strongest first. The last four need a compose file at or above the current folder.
const (
	FromFlag        Origin = "flag"
	FromConfig      Origin = "config"
	FromEnvironment Origin = "environment"
	FromContainers  Origin = "containers"
	FromDotenv      Origin = "dotenv"
	FromName        Origin = "name"
	FromFolder      Origin = "folder"
)

// Scope is the compose project that short names belong to. The zero Scope is none.
type Scope struct {
	Project  string
	V1       string // the name compose v1 would give, where it differs; only of FromFolder
	Explicit bool   // somebody said it: a name that is not in it is an error
	Origin   Origin
	Where    string // for messages: "--compose-project", "compose file /srv/shop/compose.yaml"
}

// Container is what compose wrote on one container.
type Container struct{ Project, WorkingDir string }

// Place is what a Scope is found from.
type Place struct {
	Cwd        string            // absolute, links not resolved: compose takes the link's name
	Flag       string            // of --compose-project
	Config     string            // of the key compose_project
	Environ    map[string]string //
	Files      map[string]string // the text of those of Candidates(Cwd) that exist
	Containers []Container       // of the engine, stopped ones too
}

var composeFiles = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

const projectVariable = "COMPOSE_PROJECT_NAME"

// Candidates gives the files that FindScope may want to see, nearest first.
func Candidates(cwd string) []string {
	var out []string
	for dir := range upwards(cwd) {
		for _, name := range append(slices.Clone(composeFiles), ".env") {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

func upwards(dir string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for dir = filepath.Clean(dir); yield(dir) && dir != filepath.Dir(dir); {
			dir = filepath.Dir(dir)
		}
	}
}

// FindScope gives the compose project of a place: what was said, else what compose would call the stack that is
// nearest. No compose file: no scope.
func FindScope(p Place) (Scope, error) {
	said := []Scope{
		{Project: p.Flag, Origin: FromFlag, Where: "--compose-project"},
		{Project: p.Config, Origin: FromConfig, Where: "compose_project"},
		{Project: p.Environ[projectVariable], Origin: FromEnvironment, Where: projectVariable},
	}
	for _, s := range said {
		if s.Project != "" {
			s.Explicit = true
			return s, checkProject(s)
		}
	}
	if file := p.composeFile(); file != "" {
		return p.stack(file)
	}
	return Scope{}, nil
}

// stack gives the project of the stack that a compose file describes.
func (p Place) stack(file string) (Scope, error) {
	dir := filepath.Dir(file)
	running, err := p.running(dir)
	if err != nil || running.Project != "" {
		return running, err
	}
	dotenv := parseDotenv(p.Files[filepath.Join(dir, ".env")], p.Environ)
	if name := dotenv[projectVariable]; name != "" {
		s := Scope{Project: name, Origin: FromDotenv, Where: filepath.Join(dir, ".env")}
		return s, checkProject(s)
	}
	if name := normalise(topLevelName(p.Files[file], lookup(p.Environ, dotenv))); name != "" {
		return Scope{Project: name, Origin: FromName, Where: "name in " + file}, nil
	}
	v2, v1 := ProjectFromDir(filepath.Base(dir))
	if v2 == "" {
		return Scope{}, nil
	}
	return Scope{Project: v2, V1: v1, Origin: FromFolder, Where: "compose file " + file}, nil
}

// lookup asks the environment first, then a .env file.
func lookup(environ, dotenv map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := environ[name]; ok {
			return value, true
		}
		value, ok := dotenv[name]
		return value, ok
	}
}

func (p Place) composeFile() string {
	for dir := range upwards(p.Cwd) {
		for _, name := range composeFiles {
			if _, ok := p.Files[filepath.Join(dir, name)]; ok {
				return filepath.Join(dir, name)
			}
		}
	}
	return ""
}

// running gives the project of the containers that were started from dir.
func (p Place) running(dir string) (Scope, error) {
	var projects []string
	for _, c := range p.Containers {
		if c.WorkingDir != "" && filepath.Clean(c.WorkingDir) == dir && c.Project != "" {
			projects = append(projects, c.Project)
		}
	}
	slices.Sort(projects)
	projects = slices.Compact(projects)
	switch len(projects) {
	case 0:
		return Scope{}, nil
	case 1:
		return Scope{Project: projects[0], Origin: FromContainers, Where: "containers of " + dir}, nil
	}
	return Scope{}, failure(AmbiguousProject, "say which with --compose-project or "+projectVariable,
		"%s: containers of several compose projects were started there: %s", dir, strings.Join(projects, ", "))
}

var projectForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func checkProject(s Scope) error {
	if projectForm.MatchString(s.Project) {
		return nil
	}
	hint := "write small letters, digits, - and _ only"
	if name := normalise(s.Project); name != "" {
		hint = "write " + name
	}
	return failure(BadProject, hint, "%s: %q cannot be the name of a compose project", s.Where, s.Project)
}

// ProjectFromDir gives the project names that compose v2 and v1 make of a folder's name; empty: none.
func ProjectFromDir(folder string) (v2, v1 string) {
	v1 = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(folder))
	return strings.TrimLeft(v1, "_-"), v1
}

func normalise(name string) string {
	v2, _ := ProjectFromDir(name)
	return v2
}

// topLevelName gives the value of the top-level `name:` of a compose file, variables filled in.
func topLevelName(text string, lookup func(string) (string, bool)) string {
	for _, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		for _, key := range []string{"name", `"name"`, `'name'`} {
			rest, ok := strings.CutPrefix(line, key)
			rest = strings.TrimLeft(rest, " \t")
			if value, colon := strings.CutPrefix(rest, ":"); ok && colon && (value == "" || strings.ContainsAny(value[:1], " \t\r")) {
				return fill(scalar(value, " #"), lookup)
			}
		}
	}
	return ""
}

// scalar reads one value on a line: quoted, or up to a comment.
func scalar(text, comment string) string {
	text = strings.TrimSpace(text)
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		if inner, _, ok := strings.Cut(text[1:], text[:1]); ok {
			return inner
		}
	}
	if strings.HasPrefix(text, "#") {
		return ""
	}
	text, _, _ = strings.Cut(text, comment)
	return strings.TrimSpace(text)
}

// parseDotenv reads NAME=value lines as compose does, as far as a project's name can need it.
func parseDotenv(text string, environ map[string]string) map[string]string {
	out := map[string]string{}
	for _, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		literal := strings.HasPrefix(value, "'")
		if value = scalar(value, " #"); !literal {
			value = fill(value, lookup(environ, out))
		}
		out[strings.TrimSpace(name)] = value
	}
	return out
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)

// fill puts values in place of $NAME and ${NAME}, with compose's :- - :+ + forms.
func fill(text string, lookup func(string) (string, bool)) string {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(text, "$")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		var value string
		switch {
		case strings.HasPrefix(after, "$"):
			value, text = "$", after[1:]
		case strings.HasPrefix(after, "{"):
			inner, rest := braced(after[1:])
			value, text = expression(inner, lookup), rest
		default:
			name := variableName.FindString(after)
			value, _ = lookup(name)
			text = after[len(name):]
			if name == "" {
				value = "$"
			}
		}
		out.WriteString(value)
	}
}

// braced cuts text at the } that closes it.
func braced(text string) (inner, rest string) {
	depth := 1
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[:i], text[i+1:]
			}
		}
	}
	return text, ""
}

func expression(inner string, lookup func(string) (string, bool)) string {
	name := variableName.FindString(inner)
	operator, word := inner[len(name):], ""
	for _, o := range []string{":-", ":+", ":?", "-", "+", "?"} {
		if rest, ok := strings.CutPrefix(operator, o); ok {
			operator, word = o, rest
			break
		}
	}
	value, set := lookup(name)
	if strings.HasPrefix(operator, ":") {
		set = value != ""
	}
	switch strings.TrimPrefix(operator, ":") {
	case "-":
		if !set {
			return fill(word, lookup)
		}
	case "+":
		if set {
			return fill(word, lookup)
		}
		return ""
	}
	return value
}
