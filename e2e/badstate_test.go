package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"berth/e2e/internal/rig"
)

func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBadImages: what an image can do wrong, and what berth says and leaves.
func TestBadImages(t *testing.T) {
	rig.Need(t)
	for _, row := range []struct {
		name  string
		flags []string
		code  int
		says  string
		hint  string
		logs  string // a line of the server's that is shown
	}{
		{"ends at once", []string{"-exit", "9", "-say", `cannot find my configuration\n`}, 1, `NAME: .*9.*`, `.*`, "cannot find my configuration"},
		{"ends at once without a word", []string{"-exit", "0"}, 1, `NAME: .*`, `.*`, ""},
		{"answers without a key", []string{"-status", "200"}, 4, `.*without the key.*`, `.*`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := rig.New(t)
			p := h.Project("image")
			r := p.Berth(up2(rig.Standin(t, row.flags...))...).Exits(row.code)
			says(t, r, strings.ReplaceAll(row.says, "NAME", p.Name), row.hint)
			if !strings.Contains(r.Err, row.logs) {
				t.Errorf("the server's last words are not shown: %s", r.Err)
			}
			h.Gone()
		})
	}
}

// TestAServerThatIsNeverReady stays, since it may only be slow, and says how to look and how to remove it.
func TestAServerThatIsNeverReady(t *testing.T) {
	h := rig.New(t)
	p := h.Project("never")
	r := p.Berth("--timeout", "3s", "up", "--plain", "-y", "--image", rig.Standin(t, "-delay", "1h", "-say", `still thinking\n`)).Exits(124)
	says(t, r, p.Name+": not ready after 3s; it is left running", "berth logs -f "+p.Name+" .*berth rm -f "+p.Name)
	if !strings.Contains(r.Err, "still thinking") {
		t.Errorf("the last lines are not shown: %s", r.Err)
	}
	if got := (up{Project: p}).state(t); got != "starting" && got != "up" {
		t.Errorf("it is %s", got)
	}
	p.Berth("rm", "-f", p.Name).Exits(0)
	h.Gone()
}

// TestAServerThatAnswers500 is one that may recover: it stays, and berth says what it answers.
func TestAServerThatAnswers500(t *testing.T) {
	h := rig.New(t)
	p := h.Project("broken")
	r := p.Berth("--timeout", "3s", "up", "--plain", "-y", "--image", rig.Standin(t, "-status", "500")).Exits(124)
	says(t, r, p.Name+": not ready after 3s: /ready answered 500; it is left running", ".*berth rm -f "+p.Name)
	p.Berth("rm", "-f", p.Name).Exits(0)
	h.Gone()
}

// hostile is what a sandbox may print to take a terminal over: titles, colours, the clipboard, a cursor that moves up.
const hostile = `\x1b]0;owned\x07\x1b[31mred\x1b[2Aup\x1b]52;c;b3duZWQ=\x07\u009b31mc1\u202eltr\rcarriage\x08\x7f end\n`

// TestControlSequencesFromInside reach no reader: not in the launch's lines, not in logs, not in events.
func TestControlSequencesFromInside(t *testing.T) {
	rig.Need(t)
	for _, row := range []struct {
		flags []string
		code  int
	}{{[]string{"-say", hostile}, 0}, {[]string{"-say", hostile, "-exit", "9"}, 1}} {
		h := rig.New(t)
		p := h.Project("hostile")
		image := rig.Standin(t, row.flags...)
		lines := p.Berth(up2(image)...).Exits(row.code)
		texts := []string{lines.Out, lines.Err}
		if row.code == 0 {
			logs := p.Berth("logs", p.Name).Exits(0)
			if !strings.Contains(logs.Out, "red") || !strings.Contains(logs.Out, "end") {
				t.Errorf("the words themselves are lost: %q", logs.Out)
			}
			texts = append(texts, logs.Out, logs.Err, p.Berth("logs", "--json", p.Name).Exits(0).Out)
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "\x1b\x07\x08\x7f\r\u009b\u202e") {
				t.Errorf("a control sequence came through: %q", text)
			}
		}
	}
}

