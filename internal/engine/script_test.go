package engine

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"berth/internal/golden"
	"berth/internal/sandbox"
)

// scripted is a sandbox with something of everything that the docker command can say.
func scripted() (sandbox.Spec, *sandbox.NetworkSpec) {
	s := sandbox.Spec{
		Name:  "shop",
		Image: sandbox.Image{Ref: "acme/agent:1", ID: "sha256:9b1f42c0", Platform: "linux/amd64"},
		Process: sandbox.Process{User: "1000:1000", Groups: []string{"44"}, Entrypoint: []string{"tini", "--", "/server"}, Cmd: []string{"--host", "0.0.0.0"},
			WorkDir: "/workspace", StopSignal: "SIGTERM", StopTimeout: 8 * time.Second,
			Health: &sandbox.Health{Command: []string{"/.berth/inside", "it's fine"}, Interval: time.Minute, Timeout: 5 * time.Second}},
		Env: []sandbox.Env{{Name: "HOME", Value: "/home/agent"}, {Name: "SESSION_API_KEY", Value: "topsecret", Secret: true},
			{Name: "OH_SESSION_API_KEYS_0", Unset: true}, {Name: "MESSAGE", Value: "a $HOME of 'one'\nown"}},
		Mounts: []sandbox.Mount{{Kind: sandbox.Bind, Source: "/home/me/a, \"b\"", Target: "/data", ReadOnly: true},
			{Kind: sandbox.Volume, Source: "berth-shop-home", Target: "/home", NoCopy: true},
			{Kind: sandbox.Bind, Source: "/home/me/.local/state/berth/sandboxes/shop/passwd", Target: "/etc/passwd", ReadOnly: true}},
		Tmpfs: []sandbox.Tmpfs{{Target: "/tmp", Exec: true, Size: 1 << 30, Mode: "1777", UID: -1, GID: -1}},
		Network: sandbox.Network{Mode: "0berth-shop", Attached: []sandbox.Attachment{{Name: "0berth-shop"}, {Name: "shop_default", Aliases: []string{"agent"}}},
			Ports: []sandbox.Port{{Container: 8001, Host: netip.MustParseAddrPort("127.0.0.1:8011")}}, Hostname: "sandbox",
			ExtraHosts: []string{"sandbox:127.0.0.1"}, DNSSearch: []string{"."}},
		Limits: sandbox.Limits{Memory: 4 << 30, MemorySwap: 4 << 30, NanoCPUs: 15e8, CPUShares: 512, Pids: 1024, Shm: 256 << 20,
			Ulimits: []sandbox.Ulimit{{Name: "nofile", Soft: 16384, Hard: 16384}}},
		Log:    sandbox.Log{Driver: "json-file", Options: map[string]string{"max-size": "10m"}},
		Labels: map[string]string{sandbox.LabelSandbox: "shop", sandbox.LabelProject: "/home/me/my shop"},
	}
	s.CapDrop, s.NoNewPrivileges, s.IpcMode, s.CgroupnsMode, s.Restart, s.OomScoreAdj = []string{"ALL"}, true, "private", "private", "no", 500
	s.Seccomp, s.MaskedPaths, s.ReadonlyPaths = `{"defaultAction":"SCMP_ACT_ERRNO"}`, []string{"/proc/kcore"}, []string{"/proc/sys"}
	return s, &sandbox.NetworkSpec{Name: "0berth-shop", Subnet: "10.83.0.0/28", Options: map[string]string{"com.docker.network.bridge.enable_icc": "false"},
		Labels: map[string]string{sandbox.LabelSandbox: "shop"}}
}

func TestASandboxIsAlsoDockerCommands(t *testing.T) {
	golden.Check(t, "testdata/script/docker.golden", []byte(strings.Join(Script(scripted()), "\n")+"\n"))
}

func TestASandboxIsAlsoAComposeFile(t *testing.T) {
	golden.Check(t, "testdata/script/compose.golden", []byte(strings.Join(Compose(scripted()), "\n")+"\n"))
}

func TestNoFormHoldsASecret(t *testing.T) {
	for _, lines := range [][]string{Script(scripted()), Compose(scripted())} {
		if text := strings.Join(lines, "\n"); strings.Contains(text, "topsecret") {
			t.Errorf("the key is in\n%s", text)
		}
	}
}

// A shell must read each word back as it was: this is asked of a real one.
func TestAQuotedWordIsOneWordToAnyShell(t *testing.T) {
	words := []string{"", "plain", "two words", "it's", `a"b`, "$HOME", "`id`", "a\nb", "é", "~", "*", "-x", "a\\b", "!x", "#x"}
	out, err := exec.Command("sh", "-c", "printf '%s\\0' "+shellLine(words)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); strings.Join(got, "|") != strings.Join(words, "|") {
		t.Errorf("got %q, want %q", got, words)
	}
}
