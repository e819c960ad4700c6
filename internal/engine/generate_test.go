package engine

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"pgregory.net/rapid"

	"berth/internal/sandbox"
)

// place says what a generated Spec may name: what exists on the engine it is made for.
type place struct {
	image    sandbox.Image
	folder   string   // below it bind sources may lie
	networks []string // besides none
	limits   bool     // the engine can limit what sandboxes use
	podman   bool     // not what Podman cannot tell or do
	open     bool     // also what opens a sandbox to the host, for which a real engine adds label=disable
}

// specs generates every kind of Spec that an engine accepts.
func specs(p place) *rapid.Generator[sandbox.Spec] {
	return rapid.Custom(func(t *rapid.T) sandbox.Spec {
		s := sandbox.Spec{
			Name:      rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`).Draw(t, "name"),
			Image:     p.image,
			Process:   process(t),
			Mounts:    mounts(t, p),
			Tmpfs:     tmpfs(t, p),
			Network:   networks(t, p),
			Isolation: isolation(t, p),
			Log: sandbox.Log{
				Driver:  rapid.SampledFrom([]string{"", "json-file"}).Draw(t, "log"),
				Options: nil,
			},
			Labels: labels(t),
		}
		if s.Log.Driver != "" && !p.podman && rapid.Bool().Draw(t, "log options") {
			s.Log.Options = map[string]string{"max-size": "10m", "max-file": "3"}
		}
		s.Limits = limits(t, p)
		if p.podman {
			s.Process.Init, s.Process.User = false, "1000:1000" // an init would have to be on the engine's machine
		}
		return s.Normalise()
	})
}

func process(t *rapid.T) sandbox.Process {
	p := sandbox.Process{
		User:        maybe(t, "user", "1000:1000", "0:0"),
		Groups:      some(t, "groups", "10", "20", "audio"),
		Init:        rapid.Bool().Draw(t, "init"),
		TTY:         rapid.Bool().Draw(t, "tty"),
		WorkDir:     maybe(t, "workdir", "/workspace", "/a b"),
		StopSignal:  maybe(t, "signal", "SIGTERM", "SIGINT"),
		StopTimeout: time.Duration(rapid.IntRange(0, 20).Draw(t, "stop timeout")) * time.Second,
	}
	if rapid.Bool().Draw(t, "own entrypoint") {
		p.Entrypoint = []string{"/tool"}
	}
	if rapid.Bool().Draw(t, "own command") || p.Entrypoint != nil {
		p.Cmd = []string{"wait", "with 'quotes' and\nlines"}
	}
	if rapid.Bool().Draw(t, "health") {
		p.Health = &sandbox.Health{Command: []string{"/tool", "exit", "0"}, Interval: time.Minute, Timeout: 5 * time.Second}
	}
	return p
}

func mounts(t *rapid.T, p place) []sandbox.Mount {
	var out []sandbox.Mount
	for i := range rapid.IntRange(0, 4).Draw(t, "mounts") {
		m := sandbox.Mount{Target: fmt.Sprintf("/m%d", i), ReadOnly: rapid.Bool().Draw(t, "read only")}
		if rapid.Bool().Draw(t, "volume") {
			m.Kind, m.Source = sandbox.Volume, "berth-"+mark+"-volume"
			m.NoCopy = rapid.Bool().Draw(t, "no copy") || p.podman
		} else {
			m.Kind = sandbox.Bind
			m.Source = p.folder + "/" + rapid.SampledFrom([]string{"plain", "with space", "ünïcode", "c:olon", "com,ma"}).Draw(t, "source")
			if !strings.Contains(m.Source, ":") {
				m.SELinux = maybe(t, "selinux", "z", "Z")
			}
		}
		out = append(out, m)
	}
	return out
}

func tmpfs(t *rapid.T, p place) []sandbox.Tmpfs {
	var out []sandbox.Tmpfs
	for i := range rapid.IntRange(0, 3).Draw(t, "tmpfs") {
		one := sandbox.Tmpfs{
			Target: fmt.Sprintf("/t%d", i),
			Exec:   rapid.Bool().Draw(t, "exec"),
			Size:   rapid.SampledFrom([]int64{0, 1 << 20, 1 << 30}).Draw(t, "size"),
			Mode:   maybe(t, "mode", "1777", "0755"),
			UID:    rapid.IntRange(-1, 2000).Draw(t, "uid"),
			GID:    rapid.IntRange(-1, 2000).Draw(t, "gid"),
		}
		if p.podman && (one.UID >= 0 || one.GID >= 0) {
			one.UID, one.GID = 1000, 1000
		}
		out = append(out, one)
	}
	return out
}

func networks(t *rapid.T, p place) sandbox.Network {
	n := sandbox.Network{
		Mode:       "none",
		Hostname:   maybe(t, "hostname", "sandbox"),
		ExtraHosts: some(t, "hosts", "sandbox:127.0.0.1", "db:10.0.0.1"),
		DNS:        some(t, "dns", "127.0.0.1", "10.0.0.53"),
		DNSSearch:  some(t, "search", "."),
	}
	joined := some(t, "networks", p.networks...)
	if len(joined) == 0 {
		return n
	}
	n.Mode = joined[0]
	for _, name := range joined {
		n.Attached = append(n.Attached, sandbox.Attachment{Name: name, Aliases: some(t, "aliases", "web", "a.long-alias-of-more-than-12")})
	}
	for _, port := range []uint16{8000, 8001} {
		if rapid.Bool().Draw(t, "publish") {
			at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), rapid.SampledFrom([]uint16{0, port + 30000}).Draw(t, "host port"))
			if p.podman {
				at = netip.AddrPortFrom(at.Addr(), 0)
			}
			n.Ports = append(n.Ports, sandbox.Port{Container: port, Host: at})
		}
	}
	return n
}

func limits(t *rapid.T, p place) sandbox.Limits {
	l := sandbox.Limits{Shm: rapid.SampledFrom([]int64{0, 64 << 20, 256 << 20}).Draw(t, "shm")}
	if rapid.Bool().Draw(t, "nofile") {
		l.Ulimits = []sandbox.Ulimit{{Name: "nofile", Soft: 1024, Hard: 4096}, {Name: "core"}}
	}
	if !p.limits || rapid.Bool().Draw(t, "unlimited") {
		return l
	}
	l.Memory = rapid.SampledFrom([]int64{64 << 20, 1 << 30}).Draw(t, "memory")
	l.MemorySwap = rapid.SampledFrom([]int64{0, l.Memory, 2 * l.Memory}).Draw(t, "swap")
	if p.podman && l.MemorySwap == 0 { // which takes a limit of memory for one of swap
		l.MemorySwap = l.Memory
	}
	l.NanoCPUs = rapid.SampledFrom([]int64{0, 5e8, 1e9}).Draw(t, "cpus")
	l.CPUShares = rapid.SampledFrom([]int64{0, 512}).Draw(t, "shares")
	l.Pids = rapid.SampledFrom([]int64{0, 256, 1024}).Draw(t, "pids")
	return l
}

func isolation(t *rapid.T, p place) sandbox.Isolation {
	i := sandbox.Isolation{
		IpcMode:         maybe(t, "ipc", "private", "none", "shareable"),
		CgroupnsMode:    maybe(t, "cgroupns", "private", "host"),
		PublishAllPorts: rapid.Bool().Draw(t, "publish all"),
		CapDrop:         some(t, "drop", "ALL", "NET_RAW"),
		CapAdd:          some(t, "add", "CHOWN", "SETUID"),
		NoNewPrivileges: rapid.Bool().Draw(t, "no new privileges"),
		Seccomp:         maybe(t, "seccomp", "unconfined", `{"defaultAction":"SCMP_ACT_ALLOW","comment":"a:b=c"}`),
		AppArmor:        maybe(t, "apparmor", "unconfined"),
		SELinuxLabels:   some(t, "selinux labels", "type:container_t"),
		ReadonlyRootfs:  rapid.Bool().Draw(t, "read-only root"),
		MaskedPaths:     paths(t, "masked", "/proc/keys", "/sys/firmware"),
		ReadonlyPaths:   paths(t, "readonly", "/proc/sys", "/proc/irq"),
		Devices:         some(t, "devices", "/dev/null:/dev/nothing:rw", "/dev/zero:/dev/zeros:r"),
		Runtime:         maybe(t, "runtime", "runc"),
		OomScoreAdj:     rapid.SampledFrom([]int{0, 500}).Draw(t, "oom score"),
		Restart:         maybe(t, "restart", "no", "always"),
		Sysctls:         rapid.SampledFrom([]map[string]string{nil, {"net.ipv4.ip_forward": "0"}}).Draw(t, "sysctls"),
	}
	if p.podman {
		i.Runtime, i.CapDrop, i.IpcMode = "", []string{"ALL"}, "private"
		i.MaskedPaths, i.ReadonlyPaths, i.Devices, i.Sysctls, i.PublishAllPorts = nil, nil, nil, nil, false
	}
	if p.open {
		i.Privileged = rapid.Bool().Draw(t, "privileged")
		i.PidMode, i.UTSMode = maybe(t, "pid", "host"), maybe(t, "uts", "host")
		i.UsernsMode, i.CgroupParent = maybe(t, "userns", "host"), maybe(t, "cgroup parent", "/x")
		i.Links, i.VolumesFrom = some(t, "links", "db:db"), some(t, "volumes from", "web")
		i.GPU, i.AutoRemove = rapid.Bool().Draw(t, "gpu"), rapid.Bool().Draw(t, "auto remove")
		i.OomKillDisable = rapid.Bool().Draw(t, "oom kill disable")
	}
	return i
}

func labels(t *rapid.T) map[string]string {
	out := map[string]string{sandbox.LabelContract: "own"} // the test's image has one, which would be inherited
	for _, name := range some(t, "labels", sandbox.LabelSandbox, sandbox.LabelID, sandbox.LabelPlan) {
		out[name] = rapid.SampledFrom([]string{"", "x", "with space"}).Draw(t, name)
	}
	return out
}

// maybe gives "" or one of the values.
func maybe(t *rapid.T, about string, values ...string) string {
	return rapid.SampledFrom(append(values, "")).Draw(t, about)
}

// some gives a few of the values, in their order, or nil.
func some(t *rapid.T, about string, values ...string) []string {
	var out []string
	for _, v := range values {
		if rapid.Bool().Draw(t, about) {
			out = append(out, v)
		}
	}
	return out
}

// paths gives nil (the engine's list), none, or some.
func paths(t *rapid.T, about string, values ...string) []string {
	if rapid.Bool().Draw(t, about+" left") {
		return nil
	}
	return append([]string{}, some(t, about, values...)...)
}
