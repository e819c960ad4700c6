//go:build unix

package tui

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/creack/pty"
)

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// onPty is a program in a terminal of the test's own.
type onPty struct {
	t      testing.TB
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	before *term.State
	begun  time.Time
	ended  chan struct{}
	answer bool          // answer what a terminal is asked
	acted  time.Duration // when it was last sent something

	mu    sync.Mutex
	out   bytes.Buffer
	times []stamp
	grew  chan struct{}
}

// stamp says how much had come at a time.
type stamp struct {
	after time.Duration
	bytes int
}

// play starts the demo, or another command, in a terminal of a size.
func play(t testing.TB, w, h int, answer bool, argv ...string) *onPty {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pty here: ", err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(slave.Fd())
	if err != nil {
		t.Fatal(err)
	}
	p := &onPty{t: t, master: master, slave: slave, before: before, answer: answer, grew: make(chan struct{}, 1), ended: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "PS1=$ ", "GOTRACEBACK=single")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.begun = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read()
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.close)
	return p
}

func playDemo(t testing.TB, w, h int, words ...string) *onPty {
	t.Helper()
	return play(t, w, h, false, append([]string{os.Args[0], "demo"}, words...)...)
}

func (p *onPty) close() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.slave.Close()
	_ = p.master.Close()
}

