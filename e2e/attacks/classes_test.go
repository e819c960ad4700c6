package attacks

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
	"berth/internal/probe"
)

// TestEveryClassFromInside: of every class of attacks from inside, those that a profile promises to close are closed,
// for its user and for root; in a container that nobody hardened, some of each class are open.
func TestEveryClassFromInside(t *testing.T) {
	b := newBox(t)
	program := output(t, exec.Command("docker", "inspect", "-f", `{{range .Mounts}}{{if eq .Destination "/.berth/inside"}}{{.Source}}{{end}}{{end}}`, "berth-"+b.Name))
	text := output(t, exec.Command("docker", "run", "--rm", "--pid", "host", "--uts", "host", "--cgroupns", "host",
		"--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--env", "SSH_AUTH_SOCK=/run/agent", "--volume", "/var/run/docker.sock:/var/run/docker.sock",
		"--volume", program+":/probe:ro", "--volume", b.Write("inside", "")+":/.berth/inside", "--volume", b.Write("passwd", "")+":/etc/passwd",
		"--entrypoint", "/probe", b.Image, "probe"))
	twin, err := probe.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, o := range twin {
		open[o.ID] = o.Result == probe.Open
	}
	for level, profile := range map[probe.Level]string{probe.Standard: "standard", probe.Strict: "strict", probe.Paranoid: "paranoid"} {
		t.Run(profile, func(t *testing.T) {
			p := b.Project
			if profile != "standard" {
				p = b.Project.Home.Project(profile)
				flags := []string{"up", "--plain", "-y", "--image", b.Image, "--profile", profile}
				p.Berth(flags...).Exits(0)
			}
			closes(t, p, level, open)
		})
	}
}

// closes holds what the audit's probes found against what the level promises, class by class.
func closes(t *testing.T, p rig.Project, level probe.Level, twin map[string]bool) {
	t.Helper()
	var a struct {
		Probes map[string]json.RawMessage
	}
	p.Berth("audit", p.Name, "--probe", "--json").Exits(0).JSON(&a)
	for who, text := range a.Probes {
		outcomes, err := probe.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		proven := map[probe.Class]int{}
		for _, o := range outcomes {
			known, _ := probe.ByID(o.ID)
			promised := known.MustBeClosed(probe.Setting{Level: level, Root: who == "root", Sealed: true})
			switch {
			case promised && o.Result == probe.Open:
				t.Errorf("%s, as %s: open: %s", o.ID, who, o.Evidence)
			case promised && o.Result == probe.Closed && twin[o.ID]:
				proven[o.Class]++
			}
		}
		for _, known := range probe.All() {
			if _, listed := proven[known.Class]; !listed && known.Class != probe.Tracing {
				t.Errorf("%s cannot fail: what the sandbox closes as %s is closed without any hardening too", known.Class, who)
				proven[known.Class] = 0
			}
		}
	}
}

// TestTunnelSocketFromInside: the folder by which berth-inside comes out is nothing that a program inside can write to,
// and berth's own files are not its to change.
func TestTunnelSocketFromInside(t *testing.T) {
	b := newBox(t)
	own := []string{"/.berth/run", "/tools"}
	for _, row := range []struct {
		who   place
		walls []string
	}{
		{inside(b.Project), append(own, "/.berth", "/etc")}, {inside(b.Project, "-u", "65533:65533"), append(own, "/.berth", "/etc")},
		{inside(b.Project, "-u", "0"), own}, // under standard it may add files to the container's own layer
	} {
		who := row.who
		for path, got := range who.tries(t, "write", row.walls...) {
			if got != "closed" {
				t.Errorf("%s is %s", path, got)
			}
		}
		for path, got := range who.tries(t, "unix", "/.berth/run/berth.sock", "/.berth/run/0", "/var/run/docker.sock") {
			if got != "closed" {
				t.Errorf("%s is %s", path, got)
			}
		}
	}
	if got := inside(b.Project).tries(t, "write", "/workspace", "/home/agent"); got["/workspace"] != "open" || got["/home/agent"] != "open" {
		t.Errorf("this cannot fail: where it may write it finds %v", got)
	}
	other := inside(b.Project)(t, "processes")
	if !strings.Contains(other, "/standin") {
		t.Errorf("it does not even see its own server: %s", other)
	}
	for line := range strings.Lines(other) {
		if strings.Contains(line, "environ") && strings.Contains(line, "inside") {
			t.Errorf("the environment of berth's program is read: %s", line)
		}
	}
}
