package config

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/network"
)

// Load reads all layers: defaults, the user's file, the project's file, environment, flags. A mistake is a fault of
// kind Usage that names its place. A project file that widens access and is not approved is an *UntrustedError.
func Load(in Input) (*Settings, error) {
	l := &loader{in: in, s: &Settings{sources: map[string]Source{}}}
	steps := []func() error{l.defaults, l.userFile, l.projectFile, l.environment, l.flags, l.finish}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.s, nil
}

// loader is a Load at work.
type loader struct {
	in Input
	s  *Settings
}

// origin is what assign needs to know about where a value comes from and which key it is for.
type origin struct {
	source  func(*node) Source
	dir     string // relative paths start here
	home    string
	choices []string
	path    bool
	adds    bool
	listOf  func(string) ([]string, error) // reads a string as a list, where a key allows it
}

func (l *loader) defaults() error {
	for i := range Keys {
		if Keys[i].Default == "" {
			continue
		}
		doc, err := parseDocument("default", "x = "+Keys[i].Default)
		if err != nil {
			return err
		}
		o := l.origin(&Keys[i], l.in.WorkDir, func(*node) Source { return Source{Kind: FromDefault} })
		if err := o.assign(Keys[i].field(l.s), doc.root.kids["x"]); err != nil {
			return fault.New(fault.Failure, "", "default of %s: %w", Keys[i].Name, err)
		}
	}
	return nil
}

func (l *loader) origin(key *Key, dir string, source func(*node) Source) origin {
	o := origin{source: source, dir: dir, home: l.in.Home, choices: key.Choices, path: key.Path}
	if key.Name == "additional_networks" {
		o.listOf = l.networkList
	}
	return o
}

// networkList reads the forms of SANDBOX_ADDITIONAL_NETWORKS; what had to be guessed becomes a notice.
func (l *loader) networkList(text string) ([]string, error) {
	names, warnings, err := network.ParseList(text)
	for _, w := range warnings {
		l.s.Notices = append(l.s.Notices, "additional_networks: "+w.Text)
	}
	return names, err
}

func (l *loader) userFile() error {
	if l.in.UserFile == "" {
		return nil
	}
	shown := l.shown(l.in.UserFile)
	text, err := readFile(l.in.UserFile, shown)
	if errors.Is(err, fs.ErrNotExist) && !l.in.Named {
		return nil
	}
	if err != nil {
		return err
	}
	doc, err := parseDocument(shown, text)
	if err != nil {
		return err
	}
	return l.apply(l.s, doc, FromUser, filepath.Dir(l.in.UserFile))
}

func (l *loader) projectFile() error {
	if l.in.ProjectFile == "" {
		return nil
	}
	shown := l.shown(l.in.ProjectFile)
	if info, err := os.Lstat(l.in.ProjectFile); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fault.New(fault.Usage, "put a regular file there", "%s: is a symbolic link, which a project file may not be", shown)
	}
	text, err := readFile(l.in.ProjectFile, shown)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	doc, err := parseDocument(shown, text)
	if err != nil {
		return err
	}
	return l.applyProject(doc, sha256.Sum256([]byte(text)))
}

// shown is how a path is written for the user: short inside the current folder, ~ for the home.
func (l *loader) shown(path string) string {
	if filepath.Dir(path) == l.in.WorkDir {
		return filepath.Base(path)
	}
	if rest, ok := strings.CutPrefix(path, l.in.Home+"/"); ok && l.in.Home != "" {
		return "~/" + rest
	}
	return path
}

