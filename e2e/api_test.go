package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"berth/e2e/internal/rig"
	"berth/internal/sandbox"
)

// api is the agent server of a sandbox, as a program reaches it: the SDK, curl.
type api struct {
	t      *testing.T
	base   string
	key    string // of programs, which the gateway replaces by the server's
	client *http.Client
}

func (s up) api(t *testing.T) api {
	t.Helper()
	var link struct{ At, Key string }
	s.Berth("url", s.Name, "api", "--show-secrets", "--json").Exits(0).JSON(&link)
	if len(link.Key) != 64 {
		t.Fatalf("the key has %d digits", len(link.Key))
	}
	return api{t, "http://" + link.At, link.Key, s.User.Client()}
}

// ask sends a request with a key ("" is none) and gives the answer's status and body.
func (a api) ask(key, method, path, kind string, body io.Reader) (int, string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(rig.Context(a.t), method, a.base+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("X-Session-API-Key", key)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

type ran struct {
	ExitCode int     `json:"exit_code"`
	Stdout   *string `json:"stdout"`
	Stderr   *string `json:"stderr"`
}

func (a api) run(command string) ran {
	a.t.Helper()
	body, _ := json.Marshal(map[string]any{"command": command, "timeout": 60}) // a map of plain values
	status, text := a.ask(a.key, "POST", "/api/bash/execute_bash_command", "application/json", bytes.NewReader(body))
	var out ran
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != 200 {
		a.t.Fatalf("%s: %d %s", command, status, text)
	}
	return out
}

func (a api) upload(key, path, content string) (int, string) {
	a.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", filepath.Base(path))
	if err != nil {
		a.t.Fatal(err)
	}
	_, _ = io.WriteString(part, content) // into memory
	_ = form.Close()
	return a.ask(key, "POST", "/api/file/upload?path="+url.QueryEscape(path), form.FormDataContentType(), &body)
}

// serversKey is the key of the agent server itself, which only berth and the server have.
func (s up) serversKey(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`\bkey +([0-9a-f]{64})`).FindStringSubmatch(s.Berth("inspect", s.Name, "--show-secrets").Exits(0).Out)
	if found == nil {
		t.Fatal("inspect --show-secrets does not show the key")
	}
	return found[1]
}

// checkAPI: commands run, files go in and out, byte for byte, and belong to the user.
func checkAPI(t *testing.T, s up) {
	a := s.api(t)
	if status, text := a.ask(a.key, "GET", "/ready", "", nil); status != 200 || !strings.Contains(text, "ready") {
		t.Errorf("/ready: %d %s", status, text)
	}
	if r := a.run("echo hi; echo err >&2; exit 3"); r.ExitCode != 3 || r.Stdout == nil || *r.Stdout != "hi\n" || r.Stderr == nil || *r.Stderr != "err\n" {
		t.Errorf("execute gave %+v", r)
	}
	content := strings.Repeat("\x00\xff bytes of any kind\r\n", 50000)
	if status, text := a.upload(a.key, "/workspace/in/by-api.bin", content); status != 200 || !strings.Contains(text, `"success":true`) {
		t.Errorf("upload: %d %s", status, text)
	}
	path := filepath.Join(s.Dir, "in/by-api.bin")
	if read(t, path) != content {
		t.Error("the file that came is not the one that was sent")
	}
	checkOwner(t, path, s.User)
	if status, text := a.ask(a.key, "GET", "/api/file/download?path=/workspace/in/by-api.bin", "", nil); status != 200 || text != content {
		t.Errorf("download: %d, %d bytes of %d", status, len(text), len(content))
	}
	if status, _ := a.ask(a.key, "GET", "/api/file/download?path=/workspace/none", "", nil); status != 404 {
		t.Errorf("download of what is not there: %d", status)
	}
}

// checkKeys: without the right key every route is shut, the server's own is not the right one, and neither stands where
// it need not.
func checkKeys(t *testing.T, s up) {
	a := s.api(t)
	servers := s.serversKey(t)
	if a.key == servers {
		t.Error("programs are given the server's own key")
	}
	for _, key := range []string{"", "wrong", strings.Repeat("0", 64), a.key[:63], a.key + "0", servers} {
		for _, call := range []struct {
			method, path, body string
			status             int // who changes something without saying from which page he comes is not asked who he is
		}{
			{"POST", "/api/bash/execute_bash_command", `{"command":"touch /workspace/broken-in"}`, 403},
			{"GET", "/api/file/download?path=/workspace/README.md", "", 401},
			{"GET", "/api/vscode/url", "", 401},
			{"GET", "/ready", "", 401},
		} {
			if status, text := a.ask(key, call.method, call.path, "application/json", strings.NewReader(call.body)); status != call.status {
				t.Errorf("%s %s with the key %q: %d %s", call.method, call.path, key, status, text)
			}
		}
		if status, text := a.upload(key, "/workspace/broken-in", "x"); status != 403 {
			t.Errorf("upload with the key %q: %d %s", key, status, text)
		}
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "broken-in")); err == nil {
		t.Error("a call without the key has made a file")
	}
	if status, text := a.ask(a.key, "GET", "/api/vscode/url", "", nil); strings.Contains(text, servers) || status != 200 && s.Image == rig.Workbench {
		t.Errorf("the address of VS Code tells the server's key, or nothing: %d %s", status, text)
	}
	for where, text := range keyPlaces(t, s) {
		for _, key := range []string{a.key, servers} {
			if strings.Contains(text, key) {
				t.Errorf("a key stands in %s", where)
			}
		}
	}
	checkKeyFiles(t, s, servers)
}

