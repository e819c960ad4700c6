// Package sandbox holds what one sandbox is made from and what an engine has, as data; it touches nothing.
package sandbox

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Spec is every property of a sandbox in berth's words. Equal specs make equal sandboxes.
// Slices are in canonical order (see Normalise), so specs compare with reflect.DeepEqual.
type Spec struct {
	Name    string // of the sandbox, [a-z][a-z0-9-]{0,30}
	Image   Image
	Process Process
	Env     []Env // sorted by name; not part of the round trip, since the image adds to it
	Mounts  []Mount
	Tmpfs   []Tmpfs
	Network Network
	Limits  Limits
	Isolation
	Log    Log
	Labels map[string]string // every dev.berth.* label, and no other
}

// Image is the image a sandbox is made from.
type Image struct {
	Ref      string // as the user named it
	ID       string // sha256:<64 hex>; what the container is created from
	Digest   string // repository digest, "" for an image that was built here
	Platform string // os/arch[/variant]
}

// Process is what runs in the sandbox and how it ends.
type Process struct {
	User        string   // numeric uid:gid
	Groups      []string // additional groups
	Entrypoint  []string // nil keeps the image's
	Cmd         []string
	WorkDir     string // "" keeps the image's
	Init        bool   // the engine's init as PID 1
	TTY         bool
	StopSignal  string
	StopTimeout time.Duration // whole seconds
	Health      *Health       // nil: no health check, the image's included
}

// Health is a health check by a command in the sandbox; it is never used for readiness.
type Health struct {
	Command  []string
	Interval time.Duration
	Timeout  time.Duration
}

// Env is one variable of the sandbox's environment.
type Env struct {
	Name   string
	Value  string
	Unset  bool // a bare name: removes the image's own variable
	Secret bool // the value is never printed
}

// MountKind is how a mount gets its content.
type MountKind string

// The kinds of mounts.
const (
	Bind    MountKind = "bind"
	Volume  MountKind = "volume"
	Overlay MountKind = "overlay"
)

// Mount is a host folder, file or volume in the sandbox.
type Mount struct {
	Kind     MountKind
	Source   string // real host path, or the volume's name
	Target   string // absolute, clean
	ReadOnly bool
	NoCopy   bool   // volume: do not copy the image's files into it
	SELinux  string // "", "z", "Z"
}

// Tmpfs is memory mounted as a folder; always rw, nosuid and nodev.
type Tmpfs struct {
	Target string
	Exec   bool
	Size   int64  // bytes
	Mode   string // octal, "1777"
	UID    int    // -1: root
	GID    int    // -1: root
}

// Network is everything about a sandbox's networks and names.
type Network struct {
	Mode       string // name of the first network, or "none"
	Attached   []Attachment
	Ports      []Port // published; HostPort 0 lets the engine choose
	Hostname   string
	ExtraHosts []string // name:address
	DNS        []string
	DNSSearch  []string
}

// Attachment is one network of a sandbox.
type Attachment struct {
	Name     string
	Aliases  []string // asked for by us; the engine adds its own
	Priority int      // gateway priority; only sent from API 1.48
}

// String gives "shop_cache as redis".
func (a Attachment) String() string {
	words := []string{a.Name}
	if len(a.Aliases) > 0 {
		words = append(words, "as "+strings.Join(a.Aliases, ", "))
	}
	if a.Priority != 0 {
		words = append(words, "priority "+strconv.Itoa(a.Priority))
	}
	return strings.Join(words, " ")
}

// Port is one TCP port published on the host.
type Port struct {
	Container uint16
	Host      netip.AddrPort // address never unspecified; port 0: the engine chooses
}

// Limits bound what a sandbox can use up. Zero means "no limit", which no profile has.
type Limits struct {
	Memory     int64 // bytes
	MemorySwap int64 // bytes, memory included
	NanoCPUs   int64 // 1e9 is one core; 0 where the engine cannot limit it
	CPUShares  int64
	Pids       int64
	Shm        int64    // bytes of /dev/shm
	Ulimits    []Ulimit // sorted by name
}

