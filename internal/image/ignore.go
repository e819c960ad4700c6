package image

import (
	"path"
	"regexp"
	"strings"
)

// ignore is a list of Docker's ignore patterns, anchored at a folder. The last that matches decides.
type ignore []pattern

type pattern struct {
	form    *regexp.Regexp
	exclude bool // of !: what it matches comes back
}

// parseIgnore reads patterns. One that cannot be read matches nothing, as docker build has it for its own list.
func parseIgnore(lines []string) ignore {
	var out ignore
	for _, line := range lines {
		line = strings.TrimSpace(line)
		rest, back := strings.CutPrefix(line, "!")
		rest = strings.TrimPrefix(path.Clean(strings.TrimSpace(rest)), "/")
		if line == "" || rest == "" || rest == "." {
			continue
		}
		if form, err := regexp.Compile(patternForm(rest)); err == nil {
			out = append(out, pattern{form, back})
		}
	}
	return out
}

// ignoreLines gives the patterns of an ignore file, without its comments.
func ignoreLines(text string) []string {
	var out []string
	for _, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// patternForm is the regular expression of one pattern: ** is any number of folders, * and ? stay in one.
func patternForm(p string) string {
	var b strings.Builder
	b.WriteByte('^')
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case strings.HasPrefix(p[i:], "**/"):
			b.WriteString("(.*/)?")
			i += 2
		case strings.HasPrefix(p[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' || c == ']':
			b.WriteByte(c)
		case c == '\\' && i+1 < len(p):
			i++
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		case c == '-' || c == '^':
			b.WriteByte(c)
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	b.WriteByte('$')
	return b.String()
}

// out tells whether a path, or a folder above it, is left out.
func (list ignore) out(name string) bool {
	left := false
	for _, p := range list {
		if left == p.exclude && p.matches(name) {
			left = !p.exclude
		}
	}
	return left
}

func (p pattern) matches(name string) bool {
	for ; name != "."; name = path.Dir(name) {
		if p.form.MatchString(name) {
			return true
		}
	}
	return false
}

// returns tells whether some pattern brings things back, so that a folder that is left out must still be looked into.
func (list ignore) returns() bool {
	for _, p := range list {
		if p.exclude {
			return true
		}
	}
	return false
}

// denied are names that look secret, at any depth; no pattern brings them back.
var denied = []string{".git", ".env", ".env.*", "*.pem", "id_*"}

// looksSecret tells whether a path, or a folder above it, has such a name.
func looksSecret(name string) bool {
	for _, part := range strings.Split(name, "/") {
		for _, p := range denied {
			if match, err := path.Match(p, part); err == nil && match {
				return true
			}
		}
	}
	return false
}
