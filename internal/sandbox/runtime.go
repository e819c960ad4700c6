package sandbox

import (
	"errors"
	"io"
	"time"
)

// ErrPortTaken is below the error of a start whose port on the host somebody else has.
var ErrPortTaken = errors.New("the port is taken")

// NetworkSpec is a network that berth makes for one sandbox.
type NetworkSpec struct {
	Name     string
	Subnet   string // CIDR; "" lets the engine choose
	Internal bool
	Options  map[string]string
	Labels   map[string]string
}

// Exec is a command to run inside. Stdin may be nil. Stdout and Stderr may be nil: then the result holds them.
type Exec struct {
	User    string // uid:gid; "" is the container's
	Dir     string
	Env     []string
	Command []string
	TTY     bool
	Size    [2]uint // height, width of the terminal, with TTY
	Resize  <-chan [2]uint
	Detach  bool // start it and come back
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
}

// ExecResult is how an Exec ended.
type ExecResult struct {
	Code   int
	Stdout []byte // when Exec.Stdout was nil; at most 1 MiB
	Stderr []byte // when Exec.Stderr was nil; at most 1 MiB
}

// LogOptions choose which lines of a container's output.
type LogOptions struct {
	Tail       int // 0: all
	Since      time.Time
	Follow     bool
	Timestamps bool
}

// Action is what Signal does.
type Action string

// The actions.
const (
	Stop    Action = "stop"
	Kill    Action = "kill"
	Pause   Action = "pause"
	Unpause Action = "unpause"
)

// ObjectKind is a kind of thing that berth makes in an engine.
type ObjectKind string

// The kinds.
const (
	ContainerObject ObjectKind = "container"
	NetworkObject   ObjectKind = "network"
	VolumeObject    ObjectKind = "volume"
	ImageObject     ObjectKind = "image"
)

// Change is one engine event about a container of berth's.
type Change struct {
	Time   time.Time
	ID     string // container id
	Name   string // sandbox name, from the label
	Action string // create, start, die, pause, unpause, destroy, oom, ...
	Code   int    // exit code, on die
}