// keyPlaces gathers what others may read.
func keyPlaces(t *testing.T, s up) map[string]string {
	t.Helper()
	docker, ctx := rig.Docker(t), rig.Context(t)
	seen, err := docker.ContainerInspect(ctx, sandbox.ContainerName(s.Name))
	if err != nil {
		t.Fatal(err)
	}
	argv, _ := json.Marshal([]any{seen.Path, seen.Args, seen.Config.Entrypoint, seen.Config.Cmd, seen.Config.Healthcheck})
	labels, _ := json.Marshal(seen.Config.Labels)
	logs, err := docker.ContainerLogs(ctx, seen.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	if _, err := stdcopy.StdCopy(&output, &output, logs); err != nil {
		t.Fatal(err)
	}
	again := s.Berth("up", "--json", "--image", s.Image, "-v", s.Dir+":/workspace", "-v", s.Data+":/data:ro").Exits(0)
	return map[string]string{
		"the sandbox's command": string(argv), "the labels": string(labels), "the sandbox's output": output.String(),
		"the events of the launch": s.First.Err, "the events of the second up": again.Err,
		"berth ls --json":        s.Berth("ls", "--json").Exits(0).Out,
		"berth inspect":          s.Berth("inspect", s.Name).Exits(0).Out,
		"berth inspect --json":   s.Berth("inspect", s.Name, "--json").Exits(0).Out,
		"berth inspect --spec":   s.Berth("inspect", s.Name, "--spec").Exits(0).Out,
		"berth inspect --raw":    s.Berth("inspect", s.Name, "--raw").Exits(0).Out,
		"berth logs":             s.Berth("logs", s.Name).Exits(0).Out,
		"berth audit --json":     s.Berth("audit", s.Name, "--json", "--probe").Exits(0).Out,
		"berth up --plan":        s.Berth("up", "--plan", "--image", s.Image).Exits(0).Out,
		"berth url without it":   s.Berth("url", s.Name, "api").Exits(0).Out,
		"the machine's commands": commandLines(),
	}
}

// commandLines gives the arguments of every process outside a sandbox that this user may see. In a sandbox the agent
// server hands VS Code its key that way (contract: it is the server's own doing).
func commandLines() string {
	mine, _ := os.Readlink("/proc/self/ns/pid")
	var all strings.Builder
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if space, err := os.Readlink(folder + "/ns/pid"); err != nil || space != mine {
			continue
		}
		line, _ := os.ReadFile(folder + "/cmdline")
		all.Write(append(line, '\n'))
	}
	return all.String()
}

// checkKeyFiles: the files of berth's that hold a key are the user's alone.
func checkKeyFiles(t *testing.T, s up, key string) {
	t.Helper()
	held := 0
	err := filepath.Walk(s.Path(".local"), func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if !strings.Contains(read(t, path), key) {
			return nil
		}
		held++
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds the key and has mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil || held == 0 {
		t.Errorf("the key is in no file of berth's, %v", err)
	}
}
