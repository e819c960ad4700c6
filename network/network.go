// Package network turns names into networks: the list a user wrote, the compose project it belongs to, the one network meant, a free subnet; it does not know how the engine was asked.
package network

import (
	"net/netip"

	"berth/internal/fault"
)

// Network is one network of an engine.
type Network struct {
	ID         string
	Name       string
	Driver     string
	Scope      string // local, swarm
	Internal   bool
	Attachable bool // of a swarm network: single containers may join
	ConfigOnly bool // a template, no network
	IPv6       bool
	Labels     map[string]string
	Subnets    []netip.Prefix
}

// Labels that compose puts on its networks and containers.
const (
	ProjectLabel    = "com.docker.compose.project"
	KeyLabel        = "com.docker.compose.network"
	WorkingDirLabel = "com.docker.compose.project.working_dir"
	ServiceLabel    = "com.docker.compose.service"
)

func (n Network) project() string { return n.Labels[ProjectLabel] }
func (n Network) key() string     { return n.Labels[KeyLabel] }

// ErrorKind names what was wrong, for whoever decides by it.
type ErrorKind string

// The kinds of errors.
const (
	Unclosed         ErrorKind = "unclosed"
	NotString        ErrorKind = "not-string"
	NotList          ErrorKind = "not-list"
	CannotRead       ErrorKind = "cannot-read"
	HostMode         ErrorKind = "host-mode"
	NoneMode         ErrorKind = "none-mode"
	ContainerMode    ErrorKind = "container-mode"
	DefaultBridge    ErrorKind = "default-bridge"
	Ambiguous        ErrorKind = "ambiguous"
	NotInProject     ErrorKind = "not-in-project"
	NotFound         ErrorKind = "not-found"
	LANDriver        ErrorKind = "lan-driver"
	NotAttachable    ErrorKind = "not-attachable"
	ConfigOnly       ErrorKind = "config-only"
	BadProject       ErrorKind = "bad-project"
	AmbiguousProject ErrorKind = "ambiguous-project"
	NoSubnet         ErrorKind = "no-subnet"
)

// Error is a fault with its kind and, in a list, its place.
type Error struct {
	Kind    ErrorKind
	Element int    // 1-based, in a list; 0: the whole value
	Token   string // the offending piece as written
	fault   *fault.Fault
}

// Error gives the fault's sentence.
func (e *Error) Error() string { return e.fault.Message }

// Unwrap gives the fault, so that its kind and hint are found.
func (e *Error) Unwrap() error { return e.fault }

func failure(kind ErrorKind, hint, format string, args ...any) *Error {
	faultKind := fault.Usage
	if kind == NotFound || kind == NotInProject {
		faultKind = fault.NotFound
	}
	return &Error{Kind: kind, fault: fault.New(faultKind, hint, format, args...)}
}

// WarningKind names what berth had to guess.
type WarningKind string

// The kinds of warnings.
const (
	Bare   WarningKind = "bare"   // names without quotes in a list
	Quoted WarningKind = "quoted" // quotes round a whole list
	Twice  WarningKind = "twice"  // one name given again
)

// Warning is something that was understood but should be written otherwise.
type Warning struct {
	Kind WarningKind
	Text string
}