// TestAnImageOfAnotherPlatform: the plan warns, naming both; without emulation the launch says why it failed.
func TestAnImageOfAnotherPlatform(t *testing.T) {
	h := rig.New(t)
	p := h.Project("platform")
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	image := rig.StandinFor(t, rig.Docker(t), "linux/"+other)
	plan := p.Berth("up", "--plan", "--image", image).Exits(0).Out
	if !strings.Contains(plan, "the image is made for linux/"+other+", and the engine runs linux/"+runtime.GOARCH) {
		t.Errorf("the plan does not warn: %s", plan)
	}
	if emulators, _ := filepath.Glob("/proc/sys/fs/binfmt_misc/qemu-*"); len(emulators) > 0 {
		t.Skip("this machine emulates others: ", emulators)
	}
	r := p.Berth(up2(image)...).Exits(1)
	says(t, r, p.Name+": its program is for another architecture or is not a program", "choose an image for this engine's platform")
	h.Gone()
}

// TestNoPermissionOnTheSocket: who is not in the group is told both ways out.
func TestNoPermissionOnTheSocket(t *testing.T) {
	rig.Need(t)
	h := rig.NewFor(t, rig.As(t, 54322, 54322))
	p := h.Project("nobody")
	h.Give()
	for _, args := range [][]string{{"ls"}, up2(rig.Starter)} {
		says(t, p.Berth(args...).Exits(3), `unix:///var/run/docker.sock: this user may not use the engine's socket`, `.*usermod -aG docker.*dockerd-rootless-setuptool.*`)
	}
}

// TestAUidWithoutAName: a user of numbers only has a sandbox like any other, with a name inside.
func TestAUidWithoutAName(t *testing.T) {
	rig.Need(t)
	group := rig.GroupOf(t, "/var/run/docker.sock")
	h := rig.NewFor(t, rig.As(t, 54321, 54321, uint32(group)))
	p := h.Project("nameless")
	h.Give()
	p.Up(rig.Starter)
	if got := p.Berth("exec", p.Name, "--", "sh", "-c", "id -un; id -u; echo x > /workspace/file").Exits(0).Out; got != "agent\n54321\n" {
		t.Errorf("inside it is %q", got)
	}
	owner, err := rig.AsRoot(t, "stat", "-c", "%u:%g", filepath.Join(p.Dir, "file")).Output() // nobody else may look there
	if want := fmt.Sprintf("%d:%d\n", h.User.UID, h.User.GID); err != nil || string(owner) != want {
		t.Errorf("the file belongs to %s, not %s: %v", owner, want, err)
	}
	p.Berth("rm", "-f", p.Name).Exits(0)
	h.Gone()
	none := p.Command("ls").With("HOME")
	says(t, none.Run().Exits(2), `HOME: is not set, and neither is XDG_STATE_HOME, so berth has no place for its records`, `set HOME to a folder of yours, or XDG_STATE_HOME`)
}

// TestNoHOME: without the variable, the list of users says where the home is.
func TestNoHOME(t *testing.T) {
	h := rig.New(t)
	p := h.Project("homeless")
	r := p.Command("up", "--plan", "--image", rig.Starter).With("HOME", "XDG_STATE_HOME="+h.Path("state")).Run()
	if r.Exits(0); !strings.Contains(r.Out, "sandbox "+p.Name) {
		t.Errorf("the plan is %s", r.Out)
	}
}

