package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/e2e/internal/rig"
	"berth/hardening"
	"berth/internal/golden"
	"berth/internal/probe"
	"berth/internal/sandbox"
)

// opened counts by class the probes that found something open.
type opened map[probe.Class]int

func (o opened) sum() int {
	n := 0
	for _, of := range o {
		n += of
	}
	return n
}

// TestWhatIsOpenUnderEachProfile launches the same sandbox under every profile and attacks it from inside. Each profile
// leaves no more open than the one before it, and the table in the document is what was measured.
func TestWhatIsOpenUnderEachProfile(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	plain, user, root := opened{}, map[hardening.Profile]opened{}, map[hardening.Profile]opened{}
	for _, profile := range hardening.Profiles() {
		t.Run(string(profile), func(t *testing.T) {
			p := h.Project("open")
			mode := map[bool]string{true: ":ro"}[profile == hardening.Compat]
			p.Up(rig.Starter, "--profile", string(profile), "-v", p.Dir+":/workspace"+mode)
			var a struct {
				Probes struct{ Agent, Root []probe.Outcome }
			}
			p.Berth("audit", p.Name, "--probe", "--json").Exits(0).JSON(&a)
			user[profile], root[profile] = countOpen(t, a.Probes.Agent), countOpen(t, a.Probes.Root)
			if profile == hardening.Compat {
				plain = countOpen(t, probedPlain(t, p.Name))
			}
		})
	}
	before := hardening.Compat
	for _, p := range hardening.Profiles()[1:] {
		for _, class := range classes() {
			if user[p][class] > user[before][class] || root[p][class] > root[before][class] {
				t.Errorf("%s: %s leaves more open than %s", class, p, before)
			}
		}
		before = p
	}
	if plain.sum() <= root[hardening.Compat].sum() {
		t.Errorf("a container that nobody hardened has %d open, compat %d", plain.sum(), root[hardening.Compat].sum())
	}
	compareMeasured(t, measuredTable(plain, user, root))
}

func countOpen(t *testing.T, outcomes []probe.Outcome) opened {
	t.Helper()
	if len(outcomes) != len(probe.All()) {
		t.Fatalf("%d of %d probes ran", len(outcomes), len(probe.All()))
	}
	out := opened{}
	for _, o := range outcomes {
		switch o.Result {
		case probe.Open:
			out[o.Class]++
		case probe.Unknown:
			t.Errorf("%s could not be tried: %s", o.ID, o.Evidence)
		}
	}
	return out
}

func classes() []probe.Class {
	var out []probe.Class
	for _, p := range probe.All() {
		if !slices.Contains(out, p.Class) {
			out = append(out, p.Class)
		}
	}
	return out
}

// probedPlain runs the same probes as root in a container of the same image that nobody hardened.
func probedPlain(t *testing.T, name string) []probe.Outcome {
	t.Helper()
	docker, ctx := rig.Docker(t), rig.Context(t)
	seen, err := docker.ContainerInspect(ctx, sandbox.ContainerName(name))
	if err != nil {
		t.Fatal(err)
	}
	const program = "/.berth/inside"
	i := slices.IndexFunc(seen.Mounts, func(m container.MountPoint) bool { return m.Destination == program })
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: seen.Image, User: "0:0", Entrypoint: []string{program, "probe"}},
		&container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: seen.Mounts[i].Source, Target: program, ReadOnly: true}}}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := docker.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	}()
	ended, failed := docker.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	if err := docker.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case err := <-failed:
		t.Fatal(err)
	}
	outcomes, err := probe.Parse(printed(t, ctx, docker, made.ID))
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func printed(t *testing.T, ctx context.Context, docker *client.Client, id string) []byte {
	t.Helper()
	logs, err := docker.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close() //nolint:errcheck // read to its end
	var out, rest bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &rest, logs); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func measuredTable(plain opened, user, root map[hardening.Profile]opened) string {
	var out strings.Builder
	out.WriteString("| class | probes | plain `docker run` | compat | standard | strict | paranoid |\n|---|---|---|---|---|---|---|\n")
	row := func(name string, n int, count func(opened) int) {
		fmt.Fprintf(&out, "| %s | %d | %d |", name, n, count(plain))
		for _, p := range hardening.Profiles() {
			fmt.Fprintf(&out, " %d, %d |", count(user[p]), count(root[p]))
		}
		out.WriteString("\n")
	}
	for _, class := range classes() {
		n := 0
		for _, p := range probe.All() {
			if p.Class == class {
				n++
			}
		}
		row(string(class), n, func(o opened) int { return o[class] })
	}
	row("**all**", len(probe.All()), opened.sum)
	return out.String()
}

