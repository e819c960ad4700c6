package hardening

import (
	"strings"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Profile names a set of rules and the values they want.
type Profile string

// The profiles, weakest first.
const (
	Compat   Profile = "compat"   // for images that need sudo or 32-bit code
	Standard Profile = "standard" // the default
	Strict   Profile = "strict"   // nothing but what was named
	Paranoid Profile = "paranoid" // work goes out as a patch
)

// Profiles lists them, weakest first.
func Profiles() []Profile { return []Profile{Compat, Standard, Strict, Paranoid} }

// ParseProfile reads a profile's name; of an unknown one the error names the nearest.
func ParseProfile(text string) (Profile, error) {
	if _, ok := policies[Profile(text)]; ok {
		return Profile(text), nil
	}
	var names []string
	for _, p := range Profiles() {
		names = append(names, string(p))
	}
	return "", fault.New(fault.Usage, didYouMean(text, names), "profile %q: there are %s", text, strings.Join(names, ", "))
}

// Home is where a sandbox's home lies.
type Home string

// The homes.
const (
	ImagesHome Home = "image"  // as the image has it
	VolumeHome Home = "volume" // a volume of the sandbox's at /home
	MemoryHome Home = "memory" // tmpfs that runs no programs, gone with the container
)

// Shape is what a planner must know of a profile before its Spec can be hardened.
type Shape struct {
	Home       Home
	ImagesUser bool // who runs inside is the image's choice
	Frozen     bool // folders of the host are read-only
}

// ShapeOf gives a profile's shape, as far as its rules were not given up: without its rule the home is a volume.
func ShapeOf(p Profile, giveUp []GiveUp) Shape {
	s := newScope(sandbox.Spec{}, p, giveUp, Facts{})
	shape := Shape{Home: s.policy.home, ImagesUser: s.policy.imagesUser, Frozen: s.policy.frozen && !s.gaveUp("read-only-mounts")}
	if shape.Home == MemoryHome && s.gaveUp("home") {
		shape.Home = VolumeHome
	}
	return shape
}

// policy is what one profile wants, as data: docs/security.md shows it as a table.
type policy struct {
	rank            int // weakest first
	seccomp         string
	capAdd          []string
	imagesUser      bool
	noNewPrivileges bool
	readonlyRootfs  bool
	frozen          bool // no folder of the host is writable
	home            Home
	tmpfs           []sandbox.Tmpfs
	masked          []string // nil: the engine's list
	readonly        []string // nil: the engine's list
	egress          Egress   // what it may reach at most
	attach          bool     // other networks may be joined
	relay           bool     // sidecars may be reached, through a sealed network of the sandbox's own
	memory          int64    // bytes, at most; and never more than half of the engine's
	pids            int64
	gvisor          bool // runsc where the engine has it
}

const (
	mib = 1 << 20
	gib = 1 << 30

	homeDir = "/home/agent"
)

var policies = map[Profile]policy{
	Compat: {
		rank: 0, seccomp: "compat", imagesUser: true, home: ImagesHome,
		capAdd: []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"},
		egress: Direct, attach: true, memory: 4 * gib, pids: 1024,
	},
	Standard: {
		rank: 1, seccomp: "base", noNewPrivileges: true, home: VolumeHome, relay: true,
		egress: On, attach: true, memory: 4 * gib, pids: 1024,
	},
	Strict: {
		rank: 2, seccomp: "strict", noNewPrivileges: true, home: VolumeHome, readonlyRootfs: true, relay: true,
		tmpfs: scratch(true), masked: maskedPaths, readonly: readonlyPaths,
		egress: List, memory: 4 * gib, pids: 1024,
	},
	Paranoid: {
		rank: 3, seccomp: "paranoid", noNewPrivileges: true, home: MemoryHome, readonlyRootfs: true, frozen: true,
		tmpfs: scratch(false), masked: maskedPaths, readonly: readonlyPaths,
		egress: Off, memory: 2 * gib, pids: 256, gvisor: true,
	},
}

// scratch is the memory that a read-only root needs. Servers packed into one file unpack to /tmp and run from there,
// so /tmp without exec breaks them.
func scratch(exec bool) []sandbox.Tmpfs {
	return []sandbox.Tmpfs{
		{Target: "/run", Size: 64 * mib, Mode: "0755"},
		{Target: "/tmp", Exec: exec, Size: gib, Mode: "1777", UID: -1, GID: -1},
		{Target: "/var/tmp", Exec: exec, Size: 256 * mib, Mode: "1777", UID: -1, GID: -1},
	}
}

// maskedPaths hide what tells about the host's kernel and hardware, beyond the engine's own list.
var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/config.gz", "/proc/diskstats", "/proc/interrupts", "/proc/kallsyms",
	"/proc/kcore", "/proc/keys", "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats",
	"/proc/modules", "/proc/partitions", "/proc/pressure", "/proc/sched_debug", "/proc/scsi", "/proc/slabinfo",
	"/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo", "/proc/zoneinfo",
	"/sys/block", "/sys/class/dmi", "/sys/dev/block", "/sys/devices/virtual/dmi", "/sys/devices/virtual/powercap",
	"/sys/firmware", "/sys/fs/bpf", "/sys/hypervisor", "/sys/kernel", "/sys/module", "/sys/power",
}

// readonlyPaths keep the kernel's switches from being turned.
var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
