package mounts

import (
	"strings"
	"unicode/utf8"
)

// Entry is one mount as a user wrote it, understood as far as the text alone goes.
type Entry struct {
	Origin Origin
	Source string // without escapes; not yet expanded
	Target string // absolute, cleaned
	Mode   Mode

	kind   sourceKind
	quoted bool  // quotes were removed around it, or around the whole value at its first entry
	source piece // as written
	target piece
	modes  piece
}

// sourceKind is what the text says of a source.
type sourceKind int

const (
	sourcePath    sourceKind = iota
	sourceName               // a volume, or a folder whose "./" was forgotten
	sourceVolume             // "volume:" stands before it
	sourceLiteral            // an absolute path that nobody wrote
)

// piece is a part of a value, as written, with its place.
type piece struct {
	text   string
	column int // 1-based character of the value
}

// String prints the entry so that Parse gives it again. The mode always stands at the end: that keeps a quote in a path
// from pairing with another one.
func (e Entry) String() string {
	source := e.Source
	switch {
	case e.kind == sourceVolume:
		source = "volume:" + source
	case e.kind == sourcePath:
		source = guardStart(source)
	}
	return escape(source) + ":" + escape(e.Target) + ":" + e.Mode.String()
}

// guardStart keeps a blank or quote at the start of a relative path from being taken off.
func guardStart(source string) string {
	if source != "" && strings.Contains(" \t\"'", source[:1]) {
		return "./" + source
	}
	return source
}

// short is String without a mode that needs no saying.
func (e Entry) short() string { return strings.TrimSuffix(e.String(), ":rw") }

// escape protects a field's commas and colons. A backslash or blank at the end would join what follows, or be lost: a
// slash after it, which cleaning removes, keeps it apart.
func escape(field string) string {
	if isLiteral(field) {
		return field
	}
	prefix := ""
	if strings.HasPrefix(field, "volume:") {
		prefix, field = "volume:", field[len("volume:"):]
	}
	field = strings.NewReplacer(",", `\,`, ":", `\:`).Replace(field)
	if strings.HasSuffix(field, `\`) || strings.HasSuffix(field, " ") || strings.HasSuffix(field, "\t") {
		field += "/"
	}
	return prefix + field
}

// isLiteral tells whether a field starts like a Windows path, in which a backslash escapes nothing.
func isLiteral(field string) bool { return startsDrive(field) || strings.HasPrefix(field, `\\`) }

// startsDrive tells whether s begins with a letter, a colon and a slash of either kind.
func startsDrive(s string) bool {
	if len(s) < 3 || s[1] != ':' || (s[2] != '/' && s[2] != '\\') {
		return false
	}
	letter := s[0] | 0x20
	return letter >= 'a' && letter <= 'z'
}

// column gives the 1-based character of value at byte offset at.
func column(value string, at int) int { return utf8.RuneCountInString(value[:at]) + 1 }
