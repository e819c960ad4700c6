package e2e

import (
	"bytes"
	"context"
	"regexp"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/e2e/internal/rig"
	"berth/internal/sandbox"
)

// wall is something the sandbox must not be able to do. line is run in the sandbox, where it has to print held, and by
// root in a container of the same image that nobody hardened, where it has to print open: the proof that it can.
type wall struct {
	name, user, line string
	held, open       string // patterns of all that is printed
}

const none, some = `0{16}`, `0*[1-9a-f][0-9a-f]*`

var walls = []wall{
	{"effective capabilities", "", "grep CapEff /proc/self/status", `CapEff:\s` + none, `CapEff:\s` + some},
	{"capabilities to be had", "", "grep CapBnd /proc/self/status", `CapBnd:\s` + none, `CapBnd:\s` + some},
	{"capabilities of root", "0", "grep CapEff /proc/self/status", `CapEff:\s` + none, `CapEff:\s` + some},
	{"capabilities root can get", "0", "grep CapBnd /proc/self/status", `CapBnd:\s` + none, `CapBnd:\s` + some},
	{"new privileges", "", "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\s1`, `NoNewPrivs:\s0`},
	{"new privileges for root", "0", "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\s1`, `NoNewPrivs:\s0`},
	{"system calls", "", "grep Seccomp: /proc/self/status", `Seccomp:\s2`, `Seccomp:\s0`},
	{"system calls of root", "0", "grep Seccomp: /proc/self/status", `Seccomp:\s2`, `Seccomp:\s0`},
	{"the user", "", "id -u", `[1-9]\d*`, `0`},
	{"configuration", "", "touch /etc/wall 2>&1 && echo written", `touch: [^\n]*denied`, `written`},
	{"programs", "", "touch /bin/wall 2>&1 && echo written", `touch: [^\n]*denied`, `written`},
	{"root in the user's folder", "0", "touch /workspace/wall 2>&1 && echo written", `touch: [^\n]*denied`, `written`},
	{"processes", "", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>&1 | grep -v such", `1024`, `max`},
	{"core files", "", "grep 'Max core' /proc/self/limits", `Max core file size\s+0\s+0\s.*`, `Max core file size\s+[^0].*`},
	{"who dies first", "", "cat /proc/self/oom_score_adj", `500`, `0`},
}

// checkWalls runs every row in the sandbox and in its twin.
func checkWalls(t *testing.T, s up) {
	twin := unhardened(t, s)
	for _, w := range walls {
		args := []string{"exec", s.Name, "--", "sh", "-c", w.line}
		if w.user != "" {
			args = append([]string{"exec", "-u", w.user}, args[1:]...)
		}
		r := s.Berth(args...)
		if got := r.Out + r.Err; !whole(w.held, got) {
			t.Errorf("%s: %s printed %q", w.name, w.line, got)
		}
		if got := twin(w.line); !whole(w.open, got) {
			t.Errorf("%s: %s cannot fail: without any hardening it printed %q", w.name, w.line, got)
		}
	}
}

func whole(pattern, text string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)\n*$`).MatchString(text)
}

// unhardened starts a container of the sandbox's image as root with everything on, and gives a way to run lines in it.
func unhardened(t *testing.T, s up) func(line string) string {
	t.Helper()
	docker, ctx := rig.Docker(t), rig.Context(t)
	seen, err := docker.ContainerInspect(ctx, sandbox.ContainerName(s.Name))
	if err != nil {
		t.Fatal(err)
	}
	folder := s.Folder("twin-" + s.Name)
	made, err := docker.ContainerCreate(ctx,
		&container.Config{Image: seen.Image, User: "0:0", Entrypoint: []string{"sh", "-c", "sleep 86400"}, Labels: map[string]string{sandbox.LabelOwner: s.Owner}},
		&container.HostConfig{
			SecurityOpt: []string{"seccomp=unconfined", "apparmor=unconfined"},
			Mounts:      []mount.Mount{{Type: mount.TypeBind, Source: folder, Target: "/workspace"}},
		}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := docker.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	})
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return func(line string) string { return execIn(t, ctx, docker, made.ID, line) }
}

// execIn runs a shell line in a container, by the engine alone, and gives both its streams.
func execIn(t *testing.T, ctx context.Context, docker *client.Client, id, line string) string {
	t.Helper()
	made, err := docker.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: []string{"sh", "-c", line}, AttachStdout: true, AttachStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := docker.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var both bytes.Buffer
	if _, err := stdcopy.StdCopy(&both, &both, stream.Reader); err != nil {
		t.Fatal(err)
	}
	return both.String()
}
