package mounts

import (
	"errors"
	"fmt"
	"strings"

	"berth/internal/host"
)

// Given is what each place says about mounts. The environment replaces the files' list, flags add to what stands, and the
// current folder counts only if nothing is given at all.
type Given struct {
	Env   host.Env // of it BERTH_VOLUMES, SANDBOX_VOLUMES and the deprecated names count
	Files []Entry  // from Parse and Table.Entry; nil when no file says anything
	Flags []string // each -v
	Cwd   string
}

// volumeVariables hold a whole value, the first that is set.
var volumeVariables = []string{"BERTH_VOLUMES", "SANDBOX_VOLUMES"}

// Entries joins the layers. The error is a *SyntaxError.
func (g Given) Entries() ([]Entry, []Warning, error) {
	entries, warnings, given, err := g.fromEnv()
	if err != nil {
		return nil, nil, err
	}
	if !given && g.Files != nil {
		entries, given = g.Files, true
	}
	for i, flag := range g.Flags {
		more, err := Parse(flag, Origin{Flag: "-v", Entry: i + 1})
		if err != nil {
			return nil, nil, err
		}
		entries, given = append(entries, more...), true
	}
	if !given {
		entries = []Entry{currentFolder(g.Cwd)}
	}
	return entries, warnings, nil
}

// Resolve joins the layers and checks them against the host.
func (g Given) Resolve(h Host) ([]Mount, []Warning, error) {
	entries, warnings, err := g.Entries()
	if err != nil {
		return nil, nil, Explain(err, h)
	}
	mounts, more, err := Resolve(entries, h)
	return mounts, append(warnings, more...), err
}

func (g Given) fromEnv() (entries []Entry, warnings []Warning, given bool, err error) {
	for _, name := range volumeVariables {
		value, set := g.Env[name]
		if !set {
			continue
		}
		entries, err = Parse(value, Origin{Variable: name})
		return entries, ignored(g.Env, name), true, err
	}
	return workspace(g.Env)
}

// currentFolder is the entry that stands when nothing else is given: the current folder at /workspace. Whether it is a sane
// thing to mount Resolve says, as of any other; the hint is then what to write instead.
func currentFolder(cwd string) Entry {
	return Entry{Origin: Origin{Text: cwd, Column: 1}, Source: cwd, Target: "/workspace", kind: sourceLiteral, source: piece{cwd, 1}, target: piece{"/workspace", 1}}
}

// Table is one [[mounts]] table of a configuration file: the grammar without its escapes.
type Table struct {
	Source string
	Target string
	Mode   []string
}

// Entry checks the table. origin names file and line; the error is a *SyntaxError.
func (t Table) Entry(origin Origin) (Entry, error) {
	value := escape(guardStart(t.Source)) + ":" + escape(t.Target)
	if len(t.Mode) > 0 {
		value += ":" + strings.Join(t.Mode, ",")
	}
	for _, s := range append([]string{t.Source, t.Target}, t.Mode...) {
		if kind, reason := badText(s); kind != "" {
			origin.Text, origin.Column = value, 1
			return Entry{}, &SyntaxError{Problem: problem(kind, origin, piece{s, 1}, reason, "rename it")}
		}
	}
	entries, err := Parse(value, origin)
	if err != nil {
		return Entry{}, err
	}
	if len(entries) != 1 {
		origin.Text, origin.Column = value, 1
		return Entry{}, &SyntaxError{Problem: problem(ControlChar, origin, piece{t.Source, 1}, "a Windows path with a comma cannot be mounted", "rename it")}
	}
	return entries[0], nil
}

// Explain gives a syntax error the better reason that the host knows: the path with an unescaped colon may exist, and a
// socket is said to be one before anything else.
func Explain(err error, h Host) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.entry.source.text == "" {
		return err
	}
	e := syntax.entry
	if p, bad := h.absolute(e); bad == nil && e.kind == sourcePath {
		if at := h.follow(p); at.exists && at.stat().Kind == host.Socket {
			return e.refuse(SocketSource, e.source, fmt.Sprintf("%s is a socket: whoever reaches it commands what listens there", printable(h.native(at.path))), "")
		}
	}
	switch syntax.Kind {
	case TargetNotAbsolute, TargetWindows, ModeAsTarget:
		return h.explainColon(syntax)
	}
	return err
}

func (h Host) explainColon(syntax *SyntaxError) error {
	e := syntax.entry
	e.Source += ":" + firstField(syntax.Token)
	p, bad := h.absolute(e)
	if bad != nil || !h.follow(p).exists {
		return syntax
	}
	source := escape(e.Source)
	return &SyntaxError{entry: syntax.entry, Problem: problem(UnescapedColon, e.Origin, piece{syntax.Token, syntax.Column},
		fmt.Sprintf("%s exists, and the colon in it needs a backslash", printable(e.Source)), "write "+source+":/workspace")}
}

// firstField undoes the drive rule: of "b:/workspace" the path before it goes on with "b" only.
func firstField(token string) string {
	if startsDrive(token) {
		return token[:1]
	}
	return unescape(token)
}
