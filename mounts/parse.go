package mounts

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of a value: those of Linux for paths, and one of berth's own.
const (
	maxPath    = 4095
	maxName    = 255
	maxEntries = 64
)

// Parse reads a value of the grammar `source:target[:modes]`, entries parted by commas or line breaks. origin says whose
// value it is; if its Entry is set, entries are numbered from there. The error is a *SyntaxError, the first of the value.
func Parse(value string, origin Origin) ([]Entry, error) {
	p := &parser{value: value, origin: origin}
	chunks := scan(value)
	var entries []Entry
	for i := 0; i < len(chunks); i++ {
		c, joined := join(value, chunks[i:])
		e, err := p.entry(c, len(entries), neighbour(value, chunks, i))
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		i += joined
	}
	return entries, nil
}

// join adds to an entry that has a mode the mode words that follow it behind commas: "/p:/w:ro,z" is one entry.
func join(value string, chunks []chunk) (chunk, int) {
	c := chunks[0]
	n := 0
	if len(c.fields) != 3 || c.fields[2].from == c.fields[2].to || c.quoted {
		return c, 0
	}
	for _, next := range chunks[1:] {
		_, isMode := findMode(value[next.from:next.to])
		if !isMode || !next.commaBefore {
			break
		}
		c.to, c.fields[2].to = next.to, next.to
		n++
	}
	return c, n
}

// neighbour gives the pair of entries that a comma without backslash may have torn apart at entry i, or "".
func neighbour(value string, chunks []chunk, i int) string {
	switch {
	case i+1 < len(chunks) && chunks[i+1].commaBefore:
		return value[chunks[i].from:chunks[i].to] + `\,` + value[chunks[i+1].from:chunks[i+1].to]
	case i > 0 && chunks[i].commaBefore:
		return value[chunks[i-1].from:chunks[i-1].to] + `\,` + value[chunks[i].from:chunks[i].to]
	}
	return ""
}

type parser struct {
	value  string
	origin Origin
}

func (p *parser) piece(s span) piece {
	return piece{text: p.value[s.from:s.to], column: column(p.value, s.from)}
}

// fail makes the error of an entry whose offending piece is at.
func (p *parser) fail(kind ErrorKind, e *Entry, at span, reason, hint string) *SyntaxError {
	token := p.piece(at)
	return &SyntaxError{Problem: problem(kind, e.Origin, token, reason, hint), entry: *e}
}

func (p *parser) entry(c chunk, before int, torn string) (Entry, error) {
	whole := span{c.from, c.to}
	e := Entry{Origin: p.origin, quoted: c.quoted}
	e.Origin.Entry = max(p.origin.Entry, 1) + before
	e.Origin.Text, e.Origin.Column = p.value[c.from:c.to], column(p.value, c.from)
	e.source = p.piece(c.fields[0])
	e.Source = unescape(e.source.text)
	if c.explicit {
		e.kind = sourceVolume
	}
	if before >= maxEntries {
		return e, p.fail(TooMany, &e, whole, fmt.Sprintf("more than %d entries", maxEntries), "mount a folder that holds them")
	}
	if err := p.checkShape(&e, c, torn); err != nil {
		return e, err
	}
	if err := p.checkSource(&e, c.fields[0]); err != nil {
		return e, err
	}
	if err := p.checkTarget(&e, c.fields[1]); err != nil {
		return e, err
	}
	if len(c.fields) == 3 {
		if err := p.parseModes(&e, c.fields[2]); err != nil {
			return e, err
		}
	}
	return e, nil
}

// checkShape looks at the fields: how many there are, and whether each is what its place asks for.
func (p *parser) checkShape(e *Entry, c chunk, torn string) *SyntaxError {
	whole := span{c.from, c.to}
	text := p.value[c.from:c.to]
	field := func(i int) string { return p.value[c.fields[i].from:c.fields[i].to] }
	switch n := len(c.fields); {
	case n == 1:
		return p.noTarget(e, whole, torn)
	case n > 3:
		return p.fail(TooManyFields, e, whole, fmt.Sprintf("%d fields, and an entry has two or three", n), `write \: for a colon inside a path, or use [[mounts]] in the configuration file`)
	case field(0) == "":
		return p.fail(EmptySource, e, whole, "no host path before the colon", "set the variable that stood there, or write /host/path"+text)
	case field(1) == "":
		return p.fail(EmptyTarget, e, whole, "no container path after the colon", "write "+field(0)+":/workspace")
	case n == 3 && field(2) == "":
		return p.fail(EmptyMode, e, whole, "no mode after the last colon", "write "+field(0)+":"+field(1))
	case n == 3 && looksLikePath(field(2)):
		return p.fail(UnescapedColon, e, c.fields[2], fmt.Sprintf("%s stands where a mode belongs: a colon inside a path needs a backslash", quote(field(2))),
			"write "+field(0)+`\:`+field(1)+":"+field(2))
	case n == 2 && isMode(field(1)):
		return p.fail(ModeAsTarget, e, c.fields[1], fmt.Sprintf("%s is a mode, and the container path is missing", quote(field(1))), "write "+field(0)+":/workspace:"+field(1))
	}
	return nil
}

func isMode(text string) bool {
	_, ok := findMode(text)
	return ok
}

func (p *parser) noTarget(e *Entry, whole span, torn string) *SyntaxError {
	text := p.value[whole.from:whole.to]
	reason, hint := "no container path", "write "+text+":/workspace"
	if startsDrive(text) {
		reason = fmt.Sprintf("no container path: %s is read as a path on drive %s", quote(text), strings.ToUpper(text[:1]))
	}
	if torn != "" {
		hint += ", or " + torn + " if the comma belongs to the path"
	}
	return p.fail(NoTarget, e, whole, reason, hint)
}

