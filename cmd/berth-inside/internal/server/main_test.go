package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this test binary the starter when it is called so.
func TestMain(m *testing.M) {
	if os.Args[0] == "starter" {
		os.Exit(Main(os.Args[1:], os.Environ(), os.Stderr))
	}
	os.Exit(m.Run())
}

// starterProcess runs the starter as a process of its own and gives its address, once it listens.
func starterProcess(t *testing.T, env []string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{"--port", "0"}, args...)...)
	cmd.Args[0], cmd.Env = "starter", env
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	r := bufio.NewReader(stderr)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return cmd, strings.TrimSpace(strings.TrimPrefix(line, "berth starter server on "))
}

func TestTermKillsCommandsAnswersAndEndsWith143(t *testing.T) {
	cmd, address := starterProcess(t, []string{"SESSION_API_KEY=k"}, "--host", "127.0.0.1")
	at := target{"http://" + address, "k", true}
	answered := make(chan string)
	go func() {
		req, _ := http.NewRequestWithContext(context.Background(), "POST", at.url+execute, strings.NewReader(run("echo begun; trap '' TERM; sleep 61.7")))
		req.Header.Set(keyHeader, "k")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answered <- string(b)
	}()
	for !processes(t, "61.7") {
	}
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if body := <-answered; !strings.Contains(body, `"exit_code":-9`) {
		t.Errorf("open request got %s", body)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %v", took)
	}
}

func TestABusyPortIsExit3(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var out strings.Builder
	if code := Main([]string{"--host", "127.0.0.1", "--port", port}, nil, &out); code != 3 || !strings.Contains(out.String(), "address already in use") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		args   string
		keyed  bool
		host   string
		port   int
		unused string
		bad    bool
	}{
		{"", true, "0.0.0.0", 8000, "", false},
		{"", false, "127.0.0.1", 8000, "", false},
		{"--host 0.0.0.0 --port 9", false, "0.0.0.0", 9, "", false},
		{"--host=::1", true, "::1", 8000, "", false},
		{"--reload --import-modules a,b", true, "0.0.0.0", 8000, "--import-modules --reload", false},
		{"--port x", true, "", 0, "", true},
		{"serve", true, "", 0, "", true},
	} {
		o, err := parseOptions(strings.Fields(c.args), c.keyed, io.Discard)
		if (err != nil) != c.bad {
			t.Errorf("%q: error %v", c.args, err)
		}
		if err == nil && (o.host != c.host || o.port != c.port || strings.Join(o.unused, " ") != c.unused) {
			t.Errorf("%q: %+v", c.args, o)
		}
	}
	var out strings.Builder
	if code := Main([]string{"--check-browser"}, nil, &out); code != 1 || out.String() != "the starter image has no browser\n" {
		t.Errorf("%d %s", code, out.String())
	}
}

func TestWhichKeysAreInForce(t *testing.T) {
	for env, want := range map[string]string{
		"":                  "",
		"SESSION_API_KEY=a": "a",
		"SESSION_API_KEY=a OH_SESSION_API_KEYS_0=b":             "b",
		"OH_SESSION_API_KEYS_0=b OH_SESSION_API_KEYS_1=c":       "b c",
		"OH_SESSION_API_KEYS_0=b OH_SESSION_API_KEYS_2=c":       "b",
		"OH_SESSION_API_KEYS_1=c SESSION_API_KEY=a":             "a",
		`OH_SESSION_API_KEYS=["d","e"] OH_SESSION_API_KEYS_0=b`: "d e",
		`OH_SESSION_API_KEYS=broken SESSION_API_KEY=a`:          "a",
		"SESSION_API_KEY= OH_SESSION_API_KEYS_0=":               "",
		"SESSION_API_KEY=first SESSION_API_KEY=second":          "second",
	} {
		if got := strings.Join(Keys(strings.Fields(env)), " "); got != want {
			t.Errorf("%s: got %q, want %q", env, got, want)
		}
	}
}

func TestCommandsSeeNoKeys(t *testing.T) {
	got := Scrub([]string{"PATH=/bin", "SESSION_API_KEY=a", "OH_SESSION_API_KEYS_0=b", "OH_SESSION_API_KEYS=c", "OH_SECRET_KEY=d", "OH_WORKSPACE_PATH=/w"})
	if want := []string{"PATH=/bin", "OH_WORKSPACE_PATH=/w", "AI_AGENT=openhands"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := Scrub([]string{"AI_AGENT=mine"}); !slices.Equal(got, []string{"AI_AGENT=mine"}) {
		t.Errorf("got %q", got)
	}
}

func TestAServerWithoutKeysIsOpen(t *testing.T) {
	_, address := starterProcess(t, nil)
	if !strings.HasPrefix(address, "127.0.0.1:") {
		t.Errorf("listens on %s", address)
	}
	at := target{"http://" + address, "", true}
	if res, _ := at.ask(t, "GET", "/api/vscode/status", ""); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestOrphansAreCollectedAndOwnChildrenAreNot(t *testing.T) {
	var r reaper
	cmd := exec.Command("/bin/sh", "-c", "exit 7")
	if err := r.start(cmd); err != nil {
		t.Fatal(err)
	}
	for alive(cmd.Process.Pid) {
	}
	r.collect() // must leave it to wait
	if code := r.wait(cmd); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
	orphan, err := syscall.ForkExec("/bin/true", []string{"true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for alive(orphan) {
	}
	r.collect()
	if _, err := os.Stat("/proc/" + itoa(orphan)); err == nil {
		t.Error("the orphan is still there")
	}
}
