package attacks

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
)

// The addresses of a world. The neighbour has all that a sandbox must not reach, and a public address which it may.
const (
	hostLAN, hostLAN6, hostPublic          = "10.99.0.1", "fd99::1", "203.0.113.1"
	lanService, lanService6, publicService = "10.99.0.2", "fd99::2", "203.0.113.2"
	metadata                               = "169.254.169.254"
)

// world is an engine with a network of its own: a wire leads to a neighbour, who is also the internet and the cloud's
// metadata service. Nothing in it is this machine's, and nothing is privileged.
type world struct {
	t         *testing.T
	engine    *rig.Engine
	home      *rig.Home
	image     string
	neighbour string // network namespace
	twin      twin
	queries   func() string // what the engine's resolver was asked
}

// twin is a container that nobody hardened: published the usual ways, on the default bridge.
type twin struct {
	id, address, gateway       string
	everywhere, loopback       string // host ports
	everywhere6                string // the same in IPv6
	unpublished, unpublishedID string // address of another one
}

func newWorld(t *testing.T) *world {
	t.Helper()
	rig.Need(t)
	for _, tool := range []string{"ip", "docker", "sysctl", "iptables"} {
		rig.Tool(t, tool)
	}
	w := &world{t: t, engine: rig.NewEngine(t, "--dns="+lanService)}
	w.wire()
	hosts := w.names()
	u := rig.Ordinary(t).Through(append(w.engine.Enter(), "unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts)...)
	w.home = rig.NewFor(t, u)
	w.home.On(w.engine.Host)
	w.image = rig.StandinFor(t, rig.DockerAt(t, w.engine.Host), "linux/"+runtime.GOARCH)
	w.serve()
	w.startTwin()
	t.Cleanup(func() {
		w.home.Berth("rm", "-f", "--all")
		w.home.Gone()
	})
	return w
}

// root runs a command as root and gives its output.
func (w *world) root(words ...string) string {
	w.t.Helper()
	out, err := rig.AsRoot(w.t, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %s", strings.Join(words, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// docker runs a docker command on the world's engine.
func (w *world) docker(args ...string) string {
	w.t.Helper()
	return output(w.t, exec.Command("docker", append([]string{"--host", w.engine.Host}, args...)...))
}

// wire joins the engine's namespace to the neighbour's. The neighbour's own loopback stays down, so that what it
// sends to 127.0.0.1 leaves as a frame for the host.
func (w *world) wire() {
	var bits [3]byte
	_, _ = rand.Read(bits[:]) // never fails
	w.neighbour = "berth-lan-" + hex.EncodeToString(bits[:])
	w.root("ip", "netns", "add", w.neighbour)
	w.t.Cleanup(func() { w.root("ip", "netns", "del", w.neighbour) })
	host, lan := w.engine.Namespace(), w.neighbour
	w.root("ip", "link", "add", "lan0", "netns", host, "type", "veth", "peer", "name", "lan0", "netns", lan)
	for _, line := range []string{
		host + " address add " + hostLAN + "/24 dev lan0", host + " address add " + hostPublic + "/32 dev lan0",
		lan + " address add " + lanService + "/24 dev lan0", lan + " address add " + publicService + "/32 dev lan0",
		lan + " address add " + metadata + "/32 dev lan0", host + " link set lan0 up", lan + " link set lan0 up",
		host + " route add " + metadata + "/32 dev lan0", host + " route add default via " + lanService,
		lan + " route add 127.0.0.1/32 via " + hostLAN + " dev lan0",
	} {
		w.root(append([]string{"ip", "-n"}, strings.Fields(line)...)...)
	}
	if ipv6() {
		w.root("ip", "-n", host, "address", "add", hostLAN6+"/64", "dev", "lan0", "nodad")
		w.root("ip", "-n", lan, "address", "add", lanService6+"/64", "dev", "lan0", "nodad")
	}
	for _, setting := range []string{"all.route_localnet=1", "lan0.route_localnet=1", "all.rp_filter=0", "lan0.rp_filter=0"} {
		w.root("ip", "netns", "exec", lan, "sysctl", "-qw", "net.ipv4.conf."+setting)
	}
}

func ipv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}

// names writes the list of hosts that berth resolves by: some public names lead to private addresses.
func (w *world) names() string {
	dir, err := os.MkdirTemp("", "berth-hosts-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "hosts")
	text := "127.0.0.1 localhost\n" + publicService + " public.example.test other.example.test\n" +
		lanService + " lan.example.test\n" + metadata + " metadata.example.test\n127.0.0.1 loopback.example.test\n" +
		hostLAN + " host.example.test\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// serve starts what a sandbox must not reach: services of the host, of its LAN, of the cloud; and a public one.
func (w *world) serve() {
	lan := []string{lanService + ":80", metadata + ":80", publicService + ":80"}
	host := []string{"0.0.0.0:7001", "127.0.0.1:7002"}
	if ipv6() {
		lan, host = append(lan, "["+lanService6+"]:80"), append(host, "[::1]:7002")
	}
	attacker := filepath.Join(weapons(w.t), "attacker")
	follow(w.t, rig.AsRoot(w.t, "ip", append([]string{"netns", "exec", w.neighbour, attacker, "serve"}, lan...)...))
	follow(w.t, rig.AsRoot(w.t, "ip", append([]string{"netns", "exec", w.engine.Namespace(), attacker, "serve"}, host...)...))
	w.queries = follow(w.t, rig.AsRoot(w.t, "ip", "netns", "exec", w.neighbour, attacker, "dns", lanService+":53"))
}

// startTwin starts the containers that nobody hardened.
func (w *world) startTwin() {
	plain := []string{"run", "--detach", "--volume", weapons(w.t) + ":/tools:ro"}
	server := []string{w.image, "-host", "0.0.0.0"}
	first := w.docker(append(append(plain, "--publish", "8000", "--publish", "127.0.0.1::8000"), server...)...)
	second := w.docker(append(plain, server...)...)
	w.twin = twin{id: first, address: w.addressOf(first), unpublished: w.addressOf(second), unpublishedID: second,
		gateway: w.docker("inspect", "-f", "{{.NetworkSettings.Gateway}}", first)}
	ports := w.docker("inspect", "-f", `{{range index .NetworkSettings.Ports "8000/tcp"}}{{.HostIp}} {{.HostPort}}{{"\n"}}{{end}}`, first)
	for line := range strings.Lines(ports) {
		ip, port, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch ip {
		case "127.0.0.1":
			w.twin.loopback = port
		case "0.0.0.0":
			w.twin.everywhere = port
		case "::":
			w.twin.everywhere6 = port
		}
	}
	if w.twin.loopback == "" || w.twin.everywhere == "" {
		w.t.Fatalf("the twin is published at %s", ports)
	}
	w.t.Cleanup(func() { w.docker("rm", "-f", "-v", first, second) })
}

func (w *world) addressOf(container string) string {
	w.t.Helper()
	return strings.TrimSpace(w.docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", container))
}

// up brings a sandbox up in the world, with the weapons at /tools.
func (w *world) up(word string, flags ...string) rig.Project {
	w.t.Helper()
	p := w.home.Project(word)
	p.Up(w.image, append([]string{"-v", p.Dir + ":/workspace", "-v", weapons(w.t) + ":/tools:ro"}, flags...)...)
	return p
}

// Places of the world.
func (w *world) lan() place { return from("ip", "netns", "exec", w.neighbour) }

func (w *world) in(container string) place {
	return func(t *testing.T, args ...string) string {
		t.Helper()
		return w.docker(append([]string{"exec", container, "/tools/attacker"}, args...)...)
	}
}

// ports are those that are open at an address, all 65,535 tried.
func ports(t *testing.T, p place, address string) []string {
	t.Helper()
	return strings.Fields(p(t, "scan", address))
}

// at joins a host and a port.
func at(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s:%s", host, port)
}
