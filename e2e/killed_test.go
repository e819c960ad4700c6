package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"berth/e2e/internal/rig"
	"berth/internal/sandbox"
)

// kill ends processes as a crash would, and waits until they hold nothing any more. Those of a sandbox are another
// user's, so root must do it.
func kill(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); errors.Is(err, syscall.EPERM) {
			if out, err := rig.AsRoot(t, "kill", "-9", strconv.Itoa(pid)).CombinedOutput(); err != nil && !strings.Contains(string(out), "No such process") {
				t.Fatalf("kill %d: %v %s", pid, err, out)
			}
		}
		rig.Wait(t, 10*time.Second, "end of a killed process", func() bool {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || strings.Contains(string(status), ") Z ")
		})
	}
}

// gateway gives the processes that serve the sandbox's links.
func (s up) gateway() []int { return s.PIDs(" gateway " + s.Name) }

// serve gives berth's programs in the sandbox that hold the carrier.
func (s up) serve(t *testing.T) []int {
	t.Helper()
	top, err := rig.DockerAt(t, s.Host).ContainerTop(rig.Context(t), sandbox.ContainerName(s.Name), []string{"-eo", "pid,args"})
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, row := range top.Processes {
		if strings.HasPrefix(row[1], "/.berth/inside serve") {
			pid, err := strconv.Atoi(strings.TrimSpace(row[0]))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, pid)
		}
	}
	return found
}

// rounds is how often a test kills at random.
func rounds(usual int) int {
	switch {
	case *kills > 0:
		return *kills
	case os.Getenv("BERTH_E2E_LONG") == "1":
		return 100
	}
	return usual
}

// TestKilledUnderTheLinks: whatever of the way into the sandbox is killed, and whenever, browsers and programs that were
// let in before are served again. The program inside is started again at once by the gateway, the gateway by whatever
// berth does next.
func TestKilledUnderTheLinks(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	h.Env = append(h.Env, fmt.Sprint("BERTH_LINKS_PORT=", 20000+3*rand.N(3000))) // while its gateway is dead, nobody else's tests shall take them
	s := up{Project: h.Project("links"), Image: rig.Starter}
	s.Up(rig.Standin(t))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("gateways %v, its log: %s", s.gateway(), read(t, h.Path(".local/state/berth/sandboxes/"+s.Name+"/gateway.log")))
		}
	})
	browser, program := s.visit(t, "api"), s.api(t)
	revivals := [][]string{{"ls"}, {"url", s.Name, "api"}, {"prune"}}
	n := rounds(15)
	var longest time.Duration
	for i := range n {
		victim := []string{"inside", "gateway", "both"}[i%3]
		go func() { _ = browser.get("/bytes?n=50000000") }() // something is under way, and is cut
		<-time.After(rand.N(200 * time.Millisecond))
		if victim != "gateway" {
			kill(t, s.serve(t)...)
		}
		if victim != "inside" {
			kill(t, s.gateway()...)
			s.Berth(revivals[i%len(revivals)]...).Exits(0)
		}
		began := time.Now()
		rig.Wait(t, 10*time.Second, fmt.Sprintf("link after %s was killed (%v)", victim, revivals[i%len(revivals)]), func() bool { return browser.get("/ready") == 200 })
		longest = max(longest, time.Since(began))
		if status, text := program.ask(program.key, "GET", "/ready", "", nil); status != 200 {
			t.Errorf("the program's key gives %d %s", status, text)
		}
		if got := len(s.gateway()); got != 1 {
			t.Fatalf("%d gateways serve it", got)
		}
	}
	rig.Wait(t, 10*time.Second, "end of what had been killed inside", func() bool { return len(s.serve(t)) == 1 })
	s.Berth("audit", s.Name).Exits(0)
	t.Logf("%d kills; the longest way back took %s", n, longest.Round(time.Millisecond))
}

