package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"berth/internal/inside"
	"berth/internal/probe"
)

// starterImage loads the starter into the engine and gives its reference; it is removed after the test.
func starterImage(t *testing.T) string {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") != "1" {
		t.Skip("needs an engine: BERTH_DOCKER=1")
	}
	img, err := inside.StarterImage(runtime.GOARCH, "test-"+strings.ToLower(t.Name()))
	if err != nil {
		t.Skip("berth-inside is not packed: run `go run ./internal/inside/pack`")
	}
	var archive bytes.Buffer
	if _, err := img.WriteTo(&archive); err != nil {
		t.Fatal(err)
	}
	docker(t, &archive, "load", "--quiet")
	t.Cleanup(func() { docker(t, nil, "image", "rm", "--force", img.Ref) })
	return img.Ref
}

func docker(t *testing.T, stdin *bytes.Buffer, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v %s", strings.Join(args, " "), err, errOut.String())
	}
	return out
}

// naked gives the sandbox nearly everything; not --privileged, which fails where the engine itself lacks a capability. hardened is what the engine itself can keep from it.
var (
	naked = strings.Fields(`--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE --cap-add SYS_MODULE --cap-add SYS_BOOT --cap-add SYS_RAWIO --cap-add SYSLOG
		--cap-add SYS_PACCT --cap-add SYS_NICE --cap-add DAC_READ_SEARCH --cap-add SYS_TIME --user 0:0
		--security-opt seccomp=unconfined --security-opt systempaths=unconfined --security-opt apparmor=unconfined --pid host --network host --uts host
		--cgroupns host --device /dev/fuse --volume /sys:/sys --volume /var/run/docker.sock:/var/run/docker.sock --volume /run:/run/secrets
		--volume /dev/null:/ssh-agent --volume /dev/null:/.berth/inside --shm-size 2g --env SSH_AUTH_SOCK=/x`)
	hardened = strings.Fields(`--cap-drop ALL --security-opt no-new-privileges --network none --memory 256m --memory-swap 256m --pids-limit 64 --cpus 1
		--ulimit nofile=1024 --ulimit core=0 --shm-size 64m --ipc private --cgroupns private --oom-score-adj 500 --dns 127.0.0.1 --user 1000:1000
		--read-only --tmpfs /tmp:rw,noexec,nosuid,nodev`)
)

// absent are the marks of a feature that this kernel or machine does not have: nothing could be open there.
var absent = []string{"ENOSYS", "address family not supported", "protocol not supported", "socket type not supported", "no such file", "masked, empty or absent", "no answer", "none", "hidden", "no setuid program", "this architecture has none", "no gateway"}

// untwinned cannot be opened by any flag of an engine.
var untwinned = map[string]string{
	"caps-ambient": "no engine sets ambient capabilities",
	"real-time":    "a cgroup (v1) without real-time budget refuses it whatever the capabilities",
	"limit-pids":   "the host's own cgroup has no such file",
}

func TestEveryProbeIsOpenWhereNothingIsProtected(t *testing.T) {
	ref := starterImage(t)
	run := func(flags []string) map[string]probe.Outcome {
		args := slices.Concat([]string{"run", "--rm"}, flags, []string{"--entrypoint", "/.berth/starter", ref, "probe"})
		outcomes, err := probe.Parse(docker(t, nil, args...))
		if err != nil {
			t.Fatal(err)
		}
		byID := map[string]probe.Outcome{}
		for _, o := range outcomes {
			byID[o.ID] = o
		}
		return byID
	}
	open, closed := run(naked), run(hardened)
	proven := 0
	for _, p := range probe.All() {
		twin, here := open[p.ID], closed[p.ID]
		couldNot := slices.ContainsFunc(absent, func(mark string) bool { return strings.Contains(twin.Evidence, mark) })
		switch {
		case twin.Result == probe.Open:
			proven++
		case !couldNot && untwinned[p.ID] == "":
			t.Errorf("%s: %s (%s) where nothing is protected: it cannot fail", p.ID, twin.Result, twin.Evidence)
		}
		// What only a filter of berth's own closes is tried with it in package hardening; masks are berth's lists.
		if p.Rule != "seccomp" && p.Rule != "masked-paths" && here.Result != probe.Closed {
			t.Errorf("%s: %s (%s) in a hardened container", p.ID, here.Result, here.Evidence)
		}
	}
	t.Logf("%d of %d probes have a twin on this machine", proven, len(probe.All()))
	if proven < 60 {
		t.Errorf("only %d probes can be open here", proven)
	}
}

func TestTheStarterAsTheFirstProcessReapsOrphansAndEndsWith143(t *testing.T) {
	ref := starterImage(t)
	id := strings.TrimSpace(string(docker(t, nil, "run", "--detach", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "1000:1000", ref)))
	defer docker(t, nil, "rm", "--force", id)
	docker(t, nil, "exec", id, "/.berth/starter", "ready", "--timeout", "20s")
	docker(t, nil, "exec", id, "sh", "-c", "sh -c 'sleep 0.1 >/dev/null 2>&1 &'")
	out := docker(t, nil, "exec", id, "sh", "-c", "for i in $(seq 200); do ps -e | grep -q -e 'Z \\[' -e '[s]leep' || { echo clean; break; }; done")
	if string(out) != "clean\n" {
		t.Errorf("left: %s", docker(t, nil, "exec", id, "ps", "-e"))
	}
	docker(t, nil, "stop", "--time", "5", id)
	if code := strings.TrimSpace(string(docker(t, nil, "inspect", "--format", "{{.State.ExitCode}}", id))); code != "143" {
		t.Errorf("exit code %s, want 143", code)
	}
}