// answers are what a terminal says to the questions that programs ask it.
var answers = []struct{ asked, said string }{
	{"\x1b]11;?", "\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\"}, {"\x1b[6n", "\x1b[1;1R"}, {"\x1b[c", "\x1b[?62c"},
}

func (p *onPty) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.master.Read(buf)
		p.mu.Lock()
		p.out.Write(buf[:n])
		p.times = append(p.times, stamp{time.Since(p.begun), p.out.Len()})
		p.mu.Unlock()
		if p.answer {
			for _, a := range answers {
				if bytes.Contains(buf[:n], []byte(a.asked)) {
					_, _ = p.master.WriteString(a.said)
				}
			}
		}
		select {
		case p.grew <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (p *onPty) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// await waits for a text after what had come when from was taken, and gives the place behind it.
func (p *onPty) await(from int, text string) int {
	p.t.Helper()
	late := time.After(patience)
	for {
		if i := strings.Index(p.output()[from:], text); i >= 0 {
			return from + i + len(text)
		}
		select {
		case <-p.grew:
		case <-late:
			p.t.Fatalf("%q did not come; there is %q", text, p.output()[from:])
		}
	}
}

func (p *onPty) send(keys string) {
	p.t.Helper()
	p.acted = time.Since(p.begun)
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// finished waits for the end of the program.
func (p *onPty) finished() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("it does not end; there is %q", p.output())
	}
}

// putBack fails unless the terminal is as it was before: modes and settings.
func (p *onPty) putBack() {
	p.t.Helper()
	out := p.output()
	for _, mode := range []string{"?1049", "?1000", "?1006", "?2004"} {
		if on, off := strings.LastIndex(out, "\x1b["+mode+"h"), strings.LastIndex(out, "\x1b["+mode+"l"); on < 0 || off < on {
			p.t.Errorf("mode %s is left on", mode)
		}
	}
	for _, mode := range []string{"?25", "?7"} {
		if on, off := strings.LastIndex(out, "\x1b["+mode+"h"), strings.LastIndex(out, "\x1b["+mode+"l"); off < 0 || on < off {
			p.t.Errorf("mode %s is left off", mode)
		}
	}
	after, err := term.GetState(p.slave.Fd())
	if err != nil {
		p.t.Fatal(err)
	}
	if !reflect.DeepEqual(p.before, after) {
		p.t.Errorf("the terminal's settings were %+v and are %+v", p.before, after)
	}
}

// leftAfter is how long after a moment the screen was left.
func (p *onPty) leftAfter(since time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := strings.LastIndex(p.out.String(), "\x1b[?1049l")
	for _, s := range p.times {
		if s.bytes > i && i >= 0 {
			return s.after - since
		}
	}
	return -1
}

func TestTheScreenIsLeftAsItWasFound(t *testing.T) {
	crash := filepath.Join(t.TempDir(), "crash.txt")
	for _, row := range []struct {
		name  string
		words []string
		do    func(p *onPty)
		said  string
	}{
		{"q", nil, func(p *onPty) { p.send("q") }, "ending: quit, left: shop blog"},
		{"ctrl+c", nil, func(p *onPty) { p.send("\x03") }, "ending: quit"},
		{"SIGINT", nil, func(p *onPty) { p.signal(syscall.SIGINT) }, "ending: quit"},
		{"SIGTERM", nil, func(p *onPty) { p.signal(syscall.SIGTERM) }, "ending: terminated"},
		{"SIGHUP", nil, func(p *onPty) { p.signal(syscall.SIGHUP) }, "ending: hung up"},
		{"ctrl+c in a launch", nil, func(p *onPty) { p.send("\r"); p.await(0, "launching"); p.send("\x03") }, "ending: cancelled"},
		{"SIGTERM in a launch", nil, func(p *onPty) { p.send("\r"); p.await(0, "launching"); p.signal(syscall.SIGTERM) },
			"berth: cancelled, removing what was made"},
		{"a panic in a launch", []string{"panic", "fast", "crash=" + crash}, func(p *onPty) { p.send("\r") }, "error: berth broke: a bug"},
		{"a panic in a goroutine that is not ours", []string{"foreign", "fast", "guard", "crash=" + crash}, func(p *onPty) { p.send("\r") },
			"berth: the report is in " + crash},
		{"SIGKILL", []string{"guard"}, func(p *onPty) { p.signal(syscall.SIGKILL) }, "berth: ended without warning"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := playDemo(t, 80, 24, append(row.words, "still")...)
			p.await(0, "wait for /ready")
			p.await(0, "docker 28.5")
			if slices.Contains(row.words, "guard") {
				p.awaitGuard()
			}
			row.do(p)
			p.finished()
			p.await(0, row.said)
			p.putBack()
			left := p.leftAfter(p.acted)
			t.Logf("left after %s", left.Round(time.Millisecond))
			if left > 500*time.Millisecond && row.name != "ctrl+c in a launch" { // that waits for what was made to be removed
				t.Errorf("it was left only after %s", left)
			}
		})
	}
	if text, err := os.ReadFile(crash); err != nil || !strings.Contains(string(text), "not ours") {
		t.Errorf("the crash file holds %q, %v", text, err)
	}
}

func (p *onPty) signal(s os.Signal) {
	p.t.Helper()
	p.acted = time.Since(p.begun)
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// awaitGuard waits until the demo has a child, its guard.
func (p *onPty) awaitGuard() {
	p.t.Helper()
	file := fmt.Sprintf("/proc/%d/task/%d/children", p.cmd.Process.Pid, p.cmd.Process.Pid)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
		for _, f := range all {
			if text, err := os.ReadFile(f); err == nil && len(text) > 0 {
				return
			}
		}
		<-tick.C
	}
	p.t.Skip("cannot see children here: ", file)
}

func TestSuspendAndBack(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no shell with job control: ", err)
	}
	p := play(t, 80, 24, false, bash, "--norc", "--noprofile", "-i")
	p.await(0, "$ ")
	p.send(os.Args[0] + " demo list still\r")
	at := p.await(0, "enter\x1b[m open")
	p.send("\x1a")
	at = p.await(at, "\x1b[?1049l")
	at = p.await(at, "Stopped")
	p.send("stty -a | grep -c -- ' icanon'\r")
	at = p.await(at, "\r1\r")
	p.send("fg\r")
	at = p.await(at, "\x1b[?1049h")
	at = p.await(at, "enter\x1b[m open")
	p.send("q")
	p.await(at, "ending: quit")
	p.send("exit\r")
	p.finished()
}

func TestAShellTakesTheTerminalAndGivesItBackWhole(t *testing.T) {
	p := playDemo(t, 80, 24, "list", "still", "fast")
	at := p.await(0, "enter\x1b[m open")
	p.send("E")
	at = p.await(at, "\x1b[?1049l")
	at = p.await(at, "a shell of shop")
	p.send("exit\r")
	at = p.await(at, "\x1b[?1049h")
	p.await(at, "enter\x1b[m open")
	p.send("q")
	p.finished()
	p.await(at, "ending: quit")
	p.putBack()
}

func TestAResizePaintsAnew(t *testing.T) {
	p := playDemo(t, 80, 24, "list", "still", "fast")
	at := p.await(0, "enter\x1b[m open")
	if err := pty.Setsize(p.master, &pty.Winsize{Cols: 40, Rows: 12}); err != nil {
		t.Fatal(err)
	}
	at = p.await(at, "\x1b[12;1H")
	frame := p.output()[strings.LastIndex(p.output()[:at], "\x1b[?2026h"):]
	if strings.Count(frame, "\x1b[K") < 12 || strings.Contains(frame, "\x1b[13;1H") {
		t.Errorf("the new frame is %q", frame)
	}
}

// question is what no program may ask a terminal before it has drawn.
var question = regexp.MustCompile(`\x1b\]1[01];\?|\x1b\[6n|\x1b\[c`)

func TestFirstTextComesAtOnceAndTheTerminalIsAskedNothing(t *testing.T) {
	for name, answering := range map[string]bool{"answering": true, "mute": false} {
		t.Run(name, func(t *testing.T) {
			inTime(t, 3, func() error {
				var firsts []time.Duration
				for range 9 {
					firsts = append(firsts, firstText(t, answering))
				}
				slices.Sort(firsts)
				median := firsts[len(firsts)/2]
				t.Logf("first text after %s (median of %d)", median.Round(100*time.Microsecond), len(firsts))
				if median > 100*time.Millisecond {
					return fmt.Errorf("first text after %s", firsts)
				}
				return nil
			})
		})
	}
}

// inTime holds a measurement to its bound in the best of some rounds: the machine has other things to do as well.
func inTime(t *testing.T, rounds int, measure func() error) {
	t.Helper()
	var err error
	for range rounds {
		if err = measure(); err == nil {
			return
		}
	}
	t.Error(err)
}

// firstText starts the screen and gives the time until its first words, which it may not spend on asking questions.
func firstText(t *testing.T, answering bool) time.Duration {
	t.Helper()
	p := play(t, 80, 24, answering, os.Args[0], "demo", "still")
	i := p.await(0, "berth")
	p.mu.Lock()
	n := slices.IndexFunc(p.times, func(s stamp) bool { return s.bytes >= i })
	first := p.times[n].after
	p.mu.Unlock()
	p.await(i, "shop")
	p.send("q")
	p.finished()
	if asked := question.FindString(p.output()); asked != "" {
		t.Errorf("the terminal was asked %q", asked)
	}
	return first
}

// cpu is the time a process has run, in all its threads.
func (p *onPty) cpu() time.Duration {
	p.t.Helper()
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if len(all) == 0 {
		p.t.Skip("no schedstat here")
	}
	var sum time.Duration
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has just ended
		}
		n, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// rss is the memory of a process, in bytes.
func (p *onPty) rss() int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip("no /proc here: ", err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

func TestIdleTheScreenDoesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	for _, words := range [][]string{{"still"}, {"list", "many"}, {"shop", "fast", "still"}} {
		p := playDemo(t, 80, 24, words...)
		p.await(0, "docker 28.5")
		<-time.After(time.Second) // whatever it still had to do
		inTime(t, 3, func() error {
			bytes, cpu, span := len(p.output()), p.cpu(), 2*time.Second
			<-time.After(span)
			wrote, ran, rss := p.output()[bytes:], p.cpu()-cpu, p.rss()
			t.Logf("%v: %d bytes, %s of %s (%.3f %%), %d kB", words, len(wrote), ran, span, 100*float64(ran)/float64(span), rss>>10)
			switch {
			case wrote != "":
				return fmt.Errorf("%v: idle it wrote %q", words, wrote)
			case ran > span/1000:
				return fmt.Errorf("%v: idle it ran %s of %s", words, ran, span)
			case rss > 20<<20 && !underRace:
				return fmt.Errorf("%v: idle it holds %d MB", words, rss>>20)
			}
			return nil
		})
		p.send("q")
		p.finished()
	}
}

func TestAFloodOfLogLinesIsHeldInBounds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	p := playDemo(t, 80, 24, "shop", "flood", "still")
	p.await(0, "line 499999 ")
	rss, cpu := p.rss(), p.cpu()
	t.Logf("after 500,000 lines: %d kB, %s of processor, %d bytes written", rss>>10, cpu.Round(time.Millisecond), len(p.output()))
	if rss > 40<<20 && !underRace {
		t.Errorf("it holds %d MB", rss>>20)
	}
	p.send("q")
	p.finished()
	p.putBack()
}

func TestASecondSignalTakesTheGrace(t *testing.T) {
	p := playDemo(t, 80, 24, "stubborn", "fast", "still")
	p.await(0, "wait for /ready")
	p.send("\r")
	p.await(0, "launching")
	p.signal(syscall.SIGTERM)
	at := p.await(0, "berth: cancelled, removing what was made")
	p.signal(syscall.SIGINT)
	p.finished()
	p.await(at, "ending: terminated")
	p.putBack()
}
