package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/e2e/internal/rig"
)

// TestProjectFile: what a repository asks for in its .berth.toml widens nothing until the user has trusted it, and some
// things never. What the user himself asks for, he gets.
func TestProjectFile(t *testing.T) {
	h := rig.New(t)
	image := rig.Standin(t)
	h.Folder("private")
	for _, row := range []struct {
		name, text string
		trusted    bool // what trust makes of it
	}{
		{"a folder beside the project", fmt.Sprintf("volumes = [%q, %q]", h.Path("private")+":/private", ".:/workspace"), true},
		{"another image", fmt.Sprintf("image = %q", image), true},
		{"a network", `additional_networks = ["bridge2"]`, true},
		{"egress without berth", `egress = "direct"`, true},
		{"the weakest profile", `profile = "compat"`, false},
		{"a rule given up", `give_up = ["no-new-privileges"]`, false},
		{"paths that are refused", `allow_paths = ["/etc"]`, false},
		{"variables of the host", `env_from_host = ["HOME"]`, false},
		{"private addresses", `egress_private = ["127.0.0.1:22"]`, false},
		{"another engine", `host = "tcp://203.0.113.9:2375"`, false},
		{"another runtime", `oci_runtime = "crun"`, false},
		{"another user", `user = "0:0"`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := h.Project("repo")
			h.Write(p.Name+"/.berth.toml", row.text+"\n")
			args := []string{"up", "--plain", "-y"}
			if !strings.HasPrefix(row.text, "image") {
				args = append(args, "--image", image)
			}
			if r := p.Berth(args...); r.Code != 2 {
				t.Errorf("untrusted: exit %d: %s%s", r.Code, r.Out, r.Err)
			}
			if made := h.InEngine(); len(made) > 0 {
				t.Errorf("it made %v", made)
			}
			trust, plan := p.Berth("trust"), p.Berth(append(args, "--plan")...)
			if ok := trust.Code == 0 && plan.Code != 2; ok != row.trusted {
				t.Errorf("trusted: %d %s; then %d %s", trust.Code, trust.Err, plan.Code, plan.Err)
			}
		})
	}
}

