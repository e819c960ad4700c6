package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/engine"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/tunnel"
)

// agent is whom a sandbox's own programs run as.
const agent = "1000:1000"

// withAttacker mounts testdata/attacker at /attacker.
func withAttacker(t *testing.T) func(*sandbox.Spec) {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") != "1" {
		t.Skip("BERTH_DOCKER=1 runs it on the engine of this machine")
	}
	dir, err := os.MkdirTemp("", "berth-attacker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "attacker")
	build := exec.Command("go", "build", "-o", program, "./testdata/attacker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(s *sandbox.Spec) {
		s.Mounts = append(s.Mounts, sandbox.Mount{Kind: sandbox.Bind, Source: program, Target: "/attacker", ReadOnly: true})
	}
}

// attack runs the attacker as the agent and gives what it prints.
func (s sealed) attack(t *testing.T, user string, args ...string) string {
	t.Helper()
	got, err := s.engine.Exec(t.Context(), s.id, sandbox.Exec{User: user, Command: append([]string{"/attacker"}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	return string(got.Stdout)
}

// serving gives the pids of berth-inside serve, as the sandbox has them.
func (s sealed) serving(t *testing.T) []string {
	t.Helper()
	return strings.Fields(s.attack(t, agent, "serving"))
}

func TestTheAgentCannotTouchTheTunnelsEnd(t *testing.T) {
	box := seal(t, withAttacker(t))
	box.open(t, "exec", false)
	for _, row := range []struct{ about, who, want string }{
		{"its own", "own", "done"},
		{"berth's", strings.Join(box.serving(t), ""), "refused"},
	} {
		lines := strings.Split(strings.TrimSpace(box.attack(t, agent, "touch", row.who)), "\n")
		for _, line := range lines {
			// Where the machine or the engine allows ptrace(2) for nobody, the twin cannot either.
			if attempt, got, _ := strings.Cut(line, ": "); got != row.want && !(row.want == "done" && attempt == "ptrace") {
				t.Errorf("%s process: %s", row.about, line)
			}
		}
		if len(lines) != 7 {
			t.Errorf("%s process: %q", row.about, lines)
		}
	}
	if len(box.serving(t)) != 1 {
		t.Error("the tunnel's end is gone")
	}
}

func TestOnlyBerthsUserReachesTheSocket(t *testing.T) {
	box := seal(t, withAttacker(t))
	seen, err := box.engine.Inspect(t.Context(), box.id)
	if err != nil || seen.Pid == 0 {
		t.Fatal(seen.Pid, err)
	}
	listener, err := tunnel.Listen(box.folder, []uint32{insideUID})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // as the gateway does again and again while nobody comes
		for ctx.Err() == nil {
			_, _ = listener.Accept(ctx, nil) // nobody may come: that is asked of those who try
		}
	}()
	for _, row := range []struct{ user, want string }{
		{agent, "permission denied"}, {"0:0", "permission denied"}, {"2000:65533", "permission denied"},
		{"65533:65533", "sent away: EOF"}, // it does not know the nonce
	} {
		if got := box.attack(t, row.user, "connect", insideRun+"/tunnel.sock"); !strings.HasSuffix(strings.TrimSpace(got), row.want) {
			t.Errorf("%s: %s", row.user, got)
		}
	}
}

// In a container on the host's own network, whatever it passes out is a connection of the host's.
func TestAConnectionOfTheHostsOwnNetworkIsRefused(t *testing.T) {
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	port := uint16(server.Addr().(*net.TCPAddr).Port)
	box := seal(t, func(s *sandbox.Spec) {
		s.Network.Mode, s.Process.Cmd = "host", []string{"--host", "127.0.0.1", "--port", "0"}
	})
	joined, err := openCarrier(t.Context(), box.engine, box.id, 0, box.folder, tunnel.Ports{port}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	if joined.Name() != "socket" {
		t.Fatalf("the carrier is %s", joined.Name())
	}
	_, err = joined.Dial(t.Context(), port)
	if want := fmt.Sprintf("port %d: a connection of the host's own network: the program inside broke the tunnel's protocol", port); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	<-joined.Done()
	if !errors.Is(joined.Err(), tunnel.ErrProtocol) {
		t.Errorf("ended by %v", joined.Err())
	}
}

func TestAFloodFromInsideStallsNoLinkAndFillsNoMemory(t *testing.T) {
	box := seal(t, withAttacker(t))
	for carrier, folder := range map[string]string{"socket": box.folder, "exec": ""} {
		t.Run(carrier, func(t *testing.T) {
			gateway := exec.CommandContext(t.Context(), "hold", box.id, folder)
			out, err := gateway.StdoutPipe()
			if err := errors.Join(err, gateway.Start()); err != nil {
				t.Fatal(err)
			}
			defer func() { gateway.Process.Kill(); gateway.Wait() }()
			lines := bufio.NewScanner(out)
			if !lines.Scan() || lines.Text() != carrier {
				t.Fatal(lines.Text())
			}
			command := []string{"/attacker", "flood", "600"}
			if _, err := box.engine.Exec(t.Context(), box.id, sandbox.Exec{User: agent, Command: command, Detach: true}); err != nil {
				t.Fatal(err)
			}
			before := peak(t, gateway.Process.Pid)
			for range 200 {
				if !lines.Scan() {
					t.Fatal("no more answers")
				}
				took, err := time.ParseDuration(lines.Text())
				if err != nil || took > 3*time.Second {
					t.Fatalf("an answer under the flood: %s", lines.Text())
				}
			}
			most := peak(t, gateway.Process.Pid)
			t.Logf("the gateway's memory: at first %d MiB, at most %d MiB", before>>10, most>>10)
			if most > 192<<10 && !raced {
				t.Errorf("the gateway's memory: at first %d MiB, at most %d MiB", before>>10, most>>10)
			}
		})
	}
}

// peak gives the most KiB a process has had resident.
func peak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib := 0
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

func TestAKilledEndIsReplaced(t *testing.T) {
	box := seal(t, withAttacker(t))
	for _, carrier := range []string{"socket", "exec"} {
		for range 3 {
			joined := box.open(t, carrier, false)
			ready(t, joined)
			pids := box.serving(t)
			if len(pids) != 1 {
				t.Fatalf("%s: %q serve", carrier, pids)
			}
			if got := box.attack(t, "65533:65533", "touch", pids[0]); !strings.HasSuffix(got, "kill: done\n") {
				t.Fatal(got)
			}
			select {
			case <-joined.Done():
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: the tunnel has not ended", carrier)
			}
			if err := joined.Err(); !errors.Is(err, tunnel.ErrClosed) || fault.KindOf(err) == fault.Interrupted {
				t.Errorf("%s: ended by %v", carrier, err)
			}
		}
	}
}

// hold is a gateway: hold CONTAINER FOLDER opens a carrier and prints its name, then how long each of its GETs takes.
// What wants out is taken, and never read.
func hold() {
	debug.SetMemoryLimit(gatewayMemory)
	ctx := context.Background()
	e, err := engine.Open(ctx, engine.Options{Env: os.LookupEnv, Home: os.Getenv("HOME"), UID: os.Getuid()})
	var joined *tunnel.Tunnel
	if err == nil {
		joined, err = openCarrier(ctx, e, os.Args[1], 0, os.Args[2], tunnel.Ports{8000}, true)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(joined.Name())
	go func() {
		for {
			conn, err := joined.AcceptProxy(ctx)
			if err != nil {
				return
			}
			defer conn.Close() //nolint:errcheck // held, and never read
		}
	}()
	hand := browser(joined)
	for range time.Tick(20 * time.Millisecond) {
		begin := time.Now()
		answer, err := hand.Get("http://inside/ready")
		if err != nil {
			fmt.Println(err, joined.Err())
			return
		}
		_, _ = io.Copy(io.Discard, answer.Body) // only the time to its end counts
		answer.Body.Close()
		fmt.Println(time.Since(begin))
	}
}

func TestAKilledGatewayLeavesNothingInside(t *testing.T) {
	box := seal(t, withAttacker(t))
	for carrier, folder := range map[string]string{"socket": box.folder, "exec": ""} {
		gateway := exec.CommandContext(t.Context(), "hold", box.id, folder)
		out, err := gateway.StdoutPipe()
		if err := errors.Join(err, gateway.Start()); err != nil {
			t.Fatal(err)
		}
		name, err := bufio.NewReader(out).ReadString('\n')
		if name != carrier+"\n" {
			t.Fatalf("%q, %v", name, err)
		}
		if pids := box.serving(t); len(pids) != 1 {
			t.Errorf("%s: %q serve", carrier, pids)
		}
		gateway.Process.Kill()
		gateway.Wait()
		left := box.serving(t)
		for limit := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(limit); left = box.serving(t) {
		}
		if len(left) > 0 {
			t.Errorf("%s: %q still serve", carrier, left)
		}
	}
}

func TestThePausedSandboxKeepsItsTunnel(t *testing.T) {
	box := seal(t, nil)
	for _, carrier := range []string{"socket", "exec"} {
		joined := box.open(t, carrier, false)
		ready(t, joined)
		hand := browser(joined)
		for _, do := range []sandbox.Action{sandbox.Pause, sandbox.Unpause} {
			if err := box.engine.Signal(t.Context(), box.id, do, 0); err != nil {
				t.Skip("this engine pauses nothing: ", err)
			}
		}
		answer, err := hand.Get("http://inside/ready")
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v", carrier, err)
		}
		answer.Body.Close()
	}
}

func TestTheStatusNamesThePortsThatListen(t *testing.T) {
	box := seal(t, nil)
	joined, err := openCarrier(t.Context(), box.engine, box.id, 0, "", tunnel.Ports{8000, 8001}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	for s := range joined.Status() {
		if s.Ready {
			if !slices.Equal(s.Listening, tunnel.Ports{8000}) {
				t.Errorf("%v listen", s.Listening)
			}
			return
		}
	}
}
