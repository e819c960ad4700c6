package mounts

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"berth/internal/fault"
)

// ErrorKind names why an entry is refused.
type ErrorKind string

// The kinds of errors: first those the text alone shows, then those the host shows, then those of sets and users.
const (
	NoTarget          ErrorKind = "no-target"
	EmptySource       ErrorKind = "empty-source"
	EmptyTarget       ErrorKind = "empty-target"
	EmptyMode         ErrorKind = "empty-mode"
	TooManyFields     ErrorKind = "too-many-fields"
	UnescapedColon    ErrorKind = "unescaped-colon"
	ModeAsTarget      ErrorKind = "mode-as-target"
	UnknownMode       ErrorKind = "unknown-mode"
	ModeConflict      ErrorKind = "mode-conflict"
	Propagation       ErrorKind = "propagation"
	ChownMode         ErrorKind = "chown-mode"
	TargetNotAbsolute ErrorKind = "target-not-absolute"
	TargetRoot        ErrorKind = "target-root"
	TargetWindows     ErrorKind = "target-windows"
	DeniedTarget      ErrorKind = "denied-target"
	TildeUser         ErrorKind = "tilde-user"
	Variable          ErrorKind = "variable"
	BadVolumeName     ErrorKind = "bad-volume-name"
	NetworkPath       ErrorKind = "network-path"
	RewriteSyntax     ErrorKind = "rewrite-syntax"
	ControlChar       ErrorKind = "control-char"
	TooLong           ErrorKind = "too-long"
	TooMany           ErrorKind = "too-many"

	WindowsPath   ErrorKind = "windows-path"
	OtherDistro   ErrorKind = "other-distro"
	AmbiguousName ErrorKind = "ambiguous-name"
	DeniedVolume  ErrorKind = "denied-volume"
	MissingSource ErrorKind = "missing-source"
	SpecialFile   ErrorKind = "special-file"
	SocketSource  ErrorKind = "socket"
	OverlayFile   ErrorKind = "overlay-file"
	OverlayVolume ErrorKind = "overlay-volume"
	Denied        ErrorKind = "denied"
	Unreadable    ErrorKind = "unreadable"

	DuplicateTarget ErrorKind = "duplicate-target"
	NoMountpoint    ErrorKind = "no-mountpoint"

	RootUser       ErrorKind = "root-user"
	BadUser        ErrorKind = "bad-user"
	UserUnmappable ErrorKind = "user-unmappable"
	UsernsRemap    ErrorKind = "userns-remap"
)

// Origin is where a user wrote something.
type Origin struct {
	Variable string // environment variable
	Flag     string // "-v"
	File     string // configuration file
	Line     int    // 1-based, with File
	Entry    int    // 1-based among the entries of the value; 0 when the value is one path
	Column   int    // 1-based character of the value at which Text starts
	Text     string // the entry as written
}

// String gives the place as an error begins with it: `SANDBOX_VOLUMES: entry 2 ("/d:data")`.
func (o Origin) String() string {
	where := o.Variable
	switch {
	case o.Flag != "":
		where = o.Flag
	case o.File != "":
		where = fmt.Sprintf("%s:%d", o.File, o.Line)
	case where == "":
		return fmt.Sprintf("current folder (%s)", quote(o.Text))
	}
	if o.Entry == 0 {
		return fmt.Sprintf("%s (%s)", where, quote(o.Text))
	}
	return fmt.Sprintf("%s: entry %d (%s)", where, o.Entry, quote(o.Text))
}

// Problem is what the two types of errors share: what is wrong, where, and what to write instead.
type Problem struct {
	Kind     ErrorKind
	Variable string // the environment variable, "" for flags and files
	Entry    int    // 1-based; 0 when the value is one path
	Column   int    // 1-based character of the value at which Token starts
	Token    string // the offending piece, as written
	Origin   Origin
	Reason   string // lower case, no period
	hint     string
}

// Error gives `SANDBOX_VOLUMES: entry 2 ("/d:data"): container path "data" is not absolute`.
func (p *Problem) Error() string { return p.Origin.String() + ": " + p.Reason }

// Hint gives one thing to write, or "".
func (p *Problem) Hint() string { return p.hint }

// Unwrap gives the problem as a fault, so that cmd finds kind and hint.
func (p *Problem) Unwrap() error {
	return &fault.Fault{Kind: fault.Usage, Message: p.Error(), Hint: p.hint}
}

// SyntaxError is an entry that cannot be right on any machine.
type SyntaxError struct {
	Problem
	entry Entry // as far as it was understood, for a better reason once the host is known
}

// PolicyError is an entry that this host, or a rule of berth's, refuses.
type PolicyError struct{ Problem }

func problem(kind ErrorKind, o Origin, token piece, reason, hint string) Problem {
	return Problem{Kind: kind, Variable: o.Variable, Entry: o.Entry, Column: token.column, Token: token.text, Origin: o, Reason: reason, hint: hint}
}

// quote shows a piece of input. Unlike %q it leaves backslashes alone: the user must find what was typed.
func quote(s string) string { return `"` + printable(s) + `"` }

// printable keeps text on one line and control characters away from the terminal.
func printable(s string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			fmt.Fprintf(&out, `\x%02x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// shellWord shows a path as a shell reads it back.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(printable(s), "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[\pL\pN_@%+=:,./-]+$`)