// looksLikePath tells whether a field in the place of a mode is rather a path.
func looksLikePath(field string) bool {
	return strings.ContainsAny(field, `/\`) || strings.HasPrefix(field, "~") || strings.HasPrefix(field, ".")
}

var (
	volumeName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]+$`)
	startVariable = regexp.MustCompile(`^(\$[A-Za-z_{(]|%[A-Za-z_][A-Za-z0-9_()]*%)`)
)

// checkSource says what kind of source the text is and refuses what no machine could mount.
func (p *parser) checkSource(e *Entry, at span) *SyntaxError {
	if kind, reason := badText(e.Source); kind != "" {
		return p.fail(kind, e, at, reason, "rename it")
	}
	s := e.Source
	switch {
	case e.kind == sourceVolume:
		return p.checkVolumeName(e, at)
	case s == "~" || strings.HasPrefix(s, "~/") || strings.HasPrefix(s, `~\`):
	case strings.HasPrefix(s, "~"):
		return p.fail(TildeUser, e, at, quote(s)+": only ~ and ~/ mean a home folder", "write the full path")
	case strings.HasPrefix(s, `\\`) && !isWSLShare(s):
		return p.fail(NetworkPath, e, at, quote(s)+" is a network path", "write the full path of a folder on this machine")
	case startVariable.MatchString(s):
		return p.fail(Variable, e, at, quote(s)+": the variable was not expanded, and berth expands none", "write the full path, or let the shell expand it")
	case s == "." || s == ".." || strings.Contains(s, "/") || strings.HasPrefix(s, `.\`) || strings.HasPrefix(s, `..\`) || isLiteral(s):
	default:
		e.kind = sourceName
		return p.checkVolumeName(e, at)
	}
	return nil
}

func (p *parser) checkVolumeName(e *Entry, at span) *SyntaxError {
	if volumeName.MatchString(e.Source) && len(e.Source) <= maxName {
		return nil
	}
	hint := "write ./" + escape(e.Source) + " for a folder here"
	if e.kind == sourceVolume {
		hint = "write a name of two or more letters, digits, or _ . -"
	}
	return p.fail(BadVolumeName, e, at, quote(e.Source)+" is neither a path nor a volume's name", hint)
}

// badText refuses what engines and file systems cannot carry.
func badText(s string) (ErrorKind, string) {
	switch {
	case strings.ContainsAny(s, "\x00\n\r"):
		return ControlChar, quote(s) + " holds a line break or a zero byte"
	case !utf8.ValidString(s):
		return ControlChar, quote(s) + " is not UTF-8, and engines take nothing else"
	case len(s) > maxPath:
		return TooLong, fmt.Sprintf("a path of %d bytes, and %d is the limit", len(s), maxPath)
	}
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '/' || r == '\\' }) {
		if len(name) > maxName {
			return TooLong, fmt.Sprintf("a name of %d bytes, and %d is the limit", len(name), maxName)
		}
	}
	return "", ""
}

// Container paths that are refused with all below them: the system's, and what agent servers live in.
var deniedTargets = []string{"/proc", "/sys", "/dev", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libexec",
	"/usr", "/boot", "/.berth", "/agent-server", "/openhands",
	"/run/docker.sock", "/var/run/docker.sock", "/run/podman", "/var/run/podman", "/run/containerd", "/var/run/containerd"}

func (p *parser) checkTarget(e *Entry, at span) *SyntaxError {
	return p.checkTargetText(e, at, unescape(p.value[at.from:at.to]))
}

// checkTargetText checks a container path whose escapes are gone.
func (p *parser) checkTargetText(e *Entry, at span, text string) *SyntaxError {
	e.target = p.piece(at)
	if isLiteral(text) {
		return p.fail(TargetWindows, e, at, fmt.Sprintf("container path %s is a Windows path", quote(text)), "set MSYS_NO_PATHCONV=1 if Git Bash made it of /workspace, or write /workspace")
	}
	if !strings.HasPrefix(text, "/") {
		return p.fail(TargetNotAbsolute, e, at, fmt.Sprintf("container path %s is not absolute", quote(text)), "write "+absolute(text))
	}
	if kind, reason := badText(text); kind != "" {
		return p.fail(kind, e, at, reason, "write /workspace")
	}
	e.Target = path.Clean(text)
	if e.Target == "/" {
		return p.fail(TargetRoot, e, at, fmt.Sprintf("container path %s is the root of the sandbox", quote(text)), "write /workspace")
	}
	for _, dir := range deniedTargets {
		if within(e.Target, dir) {
			return p.fail(DeniedTarget, e, at, fmt.Sprintf("container path %s lies in %s, which belongs to the system inside", quote(text), dir), "write /workspace, or a folder below it")
		}
	}
	return nil
}

// within tells whether the cleaned path is dir or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// isWSLShare tells whether s is WSL's own view of a distribution from Windows: \\wsl$\NAME or \\wsl.localhost\NAME.
func isWSLShare(s string) bool {
	lower := strings.ToLower(s)
	return strings.HasPrefix(lower, `\\wsl$\`) || strings.HasPrefix(lower, `\\wsl.localhost\`)
}

// absolute guesses what a relative container path was to be.
func absolute(text string) string {
	if text == "workspace" || strings.HasPrefix(text, "workspace/") {
		return "/" + text
	}
	return "/workspace/" + text
}