// TestProjectFileOfNoOrdinaryKind: a .berth.toml that never ends, or leads elsewhere, is refused at once.
func TestProjectFileOfNoOrdinaryKind(t *testing.T) {
	h := rig.New(t)
	image := rig.Standin(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, make := range map[string]func(path string){
		"a pipe":             func(path string) { must(syscall.Mkfifo(path, 0o644)) },
		"a link to a pipe":   func(path string) { must(syscall.Mkfifo(path+".pipe", 0o644)); must(os.Symlink(path+".pipe", path)) },
		"a link out":         func(path string) { must(os.Symlink("/etc/passwd", path)) },
		"an endless file":    func(path string) { must(os.Symlink("/dev/zero", path)) },
		"a gigabyte of file": func(path string) { must(os.WriteFile(path, nil, 0o644)); must(os.Truncate(path, 1<<30)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := h.Project("repo")
			make(filepath.Join(p.Dir, ".berth.toml"))
			up := p.Command("up", "--plan", "--image", image)
			up.Limit = 20 * time.Second
			if r := up.Run(); r.Code == 0 || !strings.Contains(r.Err, ".berth.toml") {
				t.Errorf("exit %d: %.500s", r.Code, r.Err)
			}
		})
	}
	p := h.Project("repo")
	h.Write(p.Name+"/.berth.toml", "memory = '1GiB'\n")
	p.Berth("up", "--plan", "--image", image).Exits(0)
}

// TestProgramsOfARepository: over the whole life of a sandbox, no program runs on the host that a repository names, and
// its server configuration is not the one that is read.
func TestProgramsOfARepository(t *testing.T) {
	git := rig.Tool(t, "git")
	b := newBox(t)
	mark := b.Path("mark")
	script := "#!/bin/sh\ntouch " + mark + "\n"
	as := func(args ...string) {
		cmd := exec.Command(git, args...)
		cmd.Dir, cmd.Env = b.Dir, []string{"HOME=" + b.Home.Dir, "PATH=" + os.Getenv("PATH")}
		b.User.Become(cmd)
		output(t, cmd)
	}
	as("init", "-q")
	hook := b.Write(b.Name+"/.git/hooks/fsmonitor", script)
	for _, name := range []string{"post-checkout", "pre-commit", "post-index-change", "reference-transaction"} {
		b.Write(b.Name+"/.git/hooks/"+name, script)
	}
	hooks, err := filepath.Glob(b.Dir + "/.git/hooks/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range hooks {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	as("config", "core.fsmonitor", hook)
	_ = os.Remove(mark) // git init and config may have run hooks
	b.Write(b.Name+"/.envrc", "touch "+mark+"\n")
	b.Write(b.Name+"/Makefile", "all:\n\ttouch "+mark+"\n")
	b.Write(b.Name+"/openhands_agent_server_config.json", `{"session_api_keys": ["open"]}`)
	for _, args := range [][]string{
		{"ls"}, {"inspect", b.Name}, {"audit", b.Name}, {"stop", b.Name}, {"start", b.Name}, {"restart", b.Name}, {"url", b.Name, "api"},
		{"up", "--plan", "--image", b.Image, "-v", b.Dir + ":/workspace", "-v", weapons(t) + ":/tools:ro"},
	} {
		b.Berth(args...).Exits(0)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program of the repository ran on the host")
	}
	as("status")
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("this cannot fail: git itself runs nothing of it: %v", err)
	}
	seen := inside(b.Project)(t, "processes")
	if !strings.Contains(seen, "OPENHANDS_AGENT_SERVER_CONFIG_PATH=/.berth/agent-server.json") {
		t.Error("the server looks for its configuration in the repository")
	}
	if got := inside(b.Project).tries(t, "write", "/.berth"); got["/.berth"] != "closed" {
		t.Error("the server's configuration can be changed from inside")
	}
}

// rounds is how often a folder is swapped: more where there is time.
func rounds() int {
	if os.Getenv("BERTH_E2E_LONG") == "1" {
		return 1000
	}
	return 100
}

// quick bounds the rounds in time, unless there is much of it.
func quick() time.Duration {
	if os.Getenv("BERTH_E2E_LONG") == "1" {
		return time.Hour
	}
	return 12 * time.Second
}

// TestSwappedFolder: while a folder and a link to another one change places as fast as they can, no sandbox runs with
// the other one; the engine by itself takes it soon.
func TestSwappedFolder(t *testing.T) {
	b := newBox(t)
	b.Write("elsewhere/wrong", "")
	b.Write(b.Name+"/right", "")
	link := b.Path("link")
	if err := os.Symlink(b.Path("elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	b.Berth("stop", b.Name).Exits(0)
	done := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for pause := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-pause.C:
				_ = unix.Renameat2(unix.AT_FDCWD, b.Dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	})
	began, started, refused := time.Now(), 0, 0
	for round := 0; round < rounds() && time.Since(began) < quick(); round++ {
		if b.Home.Berth("start", b.Name).Code != 0 {
			refused++
			if running := output(t, exec.Command("docker", "inspect", "-f", "{{.State.Running}}", "berth-"+b.Name)); running != "false" {
				t.Errorf("round %d: it was refused, and runs: %s", round, running)
			}
			continue
		}
		started++
		in := place(func(t *testing.T, args ...string) string {
			return b.Home.Berth(append([]string{"exec", b.Name, "--", "/tools/attacker"}, args...)...).Out
		})
		if got := in.tries(t, "read", "/workspace/right", "/workspace/wrong"); got["/workspace/right"] != "open" || got["/workspace/wrong"] != "closed" {
			t.Errorf("round %d: the sandbox has the other folder: %v", round, got)
		}
		b.Home.Berth("stop", b.Name)
	}
	t.Logf("%d started, %d refused", started, refused)
	wrong := false
	for round := 0; round < 100 && !wrong; round++ {
		text, _ := exec.Command("docker", "run", "--rm", "--volume", b.Dir+":/workspace", "--volume", weapons(t)+":/tools:ro",
			"--entrypoint", "/tools/attacker", b.Image, "read", "/workspace/wrong").Output()
		wrong = strings.Contains(string(text), "/workspace/wrong open")
	}
	close(done)
	swapper.Wait()
	if !wrong {
		t.Error("this cannot fail: the engine by itself never takes the other folder")
	}
	if info, err := os.Lstat(b.Dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
		_ = unix.Renameat2(unix.AT_FDCWD, b.Dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE) // as it was, for what is removed
	}
}

// TestFolderBelowAnothersFolder: what one sandbox can write to is no place for another's mount: it could be swapped.
func TestFolderBelowAnothersFolder(t *testing.T) {
	b := newBox(t)
	b.Folder(b.Name + "/sub")
	b.Folder("apart")
	other := b.Project.Home.Project("other")
	if r := other.Berth("up", "--plain", "-y", "--image", b.Image, "-v", b.Path(b.Name+"/sub")+":/workspace"); r.Code == 0 {
		t.Errorf("it starts on a folder that %s can write to:\n%s", b.Name, r.Out)
	}
	other.Berth("up", "--plain", "-y", "--image", b.Image, "-v", b.Path("apart")+":/workspace").Exits(0)
}
