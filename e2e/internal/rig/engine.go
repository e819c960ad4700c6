package rig

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Engine is a Docker engine of the test's own, from the machine's own programs. It has a network namespace and folders
// of its own: two engines in one namespace rewrite each other's rules, and the second deletes the first one's bridge.
type Engine struct {
	Host   string // for DOCKER_HOST; where it publishes ports only Enter leads
	name   string
	dir    string
	subnet int // of 250, so that engines side by side seldom meet
	flags  []string
	t      testing.TB
}

// NewEngine starts an engine with further flags of dockerd's. It needs root.
func NewEngine(t testing.TB, flags ...string) *Engine {
	t.Helper()
	Need(t)
	AsRoot(t, "true")
	for _, name := range []string{"dockerd", "ip", "nsenter", "unshare", "iptables"} {
		if AsRoot(t, "sh", "-c", "command -v "+name).Run() != nil {
			t.Skipf("needs %s", name)
		}
	}
	dir, err := os.MkdirTemp("", "berth-engine-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	e := &Engine{Host: "unix://" + dir + "/docker.sock", name: filepath.Base(dir), dir: dir, subnet: 1 + rand.IntN(250), flags: flags, t: t}
	t.Cleanup(e.remove)
	e.root("ip", "netns", "add", e.name)
	e.root("ip", "-n", e.name, "link", "set", "lo", "up")
	e.hold()
	e.Start()
	return e
}

// Namespace is the name of the engine's network namespace.
func (e *Engine) Namespace() string { return e.name }

// Enter gives the words before a command that lead it to where the engine publishes ports. They need root.
func (e *Engine) Enter() []string { return []string{"nsenter", "--net=/run/netns/" + e.name} }

// root runs a command as root and gives its output.
func (e *Engine) root(name string, args ...string) string {
	e.t.Helper()
	out, err := AsRoot(e.t, name, args...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// hold starts the process whose namespaces are the engine's for as long as the test runs: containers that outlive a
// crash must find everything in its place. With the system's containerd the engine would share containers with the
// first one, so it gets a place for its own.
func (e *Engine) hold() {
	e.t.Helper()
	script := fmt.Sprintf(`mkdir -p %[1]s/containerd /run/containerd && mount --bind %[1]s/containerd /run/containerd
echo $$ >%[1]s/holder.new && mv %[1]s/holder.new %[1]s/holder.pid
exec sleep 86400 >/dev/null 2>&1 </dev/null`, e.dir)
	words := append(e.Enter(), "setsid", "--fork", "unshare", "-m", "sh", "-c", script)
	e.root(words[0], words[1:]...)
	Wait(e.t, 30*time.Second, "namespaces for the engine", func() bool {
		_, err := os.Stat(e.dir + "/holder.pid")
		return err == nil
	})
}

// pid reads one of the engine's pid files; "" when it has none.
func (e *Engine) pid(of string) string {
	text, err := AsRoot(e.t, "cat", e.dir+"/"+of+".pid").Output()
	if _, bad := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || bad != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Start starts the engine, or starts it again, and waits until it answers.
func (e *Engine) Start() {
	e.t.Helper()
	script := fmt.Sprintf(`exec dockerd --data-root %[1]s/data --exec-root %[1]s/exec -H unix://%[1]s/docker.sock --pidfile %[1]s/docker.pid \
  --cgroup-parent /%[2]s --exec-opt native.cgroupdriver=cgroupfs \
  --bip 172.29.%[3]d.1/24 --default-address-pool base=172.30.0.0/16,size=24 %[4]s >>%[1]s/log 2>&1 </dev/null`,
		e.dir, e.name, e.subnet, strings.Join(e.flags, " "))
	e.root("nsenter", "--target="+e.pid("holder"), "--net", "--mount", "setsid", "--fork", "sh", "-c", script)
	docker := DockerAt(e.t, e.Host)
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := docker.Ping(Context(e.t)); err == nil {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the engine does not start:\n%s", e.root("tail", "-n", "20", e.dir+"/log"))
		}
	}
}

// Kill ends the engine as a crash would (KILL), or as an administrator does (TERM), and waits for its end.
func (e *Engine) Kill(signal string) {
	e.t.Helper()
	pid := e.pid("docker")
	e.root("kill", "-s", signal, pid)
	Wait(e.t, time.Minute, "end of the engine", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	})
}

// remove ends the engine and all it holds.
func (e *Engine) remove() {
	if pid := e.pid("docker"); pid != "" {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			e.Kill("TERM")
		}
	}
	script := fmt.Sprintf(`for f in %[2]s/holder.pid %[2]s/exec/containerd/containerd.pid; do [ ! -s $f ] || kill -9 $(cat $f); done
ip netns del %[1]s
rm -rf %[2]s
find /sys/fs/cgroup -maxdepth 3 -type d -name %[1]s | while read -r d; do find "$d" -depth -type d -exec rmdir {} +; done`, e.name, e.dir)
	out, _ := AsRoot(e.t, "sh", "-c", script).CombinedOutput() // what stays shows below
	if _, err := os.Stat(e.dir); err == nil {
		e.t.Errorf("the engine's folder stays: %s", out)
	}
}
