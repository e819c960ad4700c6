package hardening

import (
	"slices"
	"strings"

	"berth/internal/sandbox"
)

// Severity says what a gate means for a launch.
type Severity string

// The severities.
const (
	Refuse Severity = "refuse" // a launch under the gate's profiles is refused
	Danger Severity = "danger" // a known hole that berth cannot close
	Warn   Severity = "warn"   // weaker than on another engine
	Note   Severity = "note"   // berth goes another way, and nothing is lost
)

// Gate is something that an engine cannot do, or does dangerously, and what berth does about it.
type Gate struct {
	ID       string
	Severity Severity
	Fact     string // what is so, one sentence without a period
	Berth    string // what berth does
	Fix      string // what the user can do; "" when nothing is needed
	hit      func(sandbox.Engine) bool
}

// Gates gives what is to be said about an engine, gravest first, for doctor and for the plan.
func Gates(e sandbox.Engine) []Gate {
	var out []Gate
	for _, g := range gates {
		if g.hit(e) {
			out = append(out, g)
		}
	}
	return out
}

// gates are in the order of their severity.
var gates = []Gate{
	{
		ID: "no-seccomp", Severity: Refuse,
		Fact:  "this engine does not filter system calls",
		Berth: "only the profile compat starts",
		Fix:   "use a kernel with CONFIG_SECCOMP_FILTER",
		hit:   func(e sandbox.Engine) bool { return !hasSecurity(e, "seccomp") },
	},
	{
		ID: "open-tcp", Severity: Refuse,
		Fact:  "this engine is spoken to over TCP without TLS: whoever reaches it is root there",
		Berth: "no sandbox starts",
		Fix:   "docker context create NAME --docker host=ssh://USER@HOST",
		hit: func(e sandbox.Engine) bool {
			return strings.HasPrefix(e.Endpoint, "tcp://") || strings.HasPrefix(e.Endpoint, "http://")
		},
	},
	{
		ID: "runc-2024-21626", Severity: Danger,
		Fact:  "runc before 1.1.12 lets an image or an exec reach the host's files (CVE-2024-21626)",
		Berth: "the audit cannot prove that nothing got out",
		Fix:   "update runc, unless your distribution patched this version",
		hit:   runcBefore("1.1.12"),
	},
	{
		ID: "runc-2025-31133", Severity: Danger,
		Fact:  "runc before 1.2.8 and 1.3.3 can be raced out of its masked paths (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881)",
		Berth: "the audit cannot prove that nothing got out",
		Fix:   "update runc, unless your distribution patched this version",
		hit:   runcBefore("1.2.8", "1.3.3"),
	},
	{
		ID: "desktop-api", Severity: Danger,
		Fact:  "Docker Desktop before 4.44.3 shows the engine's API to containers on any network (CVE-2025-9074)",
		Berth: "a sandbox is safe from it only without a network",
		Fix:   "update Docker Desktop",
		hit:   func(e sandbox.Engine) bool { return desktopBefore(e, "4.44.3") },
	},
	{
		ID: "loopback-open", Severity: Warn,
		Fact:  "before engine 28 a neighbour on the LAN can reach ports published on 127.0.0.1",
		Berth: "publishes nothing: --publish is refused",
		Fix:   "for what others publish: engine 28 or newer, or the rules of berth firewall print",
		hit:   openToNeighbours,
	},
	{
		ID: "bridge-open", Severity: Warn,
		Fact:  "before engine 28 a neighbour on the LAN can reach even unpublished ports of a bridge, unless the host drops forwarded packets",
		Berth: "a sandbox with direct egress counts as reachable",
		Fix:   "use engine 28 or newer, or iptables -P FORWARD DROP",
		hit:   openToNeighbours,
	},
	{
		ID: "podman-open", Severity: Warn,
		Fact:  "with Podman as root a neighbour on the LAN can reach a container on a bridge by a route to its address, published or not",
		Berth: "publishes nothing: --publish is refused; a sandbox with direct egress counts as reachable",
		Fix:   "run Podman without root, or drop packets that are forwarded to its networks",
		hit:   func(e sandbox.Engine) bool { return e.Kind == sandbox.Podman },
	},
	{
		ID: "runc-2026-41579", Severity: Warn,
		Fact:  "runc before 1.3.6 and 1.4.3 has a known hole (CVE-2026-41579)",
		Berth: "warns of it",
		Fix:   "update runc, unless your distribution patched this version",
		hit:   runcBefore("1.3.6", "1.4.3"),
	},
	{
		ID: "userns-remap", Severity: Warn,
		Fact:  "this engine maps users, so no user inside can write your folders",
		Berth: "a writable folder is refused",
		Fix:   "--give-up user-namespace=host, or mount read-only",
		hit:   func(e sandbox.Engine) bool { return e.Kind == sandbox.DockerUserns },
	},
	{
		ID: "no-cpu-limit", Severity: Warn,
		Fact:  "this engine cannot limit processor time",
		Berth: "limit-cpus is unsupported; strict and paranoid are refused",
		Fix:   "delegate the cpu controller of cgroup v2 to your user",
		hit:   func(e sandbox.Engine) bool { return !e.CanLimitCPU },
	},
	{
		ID: "no-memory-limit", Severity: Warn,
		Fact:  "this engine cannot limit memory",
		Berth: "limit-memory is unsupported",
		Fix:   "turn on the memory controller of the kernel's control groups",
		hit:   func(e sandbox.Engine) bool { return !e.CanLimitMemory },
	},
	{
		ID: "no-pids-limit", Severity: Warn,
		Fact:  "this engine cannot limit processes",
		Berth: "limit-pids is unsupported: a fork bomb reaches the host",
		Fix:   "turn on the pids controller of the kernel's control groups",
		hit:   func(e sandbox.Engine) bool { return !e.CanLimitPids },
	},
	{
		ID: "remote", Severity: Warn,
		Fact:  "this engine is on another machine: folders to mount are that machine's",
		Berth: "mounts cannot be verified, and the posture says so",
		hit:   func(e sandbox.Engine) bool { return e.Remote },
	},
	{
		ID: "no-lsm", Severity: Note,
		Fact:  "this engine has neither AppArmor nor SELinux",
		Berth: "lsm is unsupported: system call filter, capabilities and users must do",
		Fix:   "turn AppArmor on in the kernel and start the engine again",
		hit:   func(e sandbox.Engine) bool { return !hasSecurity(e, "apparmor") && !hasSecurity(e, "selinux") },
	},
	{
		ID: "dns-leak", Severity: Note,
		Fact:  "before engine 23.0.11, 25.0.5 and 26.0 internal networks still ask the host's resolver (CVE-2024-29018)",
		Berth: "a sandbox without egress gets 127.0.0.1 for a resolver",
		hit: func(e sandbox.Engine) bool {
			return !isPodman(e.Kind) && before(e.Version, "23.0.11", "25.0.5", "26.0")
		},
	},
	{
		ID: "no-checkpoint", Severity: Note,
		Fact:  "runc before 1.4.4 and 1.5.3 can be attacked by a checkpoint's files (CVE-2026-119101)",
		Berth: "no checkpoints are used",
		hit:   runcBefore("1.4.4", "1.5.3"),
	},
	{
		ID: "one-endpoint", Severity: Note,
		Fact:  "before API 1.44 a container is made with one network only",
		Berth: "the others are joined before it starts",
		hit:   func(e sandbox.Engine) bool { return before(e.API, "1.44") },
	},
	{
		ID: "no-gateway-priority", Severity: Note,
		Fact:  "before API 1.48 the default route goes to the network that sorts first",
		Berth: "the sandbox's own network has a name that does",
		hit:   func(e sandbox.Engine) bool { return before(e.API, "1.48") },
	},
	{
		ID: "ro-not-recursive", Severity: Note,
		Fact:  "before engine 25 or Linux 5.12 a read-only mount leaves what is mounted below it writable",
		Berth: "mounts below a mount are not carried along",
		hit: func(e sandbox.Engine) bool {
			return before(e.Version, "25.0") && !isPodman(e.Kind) || before(e.Kernel, "5.12")
		},
	},
	{
		ID: "cgroup-v1", Severity: Note,
		Fact:  "on cgroup v1 containers share the host's view of control groups unless told otherwise",
		Berth: "the sandbox has a view of its own",
		hit:   func(e sandbox.Engine) bool { return e.CgroupVersion == "1" },
	},
	{
		ID: "nofile", Severity: Note,
		Fact:  "the engine itself may open fewer than 16384 files",
		Berth: "limit-nofile goes down to what it can give",
		hit:   func(e sandbox.Engine) bool { return e.NofileMax > 0 && e.NofileMax < 16384 },
	},
}