// TestAFullDisk: berth's own folder on a full disk ends the launch with the reason, and leaves nothing in the engine.
func TestAFullDisk(t *testing.T) {
	h := rig.New(t)
	p := h.Project("full")
	small := h.Folder("small")
	mount := rig.AsRoot(t, "mount", "-t", "tmpfs", "-o", "size=16k,mode=777", "tmpfs", small)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Skipf("may not mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := rig.AsRoot(t, "umount", small).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	for _, variable := range []string{"XDG_STATE_HOME", "XDG_CACHE_HOME"} {
		if err := os.WriteFile(filepath.Join(small, "filler"), make([]byte, 1<<20), 0o644); err == nil {
			t.Fatal("the disk is not full")
		}
		r := p.Command(up2(rig.Starter)...).With(variable + "=" + small).Run()
		if r.Code != 1 {
			t.Errorf("exit %d: %s", r.Code, r.Err)
		}
		says(t, r, `.*no space left on device`, `.+`)
		if left := h.InEngine(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// TestClosedStreams: nobody to ask, nobody to tell; what was asked for is done all the same.
func TestClosedStreams(t *testing.T) {
	h := rig.New(t)
	p := h.Project("closed")
	shell := func(script string) (string, int) {
		c := p.Command().Exec()
		c.Path, c.Args = "/bin/sh", append([]string{"sh", "-c", script, rig.Binary(t)}, up2(rig.Starter)...)
		out, _ := c.CombinedOutput() // the code says how it ended
		return string(out), c.ProcessState.ExitCode()
	}
	if out, code := shell(`exec "$0" "$@" <&-`); code != 0 {
		t.Errorf("stdin closed: exit %d: %s", code, out)
	}
	p.Berth("rm", "-f", p.Name).Exits(0)
	if out, code := shell(`{ "$0" "$@" 2>&1; echo $? > code; } | true; cat code`); out != "0\n" && out != "141\n" {
		t.Errorf("stdout a pipe nobody reads: exit %d: %s", code, out)
	}
	if got := (up{Project: p}).state(t); got != "up" {
		t.Errorf("a reader who goes away leaves the sandbox %s", got)
	}
	if out, code := shell(`exec "$0" "$@" <&- >&- 2>&-`); code != 0 {
		t.Errorf("all closed: exit %d: %s", code, out)
	}
	if out, _ := shell(`"$0" help 2>&1 | head -n 1 >/dev/null; yes | "$0" ls -a 2>&1 | true; echo fine`); out != "fine\n" {
		t.Errorf("a pipe says %q", out)
	}
}

// TestATinyTerminal: 10×3 is too small for anything, and berth says so in what room there is.
func TestATinyTerminal(t *testing.T) {
	h := rig.New(t)
	p := h.Project("tiny")
	c := p.Command("--image", rig.Starter)
	c.With("TERM=xterm")
	cmd := c.Exec()
	terminal, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 3, Cols: 10}, cmd.SysProcAttr)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close() //nolint:errcheck // nothing is kept
	seen := make(chan string, 1)
	var shown strings.Builder
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := terminal.Read(b)
			shown.Write(b[:n])
			if err != nil {
				seen <- shown.String()
				return
			}
		}
	}()
	quit := time.AfterFunc(3*time.Second, func() { _, _ = io.WriteString(terminal, "q") })
	defer quit.Stop()
	select {
	case text := <-seen:
		if strings.Contains(text, "panic") || strings.Contains(text, "goroutine") || !strings.Contains(text, "berth: 20") {
			t.Errorf("shown: %q", text)
		}
	case <-time.After(time.Minute):
		t.Error("q does not end it")
	}
	_ = cmd.Wait() // reaped; its screen is what counts
	h.Gone()
}

// TestAClockThatJumps: records and folders from the future are no trouble.
func TestAClockThatJumps(t *testing.T) {
	h := rig.New(t)
	p := h.Project("clock")
	p.Up(rig.Starter)
	path := h.Path(".local/state/berth/" + p.Name + ".json")
	future := time.Now().AddDate(30, 0, 0).UTC().Format("2006-")
	text := strings.ReplaceAll(read(t, path), time.Now().UTC().Format(`"2006-`), `"`+future)
	if !strings.Contains(text, future) {
		t.Fatalf("the record has no time: %s", text)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().AddDate(30, 0, 0)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	p.Berth("prune").Exits(0)
	for _, args := range [][]string{{"ls"}, {"inspect"}, {"audit"}, {"up", "--plain", "--image", rig.Starter}, {"stop"}, {"start"}, {"rm", "-f"}} {
		if r := p.Berth(args...).Exits(0); strings.Contains(r.Out+r.Err, "-2") {
			t.Errorf("%v shows a time before now as negative: %s%s", args, r.Out, r.Err)
		}
	}
	h.Gone()
}
