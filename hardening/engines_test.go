package hardening

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/golden"
	"berth/internal/sandbox"
)

// What each profile comes to on engines that differ: a file an engine, a row a rule, to be read by people.
func TestWhatProfilesComeToOnEngines(t *testing.T) {
	rootless := modernEngine()
	rootless.Kind, rootless.Security = sandbox.DockerRootless, []string{"seccomp", "rootless", "cgroupns"}
	rootless.CanLimitCPU, rootless.CanLimitMemory, rootless.CanLimitPids = false, false, false
	remapped := modernEngine()
	remapped.Kind, remapped.NofileMax = sandbox.DockerUserns, 4096
	podman := modernEngine()
	podman.Kind, podman.Version, podman.API, podman.Runtimes = sandbox.Podman, "5.8.0", "1.41", []string{"crun", "runsc"}
	for name, e := range map[string]sandbox.Engine{
		"docker-20.10": debian(), "docker-28.5": modernEngine(), "docker-rootless": rootless,
		"docker-userns-remap": remapped, "podman-5.8": podman,
	} {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, filepath.Join("testdata", "engines", name+".txt"), []byte(onEngine(e)))
		})
	}
}

func onEngine(e sandbox.Engine) string {
	var out strings.Builder
	for _, p := range Profiles() {
		spec := documentSpec()
		if p == Compat {
			makeReadOnly(&spec)
		}
		if isRootless(e.Kind) {
			spec.Process.User = "0:0"
		}
		hardened, findings, err := Harden(spec, p, nil, Facts{Engine: e, Image: image()})
		fmt.Fprintf(&out, "%s\n", p)
		if err != nil {
			fmt.Fprintf(&out, "  refused: %v\n\n", err)
			continue
		}
		for _, f := range findings {
			row := fmt.Sprintf("  %-20s %s", f.Rule, f.Wanted)
			if f.State != Held {
				row = fmt.Sprintf("  %-20s %s: %s", f.Rule, f.State, f.Because)
			}
			fmt.Fprintln(&out, strings.TrimRight(row, " "))
		}
		fmt.Fprintf(&out, "  attached %+v\n\n", hardened.Network.Attached)
	}
	return out.String()
}

func BenchmarkHardenAndAudit(b *testing.B) {
	facts := Facts{Engine: debian(), Image: image(), Networks: bridges(sandbox.Docker)}
	for b.Loop() {
		hardened, _, err := Harden(documentSpec(), Standard, nil, facts)
		if err != nil {
			b.Fatal(err)
		}
		if !Good(Audit(hardened, hardened, Standard, nil, facts, Probes{})) {
			b.Fatal("it fails")
		}
	}
}
