// Package mounts turns what a user writes about folders into mounts that are understood completely and safe to make, or into an error with its place; it touches nothing itself.
package mounts

import (
	"berth/internal/fault"
	"berth/internal/host"
)

// Kind says what is mounted.
type Kind string

// The kinds of mounts.
const (
	Bind    Kind = "bind"    // a host folder or file, as it is
	Volume  Kind = "volume"  // a named volume of the engine
	Overlay Kind = "overlay" // a host folder, copy-on-write
)

// Mount is one folder, file or volume inside a sandbox.
type Mount struct {
	Kind     Kind
	Source   string // real absolute host path, links resolved; a volume's name
	Given    string // the source as written
	Target   string // absolute, cleaned path inside
	ReadOnly bool
	SELinux  string // "", "z" or "Z"
	NoCopy   bool   // of a volume: the image's files are not copied in
	File     bool   // Source is a regular file
	Origin   Origin

	Stat       host.File  // of Source, when it was checked; zero for volumes
	Mountpoint Mountpoint // what must be made on the host before the engine does it as root; zero: nothing
	Softened   string     // the deny rule that allow_paths gave up, or ""
}

// Mountpoint is a folder or file that berth makes, as the user, below another mount's source.
type Mountpoint struct {
	Root string // source of the mount above
	Rel  string // slash-separated path below Root
	File bool   // an empty file instead of a folder
}

// Warning is something true and unexpected that stops nothing.
type Warning struct {
	Kind   WarningKind
	Text   string // one sentence with its place, lower case, no period
	Origin Origin
}

// WarningKind groups warnings.
type WarningKind string

// The kinds of warnings.
const (
	Quoted            WarningKind = "quoted"
	Symlink           WarningKind = "symlink"
	SingleFile        WarningKind = "file"
	Repeated          WarningKind = "repeated"
	CreatesMountpoint WarningKind = "creates-mountpoint"
	ROHole            WarningKind = "ro-hole"
	Submount          WarningKind = "submount"
	HidesImage        WarningKind = "hides-image"
	PodmanComma       WarningKind = "podman-comma"
	SELinuxLabel      WarningKind = "selinux"
	Deprecated        WarningKind = "deprecated"
	Ignored           WarningKind = "ignored"
)

// Files is the view of the host's file system that mounts needs; host.Disk is the real one. No method follows a symlink
// in the last element, and a missing path is fs.ErrNotExist.
type Files interface {
	Lstat(path string) (host.File, error)
	Readlink(path string) (string, error)
	ReadDir(path string) ([]host.DirEntry, error)
}

// Host is the machine as Resolve sees it.
type Host struct {
	Files   Files
	OS      string   // as GOOS
	Home    string   // what ~ means; "" when unknown
	Homes   []string // all homes that are protected
	Cwd     string
	UID     int // of whoever will own the sandbox's files; -1 when there is no such thing
	WSL     host.WSL
	Mounts  []host.MountPoint
	Sockets []string // sockets of agents and engines that the environment names
	State   []string // berth's own state, config, cache and runtime folders
	Engine  Engine
	Volumes map[string]VolumeInfo // the engine's, by name
	Allow   []string              // allow_paths: exact real paths
	Own     []OwnTarget           // what berth itself mounts inside
	Lent    []string              // folders that some sandbox has or had writable
}

// Engine is what mounts must know of the engine.
type Engine struct {
	Podman  bool
	SELinux bool   // name=selinux stands in its SecurityOptions
	Root    string // its data root on this machine; "" when elsewhere
	Socket  string // path of its endpoint; "" when it is no socket
}

// VolumeInfo is a volume as the engine describes it.
type VolumeInfo struct {
	Driver  string
	Options map[string]string
}

// OwnTarget is a container path that berth mounts itself.
type OwnTarget struct {
	Target string
	What   string // "the home volume", "a tmpfs"
}

// On joins what the host knows of itself with a view of its files; the engine's part and the settings are the caller's.
func On(f host.Facts, files Files) Host {
	uid := f.UID
	if uid == 0 && f.SudoUID != 0 {
		uid = f.SudoUID
	}
	return Host{Files: files, OS: f.OS, Home: f.Home, Homes: f.Homes, Cwd: f.Cwd, UID: uid, WSL: f.WSL, Mounts: f.Mounts,
		Sockets: socketsNamed(f.Env)}
}

// Unsupported tells which mounts this version understands but does not make yet. The launcher asks it; nothing else does.
func Unsupported(m Mount) error {
	switch m.Kind {
	case Overlay:
		return fault.New(fault.Usage, "mount it ro, or rw", "%s: copy-on-write (overlay) comes with a later version", m.Given)
	case Volume:
		return fault.New(fault.Usage, "mount a folder: ./"+m.Given, "%s: named volumes come with a later version", m.Given)
	}
	return nil
}
