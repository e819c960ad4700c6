package engine

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"berth/internal/sandbox"
)

func translateSecurity(i sandbox.Isolation) []string {
	var options []string
	if i.NoNewPrivileges {
		options = append(options, "no-new-privileges:true")
	}
	if i.Seccomp != "" {
		options = append(options, "seccomp="+i.Seccomp)
	}
	if i.AppArmor != "" {
		options = append(options, "apparmor="+i.AppArmor)
	}
	for _, label := range i.SELinuxLabels {
		options = append(options, "label="+label)
	}
	return options
}

func translateDevices(list []string) []container.DeviceMapping {
	var out []container.DeviceMapping
	for _, device := range list {
		parts := slices.Grow(strings.SplitN(device, ":", 3), 3)[:3]
		out = append(out, container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[1], CgroupPermissions: parts[2]})
	}
	return out
}

func observeIsolation(host *container.HostConfig) sandbox.Isolation {
	i := sandbox.Isolation{
		Privileged:      host.Privileged,
		PidMode:         string(host.PidMode),
		UTSMode:         string(host.UTSMode),
		IpcMode:         string(host.IpcMode),
		CgroupnsMode:    string(host.CgroupnsMode),
		UsernsMode:      string(host.UsernsMode),
		CgroupParent:    host.CgroupParent,
		Links:           orNil(host.Links),
		VolumesFrom:     orNil(host.VolumesFrom),
		PublishAllPorts: host.PublishAllPorts,
		CapDrop:         observeCaps(host.CapDrop),
		CapAdd:          observeCaps(host.CapAdd),
		ReadonlyRootfs:  host.ReadonlyRootfs,
		MaskedPaths:     host.MaskedPaths,
		ReadonlyPaths:   host.ReadonlyPaths,
		Devices:         observeDevices(host.Devices),
		GPU:             len(host.DeviceRequests) > 0,
		Runtime:         host.Runtime,
		OomScoreAdj:     host.OomScoreAdj,
		OomKillDisable:  host.OomKillDisable != nil && *host.OomKillDisable,
		Restart:         string(host.RestartPolicy.Name),
		AutoRemove:      host.AutoRemove,
		Sysctls:         host.Sysctls,
	}
	if i.Restart == "" {
		i.Restart = string(container.RestartPolicyDisabled)
	}
	observeSecurity(&i, host.SecurityOpt)
	return i
}

// observeSecurity reads both separators that engines accept, "=" and the older ":".
func observeSecurity(i *sandbox.Isolation, options []string) {
	for _, option := range options {
		name, value := option, ""
		if at := strings.IndexAny(option, "=:"); at >= 0 {
			name, value = option[:at], option[at+1:]
		}
		switch name {
		case "no-new-privileges":
			i.NoNewPrivileges = value != "false"
		case "seccomp":
			i.Seccomp = value
		case "apparmor":
			i.AppArmor = value
		case "label":
			if value != "disable" || !losesLabel(i) {
				i.SELinuxLabels = append(i.SELinuxLabels, value)
			}
		}
	}
}

// losesLabel tells whether the engine itself adds label=disable, whatever was asked for: it does so for a container
// that is privileged or shares the host's processes or memory.
func losesLabel(i *sandbox.Isolation) bool {
	return i.Privileged || i.PidMode == "host" || i.IpcMode == "host"
}

// observeCaps takes off the prefix that the client puts before every name but ALL.
func observeCaps(caps []string) []string {
	var out []string
	for _, name := range caps {
		out = append(out, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	}
	return out
}

func observeDevices(list []container.DeviceMapping) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.PathOnHost+":"+d.PathInContainer+":"+d.CgroupPermissions)
	}
	return out
}

// translateLimits never leaves a zero to the engine: it would take twice the memory as swap.
func translateLimits(s sandbox.Spec) container.Resources {
	l := s.Limits
	r := container.Resources{
		Memory:         l.Memory,
		MemorySwap:     l.MemorySwap,
		NanoCPUs:       l.NanoCPUs,
		CPUShares:      l.CPUShares,
		CgroupParent:   s.CgroupParent,
		Devices:        translateDevices(s.Devices),
		OomKillDisable: &s.OomKillDisable,
	}
	if l.MemorySwap == 0 {
		r.MemorySwap = -1
	}
	if l.Pids > 0 {
		r.PidsLimit = &l.Pids
	}
	for _, u := range l.Ulimits {
		r.Ulimits = append(r.Ulimits, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	if s.GPU {
		r.DeviceRequests = []container.DeviceRequest{{Count: -1, Capabilities: [][]string{{"gpu"}}}}
	}
	return r
}

func observeLimits(host *container.HostConfig) sandbox.Limits {
	l := sandbox.Limits{
		Memory: host.Memory, MemorySwap: max(host.MemorySwap, 0), NanoCPUs: host.NanoCPUs,
		CPUShares: host.CPUShares, Shm: host.ShmSize,
	}
	if host.PidsLimit != nil {
		l.Pids = max(*host.PidsLimit, 0)
	}
	for _, u := range host.Ulimits {
		l.Ulimits = append(l.Ulimits, sandbox.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return l
}
