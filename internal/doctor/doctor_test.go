package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"berth/internal/engine"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/launch"
	"berth/internal/sandbox"
)

// healthy is a machine with nothing to say about.
func healthy() Facts {
	return Facts{
		Host:   host.Facts{UID: 1000, GID: 1000, Username: "me", Home: "/home/me", Homes: []string{"/home/me"}, Hostname: "laptop", Cwd: "/home/me/shop"},
		Chosen: "unix:///var/run/docker.sock",
		Engine: &sandbox.Engine{Kind: sandbox.Docker, Version: "28.5.2", API: "1.51", Endpoint: "unix:///var/run/docker.sock", RuncVersion: "1.5.3",
			Kernel: "6.1.0", CgroupVersion: "2", Security: []string{"seccomp", "apparmor"}, CanLimitCPU: true, CanLimitMemory: true, CanLimitPids: true},
		Folder:   Folder{Path: "/home/me/shop", UID: 1000, GID: 1000, Mode: 0o755},
		Disks:    []Disk{{forImages, "/var/lib/docker", 50e9, 100e9}},
		Registry: Registry{Name: "registry.example"},
	}
}

func told(f Facts) string {
	var lines []string
	for _, one := range Findings(f) {
		lines = append(lines, fmt.Sprintf("%s %s: %s", one.Level, one.Topic, one.Text))
		for _, more := range one.More {
			lines = append(lines, "  "+more)
		}
		if one.Fix != "" {
			lines = append(lines, "  fix: "+one.Fix)
		}
	}
	return strings.Join(lines, "\n")
}