// Ulimit is one resource limit of processes.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// Isolation is what keeps a sandbox in. The zero value keeps nothing.
type Isolation struct {
	Privileged      bool
	PidMode         string
	UTSMode         string
	IpcMode         string
	CgroupnsMode    string
	UsernsMode      string
	CgroupParent    string
	Links           []string
	VolumesFrom     []string
	PublishAllPorts bool
	CapDrop         []string
	CapAdd          []string
	NoNewPrivileges bool
	Seccomp         string // the profile's JSON, compact; "" is the engine's own, "unconfined" is none
	AppArmor        string // "" is the engine's own
	SELinuxLabels   []string
	ReadonlyRootfs  bool
	MaskedPaths     []string // nil is the engine's list, empty is none
	ReadonlyPaths   []string // nil is the engine's list, empty is none
	Devices         []string // host:container:permissions
	GPU             bool
	Runtime         string // "" is the engine's default
	OomScoreAdj     int
	OomKillDisable  bool
	Restart         string // "no", ...
	AutoRemove      bool
	Sysctls         map[string]string
}

// Log says where and how much of the output is kept by the engine.
type Log struct {
	Driver  string
	Options map[string]string
}

// Label names; identity labels are set in every create, since a container inherits the image's.
const (
	LabelSandbox  = "dev.berth.sandbox"  // the sandbox's name
	LabelID       = "dev.berth.id"       // of this launch, 16 hex digits
	LabelOwner    = "dev.berth.owner"    // state.Owner: whose sandbox it is
	LabelProfile  = "dev.berth.profile"  // hardening profile
	LabelPlan     = "dev.berth.plan"     // Spec.Hash
	LabelVersion  = "dev.berth.version"  // berth's
	LabelProject  = "dev.berth.project"  // folder the sandbox belongs to
	LabelKind     = "dev.berth.kind"     // image: starter, workbench, ...; container: sandbox, helper, relay
	LabelContract = "dev.berth.contract" // image: which server it holds
	LabelKey      = "dev.berth.key"      // image: content key it was built for
	LabelPrefix   = "dev.berth."
)

// KindRelay is the LabelKind of a container through which a sandbox reaches one port of a sidecar.
const KindRelay = "relay"

// KindHelper is the LabelKind of a container that never runs: files of an image are read through it.
const KindHelper = "helper"

// ContainerName gives the name of a sandbox's container.
func ContainerName(name string) string { return "berth-" + name }

// HomeVolume gives the name of the volume that holds a sandbox's home.
func HomeVolume(name string) string { return "berth-" + name + "-home" }

// HasHomeVolume tells whether a sandbox's home is a volume of its own.
func HasHomeVolume(s Spec) bool {
	own := HomeVolume(s.Name)
	return slices.ContainsFunc(s.Mounts, func(m Mount) bool { return m.Kind == Volume && m.Source == own && m.Target == "/home" })
}

// RelayName gives the name of a sandbox's relay; no sandbox can have such a name.
func RelayName(name string, number int) string { return name + ".relay" + strconv.Itoa(number) }

// Helper tells whether a container of berth's is no sandbox but serves one: a relay, or one that files are read through.
func (o Observed) Helper() bool {
	kind := o.Spec.Labels[LabelKind]
	return kind == KindHelper || kind == KindRelay
}

// OnOwnNetwork tells whether a sandbox stands on a network that berth made for it.
func (o Observed) OnOwnNetwork() bool {
	return slices.ContainsFunc(o.Spec.Network.Attached, func(a Attachment) bool { return a.Name == OwnNetwork(o.Spec.Name) })
}

// OwnNetwork gives the name of a sandbox's own bridge. It sorts before other names, since the engine takes the
// first network by name for the default route and the published ports (docker networks, API < 1.48).
func OwnNetwork(name string) string { return "0berth-" + name }
