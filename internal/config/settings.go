// Package config turns files, environment and flags into one Settings whose every value knows where it came from; it does not know what a key is for.
package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/secret"
)

// Settings is the value of every key after all layers. A zero value means that nobody asked: the profile or the
// launch decides.
type Settings struct {
	// Volumes are the texts of `volumes`, SANDBOX_VOLUMES and -v, lowest layer first; package mounts reads them.
	Volumes []VolumeText
	// Mounts are the [[mounts]] tables.
	Mounts []Mount
	// Workspace holds the WORKSPACE_* variables of older OpenHands as they are set, by name; package mounts gives
	// them their meaning and their warnings.
	Workspace   map[string]string
	OverlayDir  string // absolute; empty: in berth's state folder
	AllowPaths  []string
	SecretMasks []string // patterns

	Image        string // reference or profile name
	DefaultImage string
	Images       map[string]*ImageProfile
	Bases        map[string]string // name of a base → reference

	Profile string // compat, standard, strict, paranoid
	GiveUp  []string

	Egress             Egress
	EgressPrivate      []egress.Target
	AdditionalNetworks []string
	ComposeProject     string // from file, BERTH_COMPOSE_PROJECT or flag; package network reads COMPOSE_PROJECT_NAME
	AllowLANNetworks   []string
	Sidecars           []Sidecar
	SubnetPool         netip.Prefix

	Links   Links
	VNC     string // auto, on, off
	Publish bool

	Env         map[string]secret.String
	EnvFile     []string // absolute paths
	EnvFromHost []string // names

	Memory  Size    // 0: the profile's
	CPUs    float64 // 0: the profile's
	Pids    int     // 0: the profile's
	Nofile  int     // 0: the profile's
	ShmSize Size

	User          User
	UserNamespace string // "", host, keep-id
	OCIRuntime    string
	Seccomp       string // "", userns
	GPU           bool
	GPUDevices    []string // which, as CUDA_VISIBLE_DEVICES says it; empty: all
	KVM           bool

	Host         string // engine endpoint, as the docker command takes it
	Context      string // docker context
	ReadyTimeout time.Duration

	OnQuit string // leave, stop, ask
	Icons  string // unicode, ascii
	Theme  string // auto, dark, light
	Keys   map[string]string

	Disk      Disk
	Snapshots Snapshots

	// Notices are lines for the user about variables that are old, ignored or probably misspelt.
	Notices []string

	// ProjectSum is the sha256 of the project file that was read; zero when there is none.
	ProjectSum [32]byte

	sources map[string]Source
}

// VolumeText is one value in the SANDBOX_VOLUMES grammar: one entry or several.
type VolumeText struct {
	Text   string
	Source Source
	Dir    string // absolute folder that relative paths in Text start from
}

// Mount is one [[mounts]] table: the same as a volume entry, without escapes.
type Mount struct {
	Source string
	Target string
	Mode   []string
	At     Source
	Dir    string // absolute folder that a relative Source starts from
}

// Sidecar is one [[sidecars]] table: the one service of a joined network that the sandbox reaches.
type Sidecar struct {
	Network string
	Host    string
	Port    uint16
	At      Source
}

// Egress is what the sandbox may reach outside. The zero Egress leaves it to the profile.
type Egress struct {
	Mode  egress.Mode
	Allow []egress.Rule // of mode list
}

// String gives the mode, or the list by commas.
func (e Egress) String() string {
	if len(e.Allow) > 0 {
		return strings.Join(texts(e.Allow), ",")
	}
	return string(e.Mode)
}

// User says who runs inside.
type User struct {
	Mode string // host, image, ids
	UID  int    // of mode ids
	GID  int    // of mode ids; -1: the host user's own
}

// String gives "host", "image" or "uid:gid".
func (u User) String() string {
	if u.Mode != "ids" {
		return u.Mode
	}
	if u.GID < 0 {
		return strconv.Itoa(u.UID)
	}
	return fmt.Sprintf("%d:%d", u.UID, u.GID)
}

// Links are the ports of the links.
type Links struct {
	Port  uint16   // first of three on the host; 0: 8010 or the next free triple
	Extra []uint16 // further ports inside that get a link
}

// Disk are the budgets of what berth keeps.
type Disk struct{ Images, Snapshots, Logs Size }

// Snapshots are the rules for kept sandboxes.
type Snapshots struct {
	Keep       int
	OnSecret   string // fail
	ScrubPaths []string
}

// Size is a number of bytes.
type Size int64

// String gives the size in the largest unit that divides it: 256MiB, 20GB, 1000.
func (b Size) String() string {
	for _, unit := range sizeUnits {
		if n := int64(b); n > 0 && n%unit.bytes == 0 && !unit.alias {
			return strconv.FormatInt(n/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// ImageProfile is one [images.NAME] table. Strings are as written; package image and the launch read them.
type ImageProfile struct {
	Image, Repository, Tag string
	Registry               Registry
	Pull, Pin              string
	Platform, Contract     string
	Base                   string
	Entrypoint             []string // nil: keep the image's
	Command                []string
	Env                    map[string]secret.String // a value "env:X" is read from berth's environment
	Workdir, User          string
	Mounts                 []VolumeText
	Memory, Disk, MaxSize  Size
	CPUs                   float64
	IdleStop               time.Duration
	KVM                    bool
	Pool                   int
	Prepare, Verify        []string
	PrepareOptional        bool
	Hooks                  string
	Runtime                string // server put into an image built on demand
	RuntimeVersion         string
	Network                string
	Steps                  []map[string]any // as TOML gave them; package image reads them
	Dockerfile             string           // absolute
	Refresh                string
	AllowEntrypoint        bool
	AllowSecretFiles       []string
	Ignore                 []string
	EnvFiles               bool
	Dir                    string // absolute folder that relative paths start from
}

// Registry is how to log in where an image comes from; a password is never written here.
type Registry struct {
	Server, Username          string
	PasswordEnv, PasswordFile string
	PasswordCommand           []string
}
