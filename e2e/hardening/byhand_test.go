// Package hardening attacks the audit on a real engine: containers made anew by hand, each with one thing loosened.
package hardening

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
	"berth/hardening"
	"berth/internal/sandbox"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// loosened is what somebody might loosen behind berth's back, in the engine's own words. The rules named are those that
// must fail, no others: more than one only where the engine ties the fields together.
type loosened struct {
	rules  string // separated by blanks
	fields []field
	only   string // profiles in which there is something to loosen; "" is all that have the rules
}

// field is a path and a value to put there; nil takes what is there away.
type field struct {
	path  string
	value any
}

func one(rules, path string, value any) loosened {
	return loosened{rules: rules, fields: []field{{path, value}}}
}

// byHand has rows for every rule that a container can break. OTHER and IMAGE stand for another container and another
// image of the test.
var byHand = []loosened{
	one("identity", "Labels>dev.berth.project", "/elsewhere"),
	one("image-by-id", "Image", "IMAGE"),
	{rules: "not-host-root", fields: []field{{"User", "0:0"}}, only: "standard strict paranoid"},
	one("not-host-root", "User", "65534:65534"),
	one("groups", "HostConfig>GroupAdd", list("0")),
	one("command", "Cmd", list("--no-auth")),
	one("command", "WorkingDir", "/tmp"),
	one("init", "HostConfig>Init", false),
	one("no-tty", "Tty", true),
	one("stop-signal", "StopSignal", "SIGWINCH"),
	one("stop-timeout", "StopTimeout", 3600),
	one("healthcheck", "Healthcheck>Test", list("CMD", "/workspace/evil")),
	one("no-privileged", "HostConfig>Privileged", true),
	one("cap-drop", "HostConfig>CapDrop", nil),
	one("cap-add", "HostConfig>CapAdd", list("SYS_ADMIN")),
	one("no-new-privileges", "HostConfig>SecurityOpt>^no-new-privileges", "no-new-privileges:false"),
	one("seccomp", "HostConfig>SecurityOpt>^seccomp=", "seccomp=unconfined"),
	one("seccomp", "HostConfig>SecurityOpt>^seccomp=", "seccomp={}"),
	one("pid-namespace", "HostConfig>PidMode", "host"),
	{rules: "uts-namespace hostname", fields: []field{{"HostConfig>UTSMode", "host"}, {"Hostname", ""}}},
	one("ipc-namespace", "HostConfig>IpcMode", "host"),
	one("cgroup-namespace", "HostConfig>CgroupnsMode", "host"),
	one("user-namespace", "HostConfig>UsernsMode", "host"),
	one("cgroup-parent", "HostConfig>CgroupParent", "/elsewhere"),
	{rules: "no-links", fields: []field{{"NetworkingConfig>EndpointsConfig>OWN>Links", list("OTHER:other")}}, only: "compat"},
	one("no-volumes-from", "HostConfig>VolumesFrom", list("OTHER")),
	one("no-devices", "HostConfig>Devices", list(map[string]any{
		"PathOnHost": "/dev/null", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"})),
	one("no-gpu", "HostConfig>DeviceRequests", list(map[string]any{"Count": -1, "Capabilities": list(list("gpu"))})),
	one("runtime", "HostConfig>Runtime", "io.containerd.runc.v2"),
	one("sysctls", "HostConfig>Sysctls", map[string]any{"net.ipv4.ip_forward": "1"}),
	one("no-restart", "HostConfig>RestartPolicy", map[string]any{"Name": "always"}),
	one("no-auto-remove", "HostConfig>AutoRemove", true),
	one("no-engine-socket", "HostConfig>Binds", list("/var/run:/host-run:ro")),
	one("mounts", "HostConfig>Binds", list("/srv:/srv:ro")),
	{rules: "mounts", fields: []field{{"HostConfig>Mounts>=/workspace>ReadOnly", true}}, only: "standard strict"},
	{rules: "mounts", fields: []field{{"HostConfig>Mounts>=/workspace>ReadOnly", false}}, only: "compat"},
	one("read-only-mounts", "HostConfig>Mounts>=/workspace>ReadOnly", false),
	{rules: "own-mounts-readonly", fields: []field{{"HostConfig>Mounts>=/etc/passwd>ReadOnly", false}}, only: "standard strict paranoid"},
	one("own-mounts-readonly", "HostConfig>Mounts>=/.berth/inside>ReadOnly", false),
	{rules: "home", fields: []field{{"HostConfig>Mounts>=/home>Source", "OTHER"}}, only: "standard strict"},
	{rules: "home", fields: []field{{"HostConfig>Tmpfs>/home/agent", "rw,exec,suid"}}, only: "paranoid"},
	{rules: "home", fields: []field{{"HostConfig>Mounts>+", map[string]any{"Type": "volume", "Source": "OTHER", "Target": "/home"}}}, only: "compat"},
	one("image-volumes", "HostConfig>Tmpfs>"+rig.StandinVolume, nil),
	one("tmpfs", "HostConfig>Tmpfs>/opt", "rw,exec,suid"),
	{rules: "tmpfs", fields: []field{{"HostConfig>Tmpfs>/tmp", "rw,exec,size=1g,mode=1777"}}, only: "paranoid"},
	one("read-only-root", "HostConfig>ReadonlyRootfs", false),
	one("masked-paths", "HostConfig>MaskedPaths", []any{}),
	one("read-only-paths", "HostConfig>ReadonlyPaths", []any{}),
	{rules: "own-network joined-networks", fields: []field{{"HostConfig>NetworkMode", "bridge"}, {"NetworkingConfig", nil}}},
	{rules: "own-network joined-networks hostname", fields: []field{{"HostConfig>NetworkMode", "host"}, {"NetworkingConfig", nil}, {"Hostname", ""}}},
	one("loopback-ports", "HostConfig>PortBindings", map[string]any{"8000/tcp": list(map[string]any{"HostIp": "0.0.0.0", "HostPort": "0"})}),
	one("no-publish-all", "HostConfig>PublishAllPorts", true),
	one("hostname", "Hostname", "laptop"),
	one("extra-hosts", "HostConfig>ExtraHosts", list("host.docker.internal:host-gateway")),
	one("dns", "HostConfig>Dns", list("192.0.2.53")),
	one("dns-search", "HostConfig>DnsSearch", list("corp.example")),
	one("limit-memory", "HostConfig>Memory", 1<<30),
	one("limit-swap", "HostConfig>MemorySwap", -1),
	one("limit-cpus", "HostConfig>NanoCpus", nil),
	one("limit-cpu-shares", "HostConfig>CpuShares", 4096),
	one("limit-pids", "HostConfig>PidsLimit", -1),
	one("limit-nofile", "HostConfig>Ulimits>=nofile>Hard", 1<<20),
	one("limit-core", "HostConfig>Ulimits>=core>Hard", -1),
	one("limit-others", "HostConfig>Ulimits>+", map[string]any{"Name": "memlock", "Soft": -1, "Hard": -1}),
	one("limit-shm", "HostConfig>ShmSize", 8<<30),
	one("limit-log", "HostConfig>LogConfig>Config", nil),
	one("oom-score", "HostConfig>OomScoreAdj", -500),
	one("oom-kill", "HostConfig>OomKillDisable", true),
}

// untouchable are the rules that no change of a container can break, and where they are broken instead.
var untouchable = map[string]string{
	"no-links":        "possible on a bridge only: under compat",
	"engine-closed":   "about the engine's address, which is not the container's: the rule's own test",
	"root-on-mount":   "about the plan, which is refused: TestCompatIsRefusedAWritableFolder",
	"egress":          "kept by the gateway, not by the container",
	"lsm":             "an engine without AppArmor and SELinux takes any profile's name and ignores it",
	"bridge-options":  "the network's: TestLooseningTheBridgeByHand",
	"joined-networks": "the network's, too: TestLooseningTheBridgeByHand",
}

func list(v ...any) []any { return v }

func TestLooseningOneThingByHandIsTheFindingOfOneRule(t *testing.T) {
	rig.Need(t)
	for _, p := range hardening.Profiles() {
		t.Run(string(p), func(t *testing.T) { loosenEach(t, p) })
	}
}

func loosenEach(t *testing.T, p hardening.Profile) {
	b := launch(t, p)
	body := b.createBody(t)
	other, image := b.another(t, body), rig.Standin(t, "-delay", "1ms")
	covered := map[string]bool{}
	for _, row := range byHand {
		if !row.in(p) {
			continue
		}
		for rule := range strings.FieldsSeq(row.rules) {
			covered[rule] = true
		}
		t.Run(row.rules+" "+row.fields[0].path, func(t *testing.T) {
			changed := copied(t, body)
			for _, f := range row.fields {
				path := strings.ReplaceAll(f.path, "OWN", sandbox.OwnNetwork(b.Name))
				value := named(t, f.value, strings.NewReplacer("OTHER", other, "IMAGE", image))
				if !set(changed, strings.Split(path, ">"), value) {
					t.Fatalf("the engine's words have no %s", f.path)
				}
			}
			b.replace(t, changed)
			if bad, want := b.failing(t), strings.Fields(row.rules); !slices.Equal(bad, sorted(want)) {
				t.Errorf("it fails %v", bad)
			}
		})
	}
	b.replace(t, body)
	if bad := b.failing(t); len(bad) > 0 {
		t.Errorf("made anew as it was, it fails %v", bad)
	}
	for _, r := range hardening.Rules(p) {
		if !covered[r.ID] && untouchable[r.ID] == "" {
			t.Errorf("%s: nothing here loosens it", r.ID)
		}
	}
}

// in tells whether a profile has all the rules of a row, and something there to loosen.
func (l loosened) in(p hardening.Profile) bool {
	for rule := range strings.FieldsSeq(l.rules) {
		if !slices.ContainsFunc(hardening.Rules(p), func(r hardening.Rule) bool { return r.ID == rule }) {
			return false
		}
	}
	return l.only == "" || slices.Contains(strings.Fields(l.only), string(p))
}

// TestLooseningTheBridgeByHand: a bridge of its own has a sandbox with direct egress.
func TestLooseningTheBridgeByHand(t *testing.T) {
	rig.Need(t)
	b := launch(t, hardening.Compat)
	body := b.createBody(t)
	own, extra := sandbox.OwnNetwork(b.Name), b.Name+"-extra"
	network := b.call(t, http.MethodGet, "/networks/"+own, nil)
	b.call(t, http.MethodPost, "/networks/create", map[string]any{"Name": extra})
	t.Cleanup(func() { b.call(t, http.MethodDelete, "/networks/"+extra, nil) })
	b.call(t, http.MethodPost, "/networks/"+extra+"/connect", map[string]any{"Container": b.container()})
	if bad := b.failing(t); !slices.Equal(bad, []string{"joined-networks"}) {
		t.Errorf("joined to another network, it fails %v", bad)
	}
	b.call(t, http.MethodDelete, "/containers/"+b.container()+"?force=1", nil)
	b.call(t, http.MethodDelete, "/networks/"+own, nil)
	remade := map[string]any{"Name": own}
	for _, same := range []string{"Driver", "IPAM", "Options", "Labels"} {
		remade[same] = network[same]
	}
	remade["Options"].(map[string]any)["com.docker.network.bridge.enable_icc"] = "true"
	b.call(t, http.MethodPost, "/networks/create", remade)
	b.replace(t, body)
	if bad := b.failing(t); !slices.Equal(bad, []string{"bridge-options"}) {
		t.Errorf("with neighbours on its bridge, it fails %v", bad)
	}
}

func TestCompatIsRefusedAWritableFolder(t *testing.T) {
	p := rig.New(t).Project("byhand")
	const want = "berth: profile compat: rule root-on-mount: the image's user may become root, and a folder of the host is writable\n" +
		"berth: hint: --profile standard, a read-only mount, or --give-up root-on-mount\n"
	if r := p.Berth("up", "--profile", "compat", "--image", rig.Starter).Exits(2); r.Err != want {
		t.Errorf("it says %q", r.Err)
	}
	p.Up(rig.Starter, "--profile", "compat", "--give-up", "root-on-mount")
}

// byHandSandbox is a sandbox that is taken apart by hand.
type byHandSandbox struct {
	rig.Project
	engine *http.Client
}

// launch brings a sandbox of a profile up, whose audit finds nothing.
func launch(t *testing.T, p hardening.Profile) *byHandSandbox {
	t.Helper()
	b := &byHandSandbox{Project: rig.New(t).Project("byhand")}
	socket := strings.TrimPrefix(cmp.Or(b.Host, "unix:///var/run/docker.sock"), "unix://")
	b.engine = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	mount := b.Dir + ":/workspace"
	if p == hardening.Compat {
		mount += ":ro"
	}
	b.Up(rig.Standin(t), "--profile", string(p), "-v", mount)
	if bad := b.failing(t); len(bad) > 0 {
		t.Fatalf("untouched, it fails %v", bad)
	}
	return b
}

func (b *byHandSandbox) container() string { return sandbox.ContainerName(b.Name) }

// failing runs the audit and gives the rules that fail, in order; its exit code must agree.
func (b *byHandSandbox) failing(t *testing.T) []string {
	t.Helper()
	var found struct{ Findings []hardening.Finding }
	r := b.Berth("audit", b.Name, "--json")
	r.JSON(&found)
	var bad []string
	for _, f := range found.Findings {
		if !f.Good() {
			bad = append(bad, f.Rule)
		}
	}
	if want := map[bool]int{true: 5}[len(bad) > 0]; r.Code != want {
		t.Errorf("%d rules fail, and audit ends with %d", len(bad), r.Code)
	}
	return sorted(bad)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
