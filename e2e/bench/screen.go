package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// How long the screen is let settle, and then watched while nothing happens.
const (
	settle = 3 * time.Second
	watch  = 30 * time.Second
)

// measureScreen times the first text on a terminal that answers and on one that is mute, and watches the idle screen.
func measureScreen(ctx context.Context, w *world, o options) ([]row, error) {
	rows, err := rounds(ctx, o.n, []variant{
		{name: "first text", once: func(ctx context.Context) (float64, error) { return w.firstText(ctx, true) }},
		{name: "first text on a mute terminal", once: func(ctx context.Context) (float64, error) { return w.firstText(ctx, false) }},
	})
	if err != nil {
		return nil, err
	}
	rows[0].Goal, rows[1].Goal = goal{Most: 30}, goal{Most: 100}
	idle, err := w.idle(ctx)
	return append(rows, idle...), err
}

// screen is berth on a terminal of its own.
type screen struct {
	process *exec.Cmd
	tty     *os.File
	bytes   atomic.Int64
	text    chan time.Time // when the first bytes that show something came
}

// open starts berth on a terminal of 100×30. One that answers tells its background and where the cursor is.
func (w *world) open(ctx context.Context, answering bool) (*screen, error) {
	s := &screen{process: w.command(ctx, w.program), text: make(chan time.Time, 1)}
	s.process.SysProcAttr.Setsid, s.process.SysProcAttr.Setctty = true, true
	tty, err := pty.StartWithAttrs(s.process, &pty.Winsize{Rows: 30, Cols: 100}, s.process.SysProcAttr)
	if err != nil {
		return nil, err
	}
	s.tty = tty
	go s.read(answering)
	return s, nil
}

func (s *screen) read(answering bool) {
	buffer := make([]byte, 64<<10)
	for seen := false; ; {
		n, err := s.tty.Read(buffer)
		if err != nil {
			return
		}
		s.bytes.Add(int64(n))
		if answering {
			s.answer(buffer[:n])
		}
		if !seen && shows(buffer[:n]) {
			seen = true
			s.text <- time.Now()
		}
	}
}

// answer replies to the questions that programs ask of terminals.
func (s *screen) answer(asked []byte) {
	for question, reply := range map[string]string{"\x1b]11;?": "\x1b]11;rgb:0000/0000/0000\x1b\\", "\x1b[6n": "\x1b[1;1R"} {
		if bytes.Contains(asked, []byte(question)) {
			_, _ = s.tty.WriteString(reply) // a terminal that has gone is seen by the reader
		}
	}
}

// shows tells whether an output holds a letter outside of control sequences.
func shows(output []byte) bool {
	inside := false
	for _, b := range output {
		switch {
		case b == 0x1b:
			inside = true
		case inside && (b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '\\' || b == 0x07):
			inside = false
		case !inside && b >= 'A' && b <= 'z':
			return true
		}
	}
	return false
}

// close ends the screen as a closed terminal does, and by force if that takes a second.
func (s *screen) close() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	hard := time.AfterFunc(time.Second, func() { _ = s.process.Process.Kill() })
	_ = s.process.Wait() // ended by our signal
	hard.Stop()
	_ = s.tty.Close()
}

func (w *world) firstText(ctx context.Context, answering bool) (float64, error) {
	begin := time.Now()
	s, err := w.open(ctx, answering)
	if err != nil {
		return math.NaN(), err
	}
	defer s.close()
	select {
	case at := <-s.text:
		return float64(at.Sub(begin).Microseconds()) / 1000, nil
	case <-time.After(10 * time.Second):
		return math.NaN(), errors.New("no text within 10 s")
	case <-ctx.Done():
		return math.NaN(), ctx.Err()
	}
}

// idle watches the screen of the plan while nothing happens. It is not a home's first start, which unpacks the program
// for the inside.
func (w *world) idle(ctx context.Context) ([]row, error) {
	if text, err := w.command(ctx, w.program, "up", sandboxName, "--image", "starter", "--plan").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("berth up --plan: %w\n%s", err, text)
	}
	s, err := w.open(ctx, true)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := wait(ctx, settle); err != nil {
		return nil, err
	}
	pid := s.process.Process.Pid
	ran, err := ranFor(pid)
	if err != nil {
		return nil, err
	}
	written := s.bytes.Load()
	if err := wait(ctx, watch); err != nil {
		return nil, err
	}
	ranThen, err := ranFor(pid)
	if err != nil {
		return nil, err
	}
	memory, err := residentMB(pid)
	return []row{
		{Name: "idle screen, CPU over 30 s", Unit: "%", Values: []float64{100 * float64(ranThen-ran) / float64(watch)}, Goal: goal{Most: 0.1}},
		{Name: "idle screen, written", Unit: "B/s", Values: []float64{float64(s.bytes.Load()-written) / watch.Seconds()}},
		{Name: "idle screen, resident memory", Unit: "MB", Values: []float64{memory}, Goal: goal{Most: 20}},
	}, err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// ranFor gives how long the threads of a process were on a core (proc(5), schedstat, in ns).
func ranFor(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, errors.Join(err, errors.New("no schedstat: the screen has ended, or this is no Linux"))
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

func residentMB(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, errors.New("no VmRSS")
}
