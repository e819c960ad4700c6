// Package doctor says what this machine lacks for sandboxes, and what to type; it changes nothing and draws nothing.
package doctor

import (
	"io/fs"

	"berth/internal/engine"
	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/sandbox"
)

// Level says how bad a finding is.
type Level string

// The levels. Bad stops launches.
const (
	Good Level = "good"
	Warn Level = "warn"
	Bad  Level = "bad"
)

// Finding is one thing to say, with its fix when there is something to fix.
type Finding struct {
	Level Level    `json:"level"`
	Topic string   `json:"topic"` // one word: "engine", "socket", "uid"
	Text  string   `json:"text"`
	More  []string `json:"more,omitempty"` // further lines
	Fix   string   `json:"fix,omitempty"`  // a command or a wish
}

// Facts is all that findings are made from. What could not be asked is left at its zero value.
type Facts struct {
	Host       host.Facts
	Candidates []engine.Candidate // every place where an engine may be
	Chosen     string             // address of the engine that is used; "" when there is none
	Fault      error              // why none is used
	Sockets    []Socket           // those of Candidates that are files of this machine
	Engine     *sandbox.Engine    // nil when none answered
	Folder     Folder             // the one that would be mounted
	Disks      []Disk
	Inside     error // why berth's in-sandbox program cannot be used
	Browser    error // why links are printed and not opened
	Registry   Registry
	Leftovers  []launch.Removal
	State      error // why berth's records cannot be kept
}

// Socket is an engine's socket as the file system shows it.
type Socket struct {
	Path     string
	UID, GID int
	Group    string // name of GID; "" when it has none
	Mode     fs.FileMode
	Member   bool // the process is in that group now
	Listed   bool // the user is in that group by the user database: a new login would have it
}

// Folder is what would be mounted, as the host has it.
type Folder struct {
	Path     string
	UID, GID int
	Mode     fs.FileMode
	Err      error // why it cannot be read
}

// Disk is the room on one file system.
type Disk struct {
	For   string // "images", "berth's records"
	Path  string
	Free  int64 // bytes
	Total int64 // bytes; 0: it cannot be told
}

// Registry is whether the default image's registry answers.
type Registry struct {
	Name string // "" when it was not asked
	Err  error
}

// Red tells whether any finding stops launches.
func Red(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Bad {
			return true
		}
	}
	return false
}