func TestAHealthyMachineHasNothingRed(t *testing.T) {
	want := `good engine: docker 28.5.2, api 1.51, unix:///var/run/docker.sock
good user: uid 1000, gid 1000
good folder: /home/me/shop is writable for the sandbox
good disk: 50.0 GB free for images in /var/lib/docker
good registry: registry.example answers
good browser: links open in your browser`
	if got := told(healthy()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if Red(Findings(healthy())) {
		t.Error("it is red")
	}
}

func TestEachTroubleIsNamedWithItsFix(t *testing.T) {
	denied := &fault.Fault{Kind: fault.Engine, Message: "unix:///run/d.sock: this user may not use it", Hint: "join the group", Cause: fs.ErrPermission}
	for _, c := range []struct {
		name    string
		trouble func(*Facts)
		red     bool
		want    string
	}{
		{"no engine", func(f *Facts) {
			f.Engine, f.Fault = nil, fault.New(fault.Engine, "start one", "DOCKER_HOST=unix:///x: there is no such socket")
			f.Candidates = []engine.Candidate{{Name: "Colima", Host: "unix:///c", Err: fs.ErrNotExist}, {Name: "Colima", Host: "unix:///d", Err: fs.ErrNotExist},
				{Name: "Podman", Host: "unix:///p", Err: errors.New("unix:///p: it hung up")}}
		}, true, `bad engine: DOCKER_HOST=unix:///x: there is no such socket
  unix:///p: it hung up
  no socket of Colima
  fix: start one`},
		{"a socket of a group one is not in", func(f *Facts) {
			f.Engine, f.Fault = nil, denied
			f.Candidates = []engine.Candidate{{Name: "Docker", Host: "unix:///run/d.sock", Err: denied}}
			f.Sockets = []Socket{{Path: "/run/d.sock", GID: 998, Group: "docker", Mode: 0o660}}
		}, true, `bad engine: unix:///run/d.sock: this user may not use it
  fix: join the group
bad socket: /run/d.sock belongs to 0, group docker, mode 0660: you may not use it
  whoever is in that group is root on this machine; an engine of your own is not: dockerd-rootless-setuptool.sh install
  fix: sudo usermod -aG docker me, then log in again`},
		{"a group joined since the login", func(f *Facts) {
			f.Candidates = []engine.Candidate{{Name: "Docker", Host: "unix:///run/d.sock", Err: denied}}
			f.Sockets = []Socket{{Path: "/run/d.sock", GID: 998, Group: "docker", Mode: 0o660, Listed: true}}
		}, false, `warn socket: /run/d.sock belongs to 0, group docker, mode 0660: you may not use it
  you are in its group since your last login
  fix: log in again, or in this terminal: newgrp docker`},
		{"a socket of root's alone", func(f *Facts) {
			f.Candidates = []engine.Candidate{{Name: "Docker", Host: "unix:///run/d.sock", Err: denied}}
			f.Sockets = []Socket{{Path: "/run/d.sock", Mode: 0o600, Group: "root"}}
		}, false, `  fix: an engine of your own: dockerd-rootless-setuptool.sh install`},
		{"an old runc", func(f *Facts) { f.Engine.RuncVersion = "1.1.5" }, true, "bad runc-2024-21626: "},
		{"an engine before 28", func(f *Facts) { f.Engine.Version = "26.1.5" }, false, "warn loopback-open: "},
		{"two engines", func(f *Facts) {
			f.Candidates = []engine.Candidate{{Name: "Docker", Host: f.Chosen, API: "1.51"}, {Name: "Podman", Host: "unix:///p", API: "1.41"}}
		}, false, `good engine: another one answers: Podman, unix:///p
  fix: berth -H unix:///p uses it`},
		{"root", func(f *Facts) { f.Host.UID = 0 }, true, `bad user: you are root, and a sandbox runs as who starts it
  fix: run berth as an ordinary user`},
		{"no home", func(f *Facts) { f.Host.Home = "" }, false, `  fix: export HOME=/some/folder/of/yours`},
		{"another's folder", func(f *Facts) { f.Folder.UID, f.Folder.GID = 0, 0 }, true,
			`bad folder: /home/me/shop belongs to 0, mode 0755; the sandbox is 1000
  fix: mount it :ro, or choose a folder of yours`},
		{"another's folder, open to all", func(f *Facts) { f.Folder.UID, f.Folder.GID, f.Folder.Mode = 0, 0, 0o777 }, false,
			`good folder: /home/me/shop is writable for the sandbox`},
		{"a folder of the user's group", func(f *Facts) { f.Folder.UID, f.Folder.Mode = 0, 0o775 }, false,
			`good folder: /home/me/shop is writable for the sandbox`},
		{"a folder that is gone", func(f *Facts) { f.Folder = Folder{} }, true, `bad folder: the current folder is gone`},
		{"a folder that cannot be read", func(f *Facts) { f.Folder.Err = errors.New("permission denied") }, true,
			`bad folder: /home/me/shop: permission denied`},
		{"a full disk", func(f *Facts) { f.Disks[0].Free = 1e8 }, true, `bad disk: 0.1 GB free for images in /var/lib/docker`},
		{"a disk too small to build on", func(f *Facts) { f.Disks[0].Free = 5e9 }, false, `  building the workbench takes about 8 GB`},
		{"a silent registry", func(f *Facts) { f.Registry.Err = errors.New("nothing within 5s") }, false,
			`warn registry: registry.example does not answer: nothing within 5s`},
		{"leftovers", func(f *Facts) {
			f.Leftovers = []launch.Removal{{Kind: sandbox.ContainerObject, Name: "old", Why: "its launch never finished"}}
		}, false, `warn leftovers: launches that died have left something
  container old: its launch never finished
  fix: berth prune`},
		{"no program for inside", func(f *Facts) {
			f.Inside = fault.New(fault.Failure, "run make build", "this build has no berth-inside")
		}, true,
			`bad program: this build has no berth-inside
  fix: run make build`},
		{"no place for records", func(f *Facts) { f.State = fault.New(fault.Usage, "set HOME", "HOME: is not set") }, true,
			`bad records: HOME: is not set
  fix: set HOME`},
		{"no browser", func(f *Facts) { f.Browser = errors.New("there is no screen here") }, false,
			`good browser: links are printed, not opened: there is no screen here`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := healthy()
			c.trouble(&f)
			if got := told(f); !strings.Contains(got, c.want) {
				t.Errorf("got\n%s\nwant in it\n%s", got, c.want)
			}
			if Red(Findings(f)) != c.red {
				t.Errorf("red is %v", !c.red)
			}
		})
	}
}

func TestAReportForOthersHoldsNoNamesAndNoKeys(t *testing.T) {
	f := []Finding{{Bad, "engine", "ssh://me@build.corp.example:22/x: denied to me on laptop", []string{"/home/me/secret-project and /home/me/shop/x"},
		"curl -H 0123456789abcdef0123456789abcdef"}}
	got := Masked(f, healthy().Host)
	want := Finding{Bad, "engine", "ssh://HOST/x: denied to me on HOST", []string{"~/secret-project and FOLDER/x"}, "curl -H ****"}
	if fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got[0], want)
	}
	if f[0].More[0] != "/home/me/secret-project and /home/me/shop/x" {
		t.Error("the findings themselves were changed")
	}
}
