// Package hardening attacks the audit on a real engine: containers made anew by hand, each with one thing loosened.
package hardening

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// byHand lists what somebody might loosen behind berth's back, as a path in the engine's own words and a value. The
// rule named is the one that must fail, alone. A value of nil takes the field away.
var byHand = []struct {
	rule, field string
	value       any
}{
	{"identity", "Labels>dev.berth.project", "/elsewhere"},
	{"not-host-root", "User", "0:0"},
	{"not-host-root", "User", "65534:65534"},
	{"groups", "HostConfig>GroupAdd", list("0")},
	{"command", "Cmd", list("--no-auth")},
	{"command", "WorkingDir", "/tmp"},
	{"init", "HostConfig>Init", false},
	{"no-tty", "Tty", true},
	{"stop-signal", "StopSignal", "SIGWINCH"},
	{"stop-timeout", "StopTimeout", 3600},
	{"healthcheck", "Healthcheck>Test", list("CMD", "/workspace/evil")},
	{"no-privileged", "HostConfig>Privileged", true},
	{"cap-drop", "HostConfig>CapDrop", nil},
	{"cap-add", "HostConfig>CapAdd", list("SYS_ADMIN")},
	{"no-new-privileges", "HostConfig>SecurityOpt>0", "no-new-privileges:false"},
	{"seccomp", "HostConfig>SecurityOpt>1", "seccomp=unconfined"},
	{"seccomp", "HostConfig>SecurityOpt>1", "seccomp={}"},
	{"pid-namespace", "HostConfig>PidMode", "host"},
	{"ipc-namespace", "HostConfig>IpcMode", "host"},
	{"cgroup-namespace", "HostConfig>CgroupnsMode", "host"},
	{"user-namespace", "HostConfig>UsernsMode", "host"},
	{"cgroup-parent", "HostConfig>CgroupParent", "/elsewhere"},
	{"no-devices", "HostConfig>Devices", list(map[string]any{
		"PathOnHost": "/dev/null", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"})},
	{"no-gpu", "HostConfig>DeviceRequests", list(map[string]any{"Count": -1, "Capabilities": list(list("gpu"))})},
	{"runtime", "HostConfig>Runtime", "io.containerd.runc.v2"},
	{"sysctls", "HostConfig>Sysctls", map[string]any{"net.ipv4.ip_forward": "1"}},
	{"no-restart", "HostConfig>RestartPolicy", map[string]any{"Name": "always"}},
	{"no-auto-remove", "HostConfig>AutoRemove", true},
	{"no-engine-socket", "HostConfig>Binds", list("/var/run:/host-run:ro")},
	{"mounts", "HostConfig>Binds", list("/srv:/srv:ro")},
	{"mounts", "HostConfig>Mounts>=/workspace>ReadOnly", true},
	{"own-mounts-readonly", "HostConfig>Mounts>=/etc/passwd>ReadOnly", false},
	{"own-mounts-readonly", "HostConfig>Mounts>=/.berth/inside>ReadOnly", false},
	{"home", "HostConfig>Mounts>=/home>Source", "somebody-elses"},
	{"tmpfs", "HostConfig>Tmpfs", map[string]any{"/opt": "rw,exec,suid"}},
	{"masked-paths", "HostConfig>MaskedPaths", []any{}},
	{"read-only-paths", "HostConfig>ReadonlyPaths", []any{}},
	{"loopback-ports", "HostConfig>PortBindings>8000/tcp>0>HostIp", "0.0.0.0"},
	{"loopback-ports", "HostConfig>PortBindings>8000/tcp>0>HostIp", ""},
	{"no-publish-all", "HostConfig>PublishAllPorts", true},
	{"hostname", "Hostname", "laptop"},
	{"extra-hosts", "HostConfig>ExtraHosts", list("host.docker.internal:host-gateway")},
	{"dns", "HostConfig>Dns", list("192.0.2.53")},
	{"dns-search", "HostConfig>DnsSearch", list("corp.example")},
	{"limit-memory", "HostConfig>Memory", 1 << 30},
	{"limit-swap", "HostConfig>MemorySwap", -1},
	{"limit-cpus", "HostConfig>NanoCpus", nil},
	{"limit-cpu-shares", "HostConfig>CpuShares", 4096},
	{"limit-pids", "HostConfig>PidsLimit", -1},
	{"limit-nofile", "HostConfig>Ulimits>=nofile>Hard", 1 << 20},
	{"limit-core", "HostConfig>Ulimits>=core>Hard", -1},
	{"limit-shm", "HostConfig>ShmSize", 8 << 30},
	{"limit-log", "HostConfig>LogConfig>Config", nil},
	{"oom-score", "HostConfig>OomScoreAdj", -500},
	{"oom-kill", "HostConfig>OomKillDisable", true},
}

func list(v ...any) []any { return v }

func TestLooseningOneThingByHandIsTheFindingOfOneRule(t *testing.T) {
	b := newBerth(t)
	b.run("up", "byhand", "--image", "starter", "--plain")
	t.Cleanup(func() { b.run("rm", "-f", "byhand") })
	if bad := b.failing(t, "byhand"); len(bad) > 0 {
		t.Fatalf("untouched, it fails %v", bad)
	}
	body := b.createBody("berth-byhand")
	for _, row := range byHand {
		t.Run(row.rule+" "+row.field, func(t *testing.T) {
			loosened := copied(t, body)
			if !set(loosened, strings.Split(row.field, ">"), row.value) {
				t.Fatalf("the engine's words have no %s", row.field)
			}
			b.replace(t, "berth-byhand", loosened)
			if bad := b.failing(t, "byhand"); !slices.Equal(bad, []string{row.rule}) {
				t.Errorf("it fails %v", bad)
			}
		})
	}
	b.replace(t, "berth-byhand", body)
	if bad := b.failing(t, "byhand"); len(bad) > 0 {
		t.Errorf("made anew as it was, it fails %v", bad)
	}
}

// berth is the program under test, with a home of its own.
type berth struct {
	t       *testing.T
	program string
	folder  string
	env     []string
	engine  *http.Client
}

func newBerth(t *testing.T) *berth {
	t.Helper()
	program := os.Getenv("BERTH_BINARY")
	if os.Getenv("BERTH_DOCKER") == "" || program == "" {
		t.Skip("BERTH_DOCKER and BERTH_BINARY are not set: no engine to try it on")
	}
	home := t.TempDir()
	b := &berth{t: t, program: program, folder: filepath.Join(home, "byhand"), env: append(os.Environ(), "HOME="+home,
		"XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "XDG_RUNTIME_DIR=")}
	if err := os.Mkdir(b.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", "/var/run/docker.sock")
	}
	b.engine = &http.Client{Transport: &http.Transport{DialContext: dial}}
	return b
}

func (b *berth) run(args ...string) []byte {
	b.t.Helper()
	out, err := b.try(args...)
	if err != nil {
		b.t.Fatalf("berth %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (b *berth) try(args ...string) ([]byte, error) {
	cmd := exec.Command(b.program, args...)
	cmd.Dir, cmd.Env = b.folder, b.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	return out, err
}

// failing runs the audit and gives the rules that fail; its exit code must agree.
func (b *berth) failing(t *testing.T, name string) []string {
	t.Helper()
	out, err := b.try("audit", name, "--json")
	var found struct {
		Findings []struct{ Rule, State string }
	}
	if line, _, _ := bytes.Cut(out, []byte("\n")); json.Unmarshal(line, &found) != nil || len(found.Findings) == 0 {
		t.Fatalf("berth audit: %v\n%s", err, out)
	}
	var bad []string
	for _, f := range found.Findings {
		if f.State == "failed" || f.State == "unknown" {
			bad = append(bad, f.Rule)
		}
	}
	var exit *exec.ExitError
	if code := 5; len(bad) > 0 && (!errors.As(err, &exit) || exit.ExitCode() != code) {
		t.Errorf("rules fail, but audit ends with %v, not %d", err, code)
	}
	return bad
}

// createBody reads a container back as the body that would make it again.
func (b *berth) createBody(name string) map[string]any {
	b.t.Helper()
	seen := b.call(b.t, http.MethodGet, "/containers/"+name+"/json", nil)
	body := seen["Config"].(map[string]any)
	body["Image"], body["HostConfig"] = seen["Image"], seen["HostConfig"]
	endpoints := map[string]any{}
	for network := range seen["NetworkSettings"].(map[string]any)["Networks"].(map[string]any) {
		endpoints[network] = map[string]any{}
	}
	body["NetworkingConfig"] = map[string]any{"EndpointsConfig": endpoints}
	return body
}

func (b *berth) replace(t *testing.T, name string, body map[string]any) {
	t.Helper()
	b.call(t, http.MethodDelete, "/containers/"+name+"?force=1", nil)
	b.call(t, http.MethodPost, "/containers/create?name="+name, body)
}

// call speaks the engine's oldest API, which every engine in use understands.
func (b *berth) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://engine/v1.41"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := b.engine.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	gone := method == http.MethodDelete && response.StatusCode == http.StatusNotFound // the row before made none
	if err != nil || response.StatusCode >= 300 && !gone {
		t.Fatalf("%s %s: %s %v\n%s", method, path, response.Status, err, answer)
	}
	var out map[string]any
	if len(answer) > 0 && json.Unmarshal(answer, &out) != nil {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
	return out
}

func copied(t *testing.T, body map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// set changes one field, and tells whether it found the way there. In a list a step is a number or =NAME, the element
// whose Target or Name is that.
func set(in any, path []string, value any) bool {
	step := path[0]
	if at, ok := in.([]any); ok {
		i := slices.IndexFunc(at, func(v any) bool {
			fields, _ := v.(map[string]any)
			return "="+fmt.Sprint(fields["Target"]) == step || "="+fmt.Sprint(fields["Name"]) == step
		})
		if len(step) == 1 && step[0] >= '0' && step[0] <= '9' {
			i = int(step[0] - '0')
		}
		if i < 0 || i >= len(at) {
			return false
		}
		if len(path) == 1 {
			at[i] = value
			return true
		}
		return set(at[i], path[1:], value)
	}
	fields, ok := in.(map[string]any)
	switch {
	case !ok:
		return false
	case len(path) > 1:
		return set(fields[step], path[1:], value)
	case value == nil:
		delete(fields, step)
	default:
		fields[step] = value
	}
	return true
}