func hasSecurity(e sandbox.Engine, name string) bool { return slices.Contains(e.Security, name) }

// openTCP knows TCP without TLS by its scheme or by the port that stands for it.
func openTCP(e sandbox.Engine) bool {
	return strings.HasPrefix(e.Endpoint, "http://") ||
		strings.HasPrefix(e.Endpoint, "tcp://") && strings.HasSuffix(e.Endpoint, ":2375")
}

// runcBefore tells of a runc that lacks a fix, by the version it gives. Distributions patch without changing that.
func runcBefore(fixes ...string) func(sandbox.Engine) bool {
	return func(e sandbox.Engine) bool {
		return parseVersion(e.RuncVersion) != nil && before(e.RuncVersion, fixes...)
	}
}

// openToNeighbours holds for an untold version too.
func openToNeighbours(e sandbox.Engine) bool { return !isPodman(e.Kind) && before(e.Version, "28.0") }

// desktopBefore reads Desktop's own version where the engine tells it: "Docker Desktop 4.40.0 (12345)".
func desktopBefore(e sandbox.Engine, fix string) bool {
	if e.Kind != sandbox.DockerDesktop {
		return false
	}
	_, told, _ := strings.Cut(e.OperatingSystem, "Docker Desktop ")
	v := parseVersion(told)
	return v != nil && v.before(parseVersion(fix))
}