// TestAGatewayIsKilledInALaunch: the launch goes on with another, or takes back what it made; nothing is left then.
func TestAGatewayIsKilledInALaunch(t *testing.T) {
	rig.Need(t)
	image := rig.Standin(t, slowly...)
	for range max(1, rounds(6)/3) {
		h := rig.New(t)
		s := up{Project: h.Project("midway"), Image: image}
		launch, _ := launching(s.Project, image, "tunnel")
		rig.Wait(t, 20*time.Second, "gateway", func() bool { return len(s.gateway()) > 0 })
		<-time.After(rand.N(time.Second))
		kill(t, s.gateway()...)
		if r := launch.Wait(); r.Code == 0 {
			v := s.visit(t, "api")
			if got := v.get("/ready"); got != 200 {
				t.Errorf("the link gives %d", got)
			}
		} else if left := h.InEngine(); len(left) > 0 {
			t.Errorf("exit %d, and there is %v: %s", r.Code, left, r.Err)
		}
	}
}

// TestTwoGatewaysForOneSandbox: one serves it, the other says why it does not.
func TestTwoGatewaysForOneSandbox(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	s := up{Project: h.Project("race"), Image: rig.Starter}
	s.Up(rig.Starter)
	v := s.visit(t, "api")
	refusal := regexp.QuoteMeta(s.Name + ": another gateway serves its links")
	says(t, s.Berth("gateway", s.Name).Exits(7), refusal, "berth url "+s.Name)
	for range 3 {
		kill(t, s.gateway()...)
		one, two := s.Command("gateway", s.Name).Start(), s.Command("gateway", s.Name).Start()
		var loser, winner *rig.Process
		select {
		case <-one.Done():
			loser, winner = one, two
		case <-two.Done():
			loser, winner = two, one
		case <-time.After(20 * time.Second):
			t.Fatal("both live")
		}
		says(t, loser.Wait().Exits(7), refusal, "berth url "+s.Name)
		rig.Wait(t, 10*time.Second, "link", func() bool { return v.get("/ready") == 200 })
		if pids := s.gateway(); len(pids) != 1 || pids[0] != winner.PID() {
			t.Errorf("%v serve it, the winner is %d", pids, winner.PID())
		}
	}
}

// takePort listens where a process that was just killed did: its sockets go a moment after it.
func takePort(t *testing.T, network, at string) net.Listener {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; <-time.After(10 * time.Millisecond) {
		l, err := net.Listen(network, at)
		if err == nil {
			return l
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestAGatewayWhosePortIsTaken says which, and the sandbox is served again once it is free.
func TestAGatewayWhosePortIsTaken(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	s := up{Project: h.Project("taken"), Image: rig.Starter}
	s.Up(rig.Starter)
	v := s.visit(t, "api")
	kill(t, s.gateway()...)
	at, err := url.Parse(v.origin)
	if err != nil {
		t.Fatal(err)
	}
	thief := takePort(t, "tcp6", "[::1]:"+at.Port())
	r := s.Berth("url", s.Name, "api").Exits(7)
	says(t, r, `port `+at.Port()+`: ::1 is taken or not allowed: .*address already in use`,
		"end whoever listens there, or give "+s.Name+" other ports: berth up --recreate")
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	s.Berth("url", s.Name, "api").Exits(0)
	if got := v.get("/ready"); got != 200 {
		t.Errorf("the link gives %d", got)
	}
}

// TestNothingIsLeftOfAKilledGateway: not its socket, its lock or its folder, be it rm or prune that looks.
func TestNothingIsLeftOfAKilledGateway(t *testing.T) {
	rig.Need(t)
	h := rig.New(t)
	s := up{Project: h.Project("remains"), Image: rig.Starter}
	s.Up(rig.Starter)
	kill(t, s.gateway()...)
	s.Berth("rm", "-f", s.Name).Exits(0)
	h.Gone()
	s.Up(rig.Starter)
	kill(t, s.gateway()...)
	byHand := container.RemoveOptions{Force: true, RemoveVolumes: true}
	if err := rig.DockerAt(t, s.Host).ContainerRemove(rig.Context(t), sandbox.ContainerName(s.Name), byHand); err != nil {
		t.Fatal(err)
	}
	s.Berth("prune").Exits(0)
	s.Berth("rm", "-f", s.Name).Exits(0)
	h.Gone()
}
