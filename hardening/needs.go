package hardening

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/sandbox"
)

// Needs is what an engine must have for a rule to be worth its name. All of it must be there.
type Needs struct {
	Security []string // one of these security options: seccomp, apparmor, selinux
	Memory   bool     // the engine can limit memory,
	CPU      bool     // processor time,
	Pids     bool     // processes
	Docker   bool     // Docker's own manners, which Podman does not share
	Told     bool     // inspect must tell it: Podman does as it is asked and says nothing of it (5.8, measured)
	Refuse   Profile  // from this profile on, a lack is refused at the plan; "" never
}

// missing says what e lacks, "" for nothing.
func (n Needs) missing(e sandbox.Engine) string {
	switch {
	case len(n.Security) > 0 && !slices.ContainsFunc(n.Security, func(s string) bool { return slices.Contains(e.Security, s) }):
		return fmt.Sprintf("this engine has no %s", strings.Join(n.Security, " and no "))
	case n.Memory && !e.CanLimitMemory:
		return "this engine cannot limit memory" + rootlessHint(e)
	case n.CPU && !e.CanLimitCPU:
		return "this engine cannot limit processor time" + rootlessHint(e)
	case n.Pids && !e.CanLimitPids:
		return "this engine cannot limit processes" + rootlessHint(e)
	case n.Docker && isPodman(e.Kind):
		return "Podman takes no such option"
	}
	return ""
}

// untold is why a rule cannot be read back.
const untold = "Podman does not tell how it is: only a probe can"

// silent tells whether e says nothing of it in an inspect.
func (n Needs) silent(e sandbox.Engine) bool { return n.Told && isPodman(e.Kind) }

func (n Needs) rank() int {
	if n.Refuse == "" {
		return len(policies) + 1
	}
	return policies[n.Refuse].rank
}

func rootlessHint(e sandbox.Engine) string {
	if isRootless(e.Kind) {
		return ": it runs rootless without delegated cgroup v2 controllers"
	}
	return ""
}

func isPodman(k sandbox.EngineKind) bool { return k == sandbox.Podman || k == sandbox.PodmanRootless }

// isRootless tells whether root in a container is the user on the host.
func isRootless(k sandbox.EngineKind) bool {
	return k == sandbox.DockerRootless || k == sandbox.PodmanRootless
}