// apply puts all values of a document into s.
func (l *loader) apply(s *Settings, doc *document, kind Kind, dir string) error {
	found, p := keysOf(doc.root, "")
	if p != nil {
		return doc.problem("", p)
	}
	source := func(n *node) Source { return doc.source(n, kind) }
	if slices.ContainsFunc(found, func(f foundKey) bool { return f.key.Name == "volumes" || f.key.Name == "mounts" }) {
		s.Volumes, s.Mounts = nil, nil
	}
	for _, f := range found {
		if kind == FromProject && f.key.Widens == Never {
			return doc.problem("", neverThere(f.node, f.key.Name))
		}
		err := l.applyKey(s, f, kind, dir, source)
		if p := (*problem)(nil); errors.As(err, &p) {
			return doc.problem(f.key.Name, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) applyKey(s *Settings, f foundKey, kind Kind, dir string, source func(*node) Source) error {
	if f.key.Name == "images" {
		return l.applyImages(s, f.node, kind, dir, source)
	}
	o := l.origin(f.key, dir, source)
	o.adds = kind == FromProject && f.key.Name == "secret_masks"
	if err := o.assign(f.key.field(s), f.node); err != nil {
		return err
	}
	s.sources[f.key.Name] = source(f.node)
	for name, kid := range f.node.kids {
		s.sources[f.key.Name+"."+name] = source(kid)
	}
	return nil
}

func neverThere(n *node, name string) *problem {
	return &problem{at: n, onKey: true, text: "a project file may not set " + name,
		hint: "set it in your own configuration, if you want it: berth config edit"}
}

// source tells where n stands.
func (d *document) source(n *node, kind Kind) Source {
	start, _ := d.key(n)
	line, col := d.place(start)
	return Source{Kind: kind, File: d.name, Line: line, Col: col}
}

// foundKey is a key that a document sets.
type foundKey struct {
	key  *Key
	node *node
}

// keysOf gives the keys below a table in the order of the text, or the first name that is none.
func keysOf(table *node, prefix string) ([]foundKey, *problem) {
	var (
		found []foundKey
		first *problem
	)
	for _, name := range table.names() {
		kid := table.kids[name]
		more, p := keyOf(kid, prefix+name)
		found = append(found, more...)
		if p != nil && (first == nil || p.at.start < first.at.start) {
			first = p
		}
	}
	slices.SortStableFunc(found, func(a, b foundKey) int { return a.node.start - b.node.start })
	return found, first
}

func keyOf(n *node, path string) ([]foundKey, *problem) {
	if key := keyNamed(path); key != nil {
		return []foundKey{{key, n}}, nil
	}
	if !slices.ContainsFunc(Keys, func(k Key) bool { return strings.HasPrefix(k.Name, path+".") }) {
		return nil, unknownKey(n, path, keyNames())
	}
	if n.kids == nil {
		return nil, wrongType(n, "a table")
	}
	return keysOf(n, path+".")
}

func keyNamed(name string) *Key {
	if i := slices.IndexFunc(Keys, func(k Key) bool { return k.Name == name }); i >= 0 {
		return &Keys[i]
	}
	return nil
}

func keyNames() []string {
	names := make([]string, len(Keys))
	for i, k := range Keys {
		names[i] = k.Name
	}
	return names
}

// finish settles what depends on several keys.
func (l *loader) finish() error {
	s := l.s
	if s.Image == "" && s.DefaultImage != "" {
		s.Image, s.sources["image"] = s.DefaultImage, s.Source("default_image")
	}
	return l.oneEngine()
}

var rank = map[Kind]int{FromDefault: 0, FromUser: 1, FromProject: 2, FromEnv: 3, FromFlag: 4}

// oneEngine keeps of host and context the one from the stronger layer, as the docker command does.
func (l *loader) oneEngine() error {
	s := l.s
	if s.Host == "" || s.Context == "" {
		return nil
	}
	host, context := s.Source("host"), s.Source("context")
	switch {
	case host.Kind == context.Kind && host.Kind != FromEnv:
		return fault.New(fault.Usage, "say one of them", "%s and %s: both name an engine", host, context)
	case rank[context.Kind] > rank[host.Kind]:
		s.Host = ""
		delete(s.sources, "host")
	default:
		s.Context = ""
		delete(s.sources, "context")
	}
	return nil
}