// compareMeasured holds the document's table to what was measured, where the engine and the kernel are those that the
// document names: what a kernel has at all is different elsewhere.
func compareMeasured(t *testing.T, table string) {
	t.Helper()
	v, err := rig.Docker(t).ServerVersion(rig.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	const document = "../docs/security.md"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	kernel := strings.SplitN(v.KernelVersion, ".", 3)
	where := fmt.Sprintf("Docker %s on Linux %s.%s", v.Version, kernel[0], kernel[1])
	mark := regexp.MustCompile(`(?s)(<!-- measured: [^\n]*-->\n).*?(<!-- end -->)`)
	old := mark.Find(text)
	switch {
	case old == nil:
		t.Fatal("the document has no marks for what was measured")
	case !golden.Updating() && !bytes.Contains(old, []byte(where)):
		t.Logf("the document's table is of another engine than %s; measured here:\n%s", where, table)
		return
	}
	golden.Check(t, document, mark.ReplaceAll(text, []byte("${1}\n"+where+":\n\n"+table+"\n${2}")))
}

// TestTheWorkbenchUnderEachProfile: the agent server, VS Code and, where there is one, the desktop work under every
// profile, also on a root that nobody can write.
func TestTheWorkbenchUnderEachProfile(t *testing.T) {
	rig.Need(t)
	rig.Image(t, rig.Workbench)
	for _, c := range []struct {
		profile hardening.Profile
		flags   []string
		checks  map[string]func(*testing.T, up)
	}{
		{hardening.Compat, []string{"--give-up", "root-on-mount"}, map[string]func(*testing.T, up){"giving up is shown": checkGivenUp}},
		{hardening.Strict, nil, map[string]func(*testing.T, up){"code": checkCode, "desktop": checkDesktop, "read-only root": checkReadOnlyRoot}},
		{hardening.Paranoid, nil, map[string]func(*testing.T, up){"read-only root": checkReadOnlyRoot, "no way to write": checkParanoid}},
	} {
		t.Run(string(c.profile), func(t *testing.T) {
			s := launchAs(t, rig.Workbench, append(c.flags, "--profile", string(c.profile))...)
			s.Berth("audit", s.Name, "--probe").Exits(0)
			for _, link := range []string{"api", "code"} {
				s.Berth("url", s.Name, link).Exits(0)
			}
			for name, check := range c.checks {
				t.Run(name, func(t *testing.T) { check(t, s) })
			}
			s.Berth("stop", s.Name).Exits(0)
			s.Berth("start", s.Name).Exits(0)
			s.Berth("audit", s.Name, "--probe").Exits(0)
		})
	}
}

func launchAs(t *testing.T, image string, flags ...string) up {
	t.Helper()
	h := rig.New(t)
	s := up{Project: h.Project("shop"), Image: image, Data: h.Folder("data")}
	h.Write(s.Name+"/README.md", "# Shop\n")
	h.Write(s.Name+"/hello.txt", "hello from the host\n")
	s.First = s.Berth(append([]string{"up", "--json", "--image", image, "-v", s.Dir + ":/workspace"}, flags...)...).Exits(0)
	return s
}

// checkGivenUp: what was given up stands wherever the posture does.
func checkGivenUp(t *testing.T, s up) {
	for _, args := range [][]string{{"up", "--plan", "--profile", "compat", "--give-up", "root-on-mount", "--image", rig.Workbench}, {"audit", s.Name}, {"inspect", s.Name}, {"ls", "--json"}} {
		if r := s.Berth(args...); !strings.Contains(r.Out, "root-on-mount") {
			t.Errorf("berth %s does not say it: %s%s", strings.Join(args, " "), r.Out, r.Err)
		}
	}
	if r := s.Berth("ls"); !strings.Contains(r.Out, "compat -1") {
		t.Errorf("berth ls counts none: %s", r.Out)
	}
}

func checkReadOnlyRoot(t *testing.T, s up) {
	for _, folder := range []string{"/", "/etc", "/usr/bin", "/openhands", "/var/lib"} {
		r := s.Berth("exec", "-u", "0", s.Name, "--", "touch", filepath.Join(folder, "wall"))
		if r.Code == 0 || !strings.Contains(r.Err, "Read-only file system") {
			t.Errorf("root writes %s: exit %d, %s", folder, r.Code, r.Err)
		}
	}
	for _, folder := range []string{"/tmp", "/var/tmp", "/run", "/home/agent"} {
		s.inside(t, "touch "+folder+"/mine && rm "+folder+"/mine")
	}
}

// checkParanoid: no folder of the host can be written, nothing that is written can be run, and nothing is left of it.
func checkParanoid(t *testing.T, s up) {
	if r := s.Berth("exec", s.Name, "--", "touch", "/workspace/wall"); !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("it writes the user's folder: exit %d, %s", r.Code, r.Err)
	}
	for _, folder := range []string{"/tmp", "/var/tmp", "/home/agent"} {
		line := "cp /bin/true " + folder + "/mine && " + folder + "/mine"
		if r := s.Berth("exec", s.Name, "--", "sh", "-c", line); r.Code != 126 || !strings.Contains(r.Err, "Permission denied") {
			t.Errorf("%s: exit %d, %s", line, r.Code, r.Err)
		}
	}
	if home := s.inside(t, "cp -r /workspace ~/copy && cat ~/copy/README.md"); home != "# Shop" {
		t.Errorf("no copy can be worked on: %s", home)
	}
	if _, err := rig.Docker(t).VolumeInspect(rig.Context(t), sandbox.HomeVolume(s.Name)); !errdefs.IsNotFound(err) {
		t.Errorf("there is a volume for its home: %v", err)
	}
}
