package image

import (
	"errors"
	"fmt"

	"berth/internal/fault"
)

// ErrorKind names what is wrong with a definition.
type ErrorKind string

// The kinds of errors.
const (
	BadUTF8       ErrorKind = "utf8"
	HasNUL        ErrorKind = "nul"
	LineSeparator ErrorKind = "line-separator"
	EmptyStep     ErrorKind = "empty-step"
	StepKind      ErrorKind = "step-kind"
	UnknownKey    ErrorKind = "unknown-key"
	BadPath       ErrorKind = "path"
	PackageName   ErrorKind = "package-name"
	EnvName       ErrorKind = "env-name"
	Secret        ErrorKind = "secret"
	GitCommit     ErrorKind = "git-commit"
	SymlinkEscape ErrorKind = "symlink-escape"
	SourceOutside ErrorKind = "source-outside"
	SourceMissing ErrorKind = "source-missing"
	CaseFold      ErrorKind = "case-fold"
	SpecialFile   ErrorKind = "special-file"
	HookRole      ErrorKind = "hook-role"
	CRLF          ErrorKind = "crlf"
	BadMode       ErrorKind = "mode"
	BadPlatform   ErrorKind = "platform"
	BadReference  ErrorKind = "reference"
	TooMuch       ErrorKind = "limit"
)

// Error is a fault with its kind and the step it is in.
type Error struct {
	Kind  ErrorKind
	Step  int // 1-based; 0: none
	fault *fault.Fault
}

// Error gives the fault's sentence.
func (e *Error) Error() string {
	if e.Step > 0 {
		return fmt.Sprintf("step %d: %s", e.Step, e.fault.Message)
	}
	return e.fault.Message
}

// Unwrap gives the fault, so that its kind and hint are found.
func (e *Error) Unwrap() error { return e.fault }

func failure(kind ErrorKind, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, fault: fault.New(fault.Usage, hint, format, args...)}
}

// atStep says in which step an error is.
func atStep(err error, number int) error {
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("step %d: %w", number, err)
	}
	return &Error{Kind: e.Kind, Step: number, fault: e.fault}
}
