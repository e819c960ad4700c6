// Package e2e runs the real berth against a real engine, as its user does; nothing is faked.
package e2e

import (
	"os"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// up is a sandbox that runs, with a writable and a read-only folder.
type up struct {
	rig.Project
	Image string
	Data  string // the folder at /data, read-only
	First rig.Result
}

// TestImages holds what a sandbox of either image must do; one sandbox of each is made for it.
func TestImages(t *testing.T) {
	rig.Need(t)
	both := []string{rig.Starter, rig.Workbench}
	checks := []struct {
		name   string
		images []string
		check  func(*testing.T, up)
	}{
		{"mounts", both, checkMounts},
		{"owners", both, checkOwners},
		{"walls", both, checkWalls},
		{"api", both, checkAPI},
		{"keys", both, checkKeys},
		{"plan", both, checkPlan},
		{"audit", both, checkAudit},
		{"code", both[1:], checkCode},
		{"desktop", both[1:], checkDesktop},
		{"stop and start", both, checkStopStart},
		{"removal", both, checkRemoval},
	}
	for _, image := range both {
		t.Run(image, func(t *testing.T) {
			s := launch(t, image)
			for _, c := range checks {
				if strings.Contains(strings.Join(c.images, " "), image) {
					t.Run(c.name, func(t *testing.T) { c.check(t, s) })
				}
			}
		})
	}
}

// launch brings up a sandbox with /workspace rw and /data ro.
func launch(t *testing.T, image string) up {
	t.Helper()
	h := rig.New(t)
	rig.Image(t, image)
	s := up{Project: h.Project("shop"), Image: image, Data: h.Folder("data")}
	h.Write("data/figures.csv", "a,b\n1,2\n")
	h.Write(s.Name+"/README.md", "# Shop\n")
	h.Write(s.Name+"/hello.txt", "hello from the host\n")
	s.First = s.Berth("up", "--json", "--image", image, "-v", s.Dir+":/workspace", "-v", s.Data+":/data:ro").Exits(0)
	return s
}

// inside runs a shell line in the sandbox as its user and gives what it printed, without the last newline.
func (s up) inside(t *testing.T, line string) string {
	t.Helper()
	r := s.Berth("exec", s.Name, "--", "sh", "-c", line)
	if r.Code != 0 {
		t.Fatalf("%s: exit %d: %s%s", line, r.Code, r.Out, r.Err)
	}
	return strings.TrimSuffix(r.Out, "\n")
}

// read gives a file of the host.
func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
