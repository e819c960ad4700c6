package hardening

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"berth/internal/sandbox"
)

// Relay is a container through which a sandbox reaches named TCP ports of one host on another network, and nothing else
// there. It stands on both networks; on the sandbox's it has the host's name.
type Relay struct {
	Sandbox string
	Number  int    // from 1, of this sandbox's relays
	Network string // full name of the other network
	Host    string
	Ports   []uint16
}

// String gives "redis:6379 on shop_cache".
func (r Relay) String() string {
	var ports []string
	for _, p := range r.Ports {
		ports = append(ports, fmt.Sprint(p))
	}
	return r.Host + ":" + strings.Join(ports, ",") + " on " + r.Network
}

const (
	relayMemory = 64 * mib
	relayPids   = 64
)

// Spec is the relay's container: berth's own program alone, without a right that it does not use. image is the starter
// image, own the range of the sandbox's network, labels are the sandbox's.
func (r Relay) Spec(image sandbox.Image, own netip.Prefix, labels map[string]string, e sandbox.Engine) sandbox.Spec {
	s := sandbox.Spec{
		Name: sandbox.RelayName(r.Sandbox, r.Number), Image: image,
		Process: sandbox.Process{
			User: "65533:65533", Entrypoint: []string{"/.berth/starter"}, WorkDir: "/", StopSignal: "SIGTERM", StopTimeout: time.Second,
			Cmd: []string{"relay", "--own", own.Masked().String(), "--network", r.Network, "--host", r.Host},
		},
		Network: sandbox.Network{
			Mode:     sandbox.OwnNetwork(r.Sandbox),
			Attached: []sandbox.Attachment{{Name: sandbox.OwnNetwork(r.Sandbox), Aliases: []string{r.Host}}, {Name: r.Network}},
			Hostname: "relay", DNS: []string{"127.0.0.1"}, DNSSearch: []string{"."},
		},
		Isolation: sandbox.Isolation{
			IpcMode: "private", CgroupnsMode: "private", CapDrop: []string{"ALL"}, NoNewPrivileges: true, Seccomp: Seccomp("strict"),
			ReadonlyRootfs: true, MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths, OomScoreAdj: 500, Restart: "no",
			Sysctls: map[string]string{"net.ipv4.ip_forward": "0"}, // a new network namespace has 1
		},
		Log:    sandbox.Log{Driver: "json-file", Options: map[string]string{"max-size": "1m", "max-file": "1"}},
		Labels: maps.Clone(labels),
	}
	for _, port := range r.Ports {
		s.Process.Cmd = append(s.Process.Cmd, "--port", fmt.Sprint(port))
	}
	s.Limits = sandbox.Limits{Shm: mib, Ulimits: []sandbox.Ulimit{{Name: "core"}, {Name: "nofile", Soft: 1024, Hard: 1024}}}
	if e.CanLimitCPU {
		s.Limits.CPUShares = 512
	}
	if e.CanLimitMemory {
		s.Limits.Memory, s.Limits.MemorySwap = relayMemory, relayMemory
	}
	if e.CanLimitPids {
		s.Limits.Pids = relayPids
	}
	s.Labels[sandbox.LabelKind] = sandbox.KindRelay
	return s.Normalise()
}

// AuditRelays compares relays with what was planned, as one finding. observed has what is there, by name; of one that is
// not there nothing. up tells whether the sandbox runs, since relays stop with it.
func AuditRelays(planned []sandbox.Spec, observed map[string]sandbox.Observed, up bool) Finding {
	f := Finding{
		Rule: "relays", State: Held, By: "inspect", Wanted: fmt.Sprintf("%d as planned", len(planned)), Observed: "as planned",
		Why: "a relay is what the sandbox reaches of another network: one port of one host, from a container without rights",
	}
	var wrong []string
	for _, want := range planned {
		have, there := observed[want.Name]
		switch diff := sandbox.Diff(want, have.Spec); {
		case !there:
			wrong = append(wrong, want.Name+" is not there")
		case up && have.State != sandbox.Up:
			wrong = append(wrong, want.Name+" is "+string(have.State))
		case len(diff) > 0:
			wrong = append(wrong, want.Name+": "+diff[0].String())
		}
	}
	if len(wrong) > 0 {
		f.State, f.Observed, f.Fix = Failed, strings.Join(wrong, "; "), "stop the sandbox and start it again"
	}
	return f
}
