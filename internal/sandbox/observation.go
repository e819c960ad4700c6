package sandbox

import (
	"net/netip"
	"time"
)

// State is what a sandbox is doing, in the words of the screen.
type State string

// The states. Starting is a running container whose launch has not finished.
const (
	Created  State = "created"
	Starting State = "starting"
	Up       State = "up"
	Paused   State = "paused"
	Stopped  State = "stopped"
	Gone     State = "gone"
)

// Observed is one sandbox as the engine has it now, read back into berth's words.
type Observed struct {
	ID        string // container id, 64 hex digits
	Spec      Spec
	State     State
	Created   time.Time
	Started   time.Time
	Ended     time.Time
	ExitCode  int
	OOMKilled bool
	Error     string // the engine's own words, if the start failed
	Published []Port // what is really bound now
	Pid       int    // of PID 1 on the engine's host; 0 when not running
}

// EngineKind tells whose manners to expect.
type EngineKind string

// The kinds of engines.
const (
	Docker         EngineKind = "docker"
	DockerRootless EngineKind = "docker-rootless"
	DockerDesktop  EngineKind = "docker-desktop"
	DockerUserns   EngineKind = "docker-userns-remap"
	Podman         EngineKind = "podman"
	PodmanRootless EngineKind = "podman-rootless"
)

// Engine is what one engine is and can do.
type Engine struct {
	Kind            EngineKind
	Version         string // "20.10.24"
	API             string // negotiated, "1.41"
	Endpoint        string // unix:///var/run/docker.sock
	Remote          bool   // tcp or ssh: bind sources are the remote's folders
	OS              string
	Arch            string // as Go says it: amd64, arm64
	Kernel          string
	OperatingSystem string
	CPUs            int
	Memory          int64 // bytes
	CgroupVersion   string
	Security        []string // names in SecurityOptions: seccomp, apparmor, selinux, rootless, userns
	Runtimes        []string // sorted
	DefaultRuntime  string
	RuncVersion     string
	RootDir         string
	CanLimitMemory  bool
	CanLimitCPU     bool
	CanLimitPids    bool
	NofileMax       int64 // hard limit the daemon itself has; 0 unknown
	Warnings        []string
}

// LocalImage is an image the engine already has.
type LocalImage struct {
	Image
	Size       int64
	Created    time.Time
	Entrypoint []string
	Cmd        []string
	User       string
	WorkDir    string
	Env        []string
	Labels     map[string]string
	Volumes    []string // paths the image declares as volumes, sorted
	Exposed    []string
}

// NetworkInfo is one network of the engine.
type NetworkInfo struct {
	ID         string
	Name       string
	Driver     string
	Scope      string
	Internal   bool
	Attachable bool
	ConfigOnly bool
	IPv6       bool
	Labels     map[string]string
	Options    map[string]string
	Subnets    []netip.Prefix
}

// VolumeInfo is one volume of the engine.
type VolumeInfo struct {
	Name    string
	Driver  string
	Options map[string]string
	Labels  map[string]string
	Created time.Time
}

// Observation is what the engine has now: taken once, before planning; the planner's only view of the world.
type Observation struct {
	Engine     Engine
	Images     map[string]LocalImage // by the reference asked for; absent means not there
	Networks   []NetworkInfo
	Volumes    []VolumeInfo
	Sandboxes  []Observed // with a dev.berth.sandbox label, of every owner
	Containers []Container
}

// Container is what berth needs to know of any container of the engine, its own or not.
type Container struct {
	Name     string
	Labels   map[string]string
	Running  bool
	Networks []string // names, sorted
	Ports    []uint16 // TCP ports that it exposes, published or not, sorted; one that does not run tells none
}

// Folder is an empty folder of a user's in a volume, which is mounted at its parent's place.
type Folder struct {
	Volume, Parent, Name string // "berth-shop-home", "home", "agent"
	Arch                 string // of the engine: amd64, arm64
	UID, GID             int    // inside
	Mode                 int64
}
