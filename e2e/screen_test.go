package e2e

import (
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/creack/pty"

	"berth/e2e/internal/rig"
)

// screenLimit is how long the screen may take for its next step: a launch of the starter on a busy machine.
const screenLimit = time.Minute

// screen is berth in a terminal of the test's own.
type screen struct {
	t             *testing.T
	cmd           *exec.Cmd
	master, slave *os.File
	before        *term.State
	ended         chan error

	mu   sync.Mutex
	out  []byte
	seen int // up to where the test has looked
	grew chan struct{}
}

// openScreen starts berth without a command in a project's folder, at 80×24.
func openScreen(t *testing.T, p rig.Project, args ...string) *screen {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(slave.Fd())
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: master, slave: slave, before: before, ended: make(chan error, 1), grew: make(chan struct{}, 1)}
	s.cmd = p.Command(args...).With("TERM=xterm-256color", "NO_COLOR=1", "BERTH_NO_BROWSER=1", "CI").Exec()
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr.Setsid, s.cmd.SysProcAttr.Setctty = true, true
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read()
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // when the test has failed; the master closes only after that, a read is under way
		_, _ = slave.Close(), master.Close()
	})
	return s
}

func (s *screen) read() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.out = append(s.out, buf[:n]...)
		s.mu.Unlock()
		select {
		case s.grew <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// await waits until each of these has been drawn since the last key.
func (s *screen) await(words ...string) {
	s.t.Helper()
	late := time.After(screenLimit)
	for _, w := range words {
		for !strings.Contains(s.drawn(), w) {
			select {
			case <-s.grew:
			case <-late:
				s.t.Fatalf("%q did not come; since the last key there is:\n%s", w, s.drawn())
			}
		}
	}
}

// drawn is what was written since the last key, without what steers the terminal.
func (s *screen) drawn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ansi.Strip(string(s.out[s.seen:]))
}

func (s *screen) press(keys string) {
	s.t.Helper()
	s.mu.Lock()
	s.seen = len(s.out)
	s.mu.Unlock()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end of berth, wants its exit code, and the terminal as it was.
func (s *screen) ends(code int) {
	s.t.Helper()
	var err error
	select {
	case err = <-s.ended:
	case <-time.After(screenLimit):
		s.t.Fatalf("berth does not end; since the last key there is:\n%s", s.drawn())
	}
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	}
	if got != code {
		s.t.Errorf("berth ends with %d, not %d:\n%s", got, code, s.drawn())
	}
	after, err := term.GetState(s.slave.Fd())
	if err != nil {
		s.t.Fatal(err)
	}
	if !reflect.DeepEqual(s.before, after) {
		s.t.Errorf("the terminal was %+v and is %+v", s.before, after)
	}
	for late := time.After(screenLimit); !s.left(); { // what it wrote last may still be on its way
		select {
		case <-s.grew:
		case <-late:
			s.t.Fatal("the alternate screen was not left")
		}
	}
}

// left tells whether the alternate screen was left since it was last entered.
func (s *screen) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := string(s.out)
	return strings.LastIndex(out, "\x1b[?1049l") > strings.LastIndex(out, "\x1b[?1049h")
}

func TestTheScreenLaunchesShowsAndRemoves(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	p := h.Project("screen")
	s := openScreen(t, p, "--image", rig.Starter)
	s.await("berth › "+p.Name+" › plan", "/workspace rw", "rules   ", "! rules")
	s.press("\r")
	s.await("launching", "API", "http://"+p.Name+".localhost:", "starter server on")
	s.press("2")
	s.await("~/" + p.Name + ", rw")
	s.press("!")
	s.await(p.Name+" › audit", "runs as planned")
	s.press("\x1b")
	s.await("›2 Mounts")
	s.press("E")
	s.await("$ ")
	s.press("id -u; touch made-here; exit\r")
	s.await("›2 Mounts")
	if _, err := os.Stat(p.Dir + "/made-here"); err != nil {
		t.Error(err)
	}
	s.press("\t")
	s.await("1 sandbox", "● up")
	s.press("d")
	s.await("remove "+p.Name+"?", "container berth-"+p.Name, "~/"+p.Name+" is untouched")
	s.press("y")
	s.await("no sandboxes yet")
	s.press("q")
	s.ends(0)
	h.Gone()
}

func TestTheScreenLeavesSandboxesRunningAndSaysSo(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	p := h.Project("left")
	s := openScreen(t, p, "--image", rig.Starter)
	s.await("enter launch", "! rules")
	s.press("\r")
	s.await("starter server on", "leave running")
	s.press("q")
	s.await("1 left running: " + p.Name + " – berth stop --all")
	s.ends(0)
	s = openScreen(t, p, "--image", rig.Starter)
	s.await("show it")
	s.press("\r")
	s.await("http://" + p.Name + ".localhost:")
	s.press("q")
	s.ends(0)
}

// TestTheOpenScreenStartsAGatewayThatWasKilled: no key is pressed, and who was logged in still is.
func TestTheOpenScreenStartsAGatewayThatWasKilled(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	p := up{Project: h.Project("watched"), Image: rig.Starter}
	p.Up(rig.Starter)
	v := p.visit(t, "api")
	s := openScreen(t, p.Project, "--image", rig.Starter)
	s.await("show it")
	s.press("\r")
	s.await("http://" + p.Name + ".localhost:")
	for range 3 {
		kill(t, p.gateway()...)
		rig.Wait(t, 20*time.Second, "link after the gateway was killed", func() bool { return v.get("/ready") == 200 })
	}
	s.press("q")
	s.ends(0)
}

func TestCtrlCOnTheScreenRemovesWhatWasMade(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	p := h.Project("cancelled")
	s := openScreen(t, p, "--image", rig.Starter)
	s.await("enter launch", "! rules")
	s.press("\r")
	s.await("launching")
	s.press("\x03")
	s.ends(130)
	h.Gone()
}
