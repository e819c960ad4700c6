package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// target is a server under test.
type target struct {
	url, key string
	starter  bool
}

// targets are this package's server, and a real agent server where BERTH_AGENT_SERVER=URL,KEY names one; it must see the same files.
func targets(t *testing.T) []target {
	t.Helper()
	here := httptest.NewServer(New(Config{Version: "1.2.3", Keys: []string{"k"}, Home: t.TempDir(), Env: Scrub([]string{"PATH=/bin:/usr/bin", "SESSION_API_KEY=k"}), Shell: []string{"/bin/sh"}}))
	t.Cleanup(here.Close)
	list := []target{{here.URL, "k", true}}
	if given := os.Getenv("BERTH_AGENT_SERVER"); given != "" {
		url, key, _ := strings.Cut(given, ",")
		list = append(list, target{url, key, false})
	}
	return list
}

func eachTarget(t *testing.T, do func(t *testing.T, at target)) {
	t.Helper()
	for _, at := range targets(t) {
		name := "starter"
		if !at.starter {
			name = "agent server"
		}
		t.Run(name, func(t *testing.T) { do(t, at) })
	}
}

// ask sends a request, with the key unless a header takes it away, and gives the answer's status, headers and body.
func (at target) ask(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, at.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(keyHeader, at.key)
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// row is a request and what comes back. In want, "<id>", "<time>" and "<any>" stand for values that differ each time. {dir} is a folder of the test.
type row struct {
	what    string
	method  string
	path    string
	body    string
	headers []string
	status  int
	want    string
	answers []string // response headers: name, value
	only    bool     // of the starter: the contract lists it as a difference
}

const (
	notFound     = `{"detail":"Not Found"}`
	notAllowed   = `{"detail":"Method Not Allowed"}`
	unauthorized = `{"detail":"Unauthorized"}`
	execute      = "/api/bash/execute_bash_command"
	start        = "/api/bash/start_bash_command"
	search       = "/api/bash/bash_events/search"
)

// unprocessable writes a 422 body with one entry.
func unprocessable(kind, loc, msg, input, ctx string) string {
	if ctx != "" {
		ctx = `,"ctx":` + ctx
	}
	return fmt.Sprintf(`{"detail":[{"type":%q,"loc":%s,"msg":%q,"input":%s%s}]}`, kind, loc, msg, input, ctx)
}

// output writes a BashOutput.
func outputOf(code int, stdout, stderr string) string {
	stream := func(s string) string {
		if s == "" {
			return "null"
		}
		b, _ := json.Marshal(s)
		return string(b)
	}
	return fmt.Sprintf(`{"kind":"BashOutput","id":"<id>","timestamp":"<time>","command_id":"<id>","order":0,"exit_code":%d,"stdout":%s,"stderr":%s}`, code, stream(stdout), stream(stderr))
}

func run(text string) string {
	b, _ := json.Marshal(map[string]string{"command": text})
	return string(b)
}

var table = []row{
	{what: "health", method: "GET", path: "/health", headers: []string{keyHeader, ""}, status: 200, want: `{"status":"ok"}`, answers: []string{"Content-Type", "application/json"}},
	{what: "alive", method: "GET", path: "/alive", headers: []string{keyHeader, ""}, status: 200, want: `{"status":"ok"}`},
	{what: "ready", method: "GET", path: "/ready", headers: []string{keyHeader, ""}, status: 200, want: `{"status":"ready"}`},
	{what: "HEAD is no method of it", method: "HEAD", path: "/ready", status: 405, answers: []string{"Allow", "GET"}},

	{what: "an unknown path before the key", method: "GET", path: "/api/nope", headers: []string{keyHeader, ""}, status: 404, want: notFound},
	{what: "a wrong method before the key", method: "GET", path: execute, headers: []string{keyHeader, ""}, status: 405, want: notAllowed, answers: []string{"Allow", "POST"}},
	{what: "no key", method: "GET", path: "/api/vscode/status", headers: []string{keyHeader, ""}, status: 401, want: unauthorized},
	{what: "a wrong key", method: "GET", path: "/api/vscode/status", headers: []string{keyHeader, "wrong"}, status: 401, want: unauthorized},
	{what: "the key before the body", method: "POST", path: execute, body: `[]`, headers: []string{keyHeader, ""}, status: 401, want: unauthorized},
	{what: "no desktop", method: "GET", path: "/api/desktop/url", status: 404, want: notFound},
	{what: "a WebSocket with a bad key", method: "GET", path: "/sockets/bash-events?session_api_key=bad", status: 403,
		headers: []string{"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", keyHeader, ""}},

	{what: "no body", method: "POST", path: start, headers: []string{"Content-Type", "application/json"}, status: 422, want: unprocessable("missing", `["body"]`, "Field required", "null", "")},
	{what: "no JSON", method: "POST", path: start, body: "x", headers: []string{"Content-Type", "application/json"}, status: 422, want: unprocessable("json_invalid", `["body",0]`, "JSON decode error", "{}", `{"error":"Expecting value"}`)},
	{what: "no object", method: "POST", path: start, body: "[]", status: 422, want: unprocessable("model_attributes_type", `["body"]`, "Input should be a valid dictionary or object to extract fields from", "[]", "")},
	{what: "no command", method: "POST", path: start, body: "{}", status: 422, want: unprocessable("missing", `["body","command"]`, "Field required", "{}", "")},
	{what: "a command that is no text", method: "POST", path: start, body: `{"command":5}`, status: 422, want: unprocessable("string_type", `["body","command"]`, "Input should be a valid string", "5", "")},
	{what: "a time-out that is no number", method: "POST", path: start, body: `{"command":"x","timeout":"a"}`, status: 422, want: unprocessable("int_parsing", `["body","timeout"]`, "Input should be a valid integer, unable to parse string as an integer", `"a"`, "")},
	{what: "half a second", method: "POST", path: start, body: `{"command":"x","timeout":1.5}`, status: 422, want: unprocessable("int_from_float", `["body","timeout"]`, "Input should be a valid integer, got a number with a fractional part", "1.5", "")},
	{what: "a time-out of null", method: "POST", path: start, body: `{"command":"x","timeout":null}`, status: 422, want: unprocessable("int_type", `["body","timeout"]`, "Input should be a valid integer", "null", "")},
	{what: "two mistakes", method: "POST", path: start, body: `{"command":"x","cwd":7,"timeout":[]}`, status: 422,
		want: `{"detail":[{"type":"string_type","loc":["body","cwd"],"msg":"Input should be a valid string","input":7},{"type":"int_type","loc":["body","timeout"],"msg":"Input should be a valid integer","input":[]}]}`},

	{what: "both streams and the code", method: "POST", path: execute, body: run("echo hi; echo err >&2; exit 3"), status: 200, want: outputOf(3, "hi\n", "err\n")},
	{what: "empty streams are null", method: "POST", path: execute, body: run("true"), status: 200, want: outputOf(0, "", "")},
	{what: "killed by a signal", method: "POST", path: execute, body: run("kill -9 $$"), status: 200, want: outputOf(-9, "", "")},
	{what: "a folder that is not there", method: "POST", path: execute, body: `{"command":"pwd","cwd":"/nope"}`, status: 200, want: outputOf(-1, "", "Error executing command: [Errno 2] No such file or directory: '/nope'")},
	{what: "a folder that is a file", method: "POST", path: execute, body: `{"command":"pwd","cwd":"/etc/passwd"}`, status: 200, want: outputOf(-1, "", "Error executing command: [Errno 20] Not a directory: '/etc/passwd'")},
	{what: "a folder of its own", method: "POST", path: execute, body: `{"command":"pwd","cwd":"/usr"}`, status: 200, want: outputOf(0, "/usr\n", "")},
	{what: "a NUL byte", method: "POST", path: execute, body: `{"command":"a\u0000b"}`, status: 200, want: outputOf(-1, "", "Error executing command: embedded null byte")},
	{what: "too slow", method: "POST", path: execute, body: `{"command":"echo so far; sleep 9","timeout":1}`, status: 200, want: outputOf(-1, "so far\n", "")},
	{what: "no time at all", method: "POST", path: execute, body: `{"command":"sleep 9","timeout":0}`, status: 200, want: outputOf(-1, "", "")},
	{what: "a background child that holds the output", method: "POST", path: execute, body: `{"command":"sleep 3 & echo main","timeout":1}`, status: 200, want: outputOf(-1, "main\n", "")},
	{what: "a background child that does not", method: "POST", path: execute, body: `{"command":"sleep 3 >/dev/null 2>&1 & echo main","timeout":2}`, status: 200, want: outputOf(0, "main\n", "")},
	{what: "bytes that are not UTF-8", method: "POST", path: execute, body: `{"command":"printf '\\377\\376a'"}`, status: 200, want: outputOf(0, "\ufffd\ufffda", "")},
	{what: "a session of its own", method: "POST", path: execute, body: run(`test "$(cut -d' ' -f6 /proc/$$/stat)" = $$; echo $?`), status: 200, want: outputOf(0, "0\n", "")},
	{what: "an agent is at work", method: "POST", path: execute, body: run("echo $AI_AGENT"), status: 200, want: outputOf(0, "openhands\n", "")},
	{what: "no key in a command", method: "POST", path: execute, body: run("env | grep -c -e SESSION_API -e OH_SECRET"), status: 200, want: outputOf(1, "0\n", "")},

	{what: "a page of none", method: "GET", path: search + "?limit=0", status: 422, want: unprocessable("greater_than", `["query","limit"]`, "Input should be greater than 0", `"0"`, `{"gt":0}`)},
	{what: "a page of 101", method: "GET", path: search + "?limit=101", status: 422, want: unprocessable("less_than_equal", `["query","limit"]`, "Input should be less than or equal to 100", `"101"`, `{"le":100}`)},
	{what: "a page of x", method: "GET", path: search + "?limit=x", status: 422, want: unprocessable("int_parsing", `["query","limit"]`, "Input should be a valid integer, unable to parse string as an integer", `"x"`, "")},
	{what: "an unknown kind", method: "GET", path: search + "?kind__eq=Foo", status: 422, want: unprocessable("literal_error", `["query","kind__eq"]`, "Input should be 'BashCommand' or 'BashOutput'", `"Foo"`, `{"expected":"'BashCommand' or 'BashOutput'"}`)},
	{what: "an unknown order", method: "GET", path: search + "?sort_order=UP", status: 422, want: unprocessable("enum", `["query","sort_order"]`, "Input should be 'TIMESTAMP' or 'TIMESTAMP_DESC'", `"UP"`, `{"expected":"'TIMESTAMP' or 'TIMESTAMP_DESC'"}`)},
	{what: "an id that is none", method: "GET", path: search + "?command_id__eq=zz", status: 422, want: unprocessable("uuid_parsing", `["query","command_id__eq"]`, "Input should be a valid UUID, invalid character: found `z` at 0", `"zz"`, "{\"error\":\"invalid character: found `z` at 0\"}")},
	{what: "an unknown event", method: "GET", path: "/api/bash/bash_events/0123456789abcdef0123456789abcdef", status: 404, want: notFound},
	{what: "events have no list", method: "GET", path: "/api/bash/bash_events", status: 405, want: notAllowed, answers: []string{"Allow", "DELETE"}},
	{what: "stop an unknown command", method: "POST", path: "/api/bash/bash_commands/0123456789abcdef0123456789abcdef/stop", status: 404, want: notFound},
	{what: "stop what is no id", method: "POST", path: "/api/bash/bash_commands/xx/stop", status: 422, want: unprocessable("uuid_parsing", `["path","command_id"]`, "Input should be a valid UUID, invalid character: found `x` at 0", `"xx"`, "{\"error\":\"invalid character: found `x` at 0\"}")},

	{what: "upload without anything", method: "POST", path: "/api/file/upload", status: 422,
		want: `{"detail":[{"type":"missing","loc":["query","path"],"msg":"Field required","input":null},{"type":"missing","loc":["body","file"],"msg":"Field required","input":null}]}`},
	{what: "download without a path", method: "GET", path: "/api/file/download", status: 422, want: unprocessable("missing", `["query","path"]`, "Field required", "null", "")},
	{what: "download of a relative path", method: "GET", path: "/api/file/download?path=rel", status: 400, want: `{"detail":"Path must be absolute"}`},
	{what: "download of nothing", method: "GET", path: "/api/file/download?path={dir}/nope", status: 404, want: `{"detail":"File not found"}`},
	{what: "download of a folder", method: "GET", path: "/api/file/download?path={dir}", status: 400, want: `{"detail":"Path is not a file"}`},
	{what: "a range that is none", method: "GET", path: "/api/file/download?path={dir}/file", headers: []string{"Range", "foo"}, status: 400, want: "Malformed range header."},
	{what: "a new folder", method: "POST", path: "/api/file/create_directory?path={dir}/new/deep", status: 200, want: `{"success":true}`},
	{what: "a folder that is there", method: "POST", path: "/api/file/create_directory?path={dir}", status: 200, want: `{"success":true}`},
	{what: "a folder over a file", method: "POST", path: "/api/file/create_directory?path={dir}/file", status: 400, want: `{"detail":"Path exists and is not a directory"}`},
	{what: "a folder below a file", method: "POST", path: "/api/file/create_directory?path={dir}/file/x", status: 400, want: `{"detail":"Path exists and is not a directory"}`},
	{what: "a relative folder", method: "POST", path: "/api/file/create_directory?path=rel", status: 400, want: `{"detail":"Path must be absolute"}`},
	{what: "a folder where none can be", method: "POST", path: "/api/file/create_directory?path=/proc/nope", status: 500,
		want: `{"detail":"Internal Server Error","exception":"500: Failed to create directory: [Errno 2] No such file or directory: '/proc/nope'"}`},

	{what: "changes of no repository", method: "GET", path: "/api/git/changes?path={dir}", status: 200, want: `[]`},
	{what: "changes without a path", method: "GET", path: "/api/git/changes", status: 422, want: unprocessable("missing", `["query","path"]`, "Field required", "null", "")},
	{what: "difference of no repository", method: "GET", path: "/api/git/diff?path={dir}/file", status: 200, want: `{"modified":null,"original":null}`},
	{what: "difference of nothing", method: "GET", path: "/api/git/diff?path=/nope", status: 400, want: `{"detail":"File does not exist: /nope"}`},

	{what: "conversations", method: "GET", path: "/api/conversations/count", status: 200, want: `0`},
	{what: "a search of conversations", method: "GET", path: "/api/conversations/search", status: 200, want: `{"items":[],"next_page_id":null}`},
	{what: "an unknown conversation", method: "GET", path: "/api/conversations/0123456789abcdef0123456789abcdef", status: 404, want: notFound},
	{what: "conversations without ids", method: "GET", path: "/api/conversations", status: 422, want: unprocessable("missing", `["query","ids"]`, "Field required", "null", "")},

	{what: "no deferred start", method: "GET", path: "/api/init", headers: []string{keyHeader, ""}, status: 404, want: notFound, only: true},
	{what: "no VS Code", method: "GET", path: "/api/vscode/url", status: 503, only: true,
		want: `{"detail":"Internal Server Error","exception":"503: the starter image has no VS Code; pull an agent-server image when a registry is reachable"}`},
	{what: "its status", method: "GET", path: "/api/vscode/status", status: 200, only: true,
		want: `{"running":false,"enabled":false,"message":"the starter image has no VS Code; pull an agent-server image when a registry is reachable"}`},
	{what: "no agent", method: "POST", path: "/api/conversations", body: "{}", status: 503, only: true,
		want: `{"detail":"Internal Server Error","exception":"503: the starter image has no agent; pull an agent-server image when a registry is reachable"}`},
}

func TestTheServerAnswersAsTheAgentServerDoes(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("hello world\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, r := range table {
			if r.only && !at.starter {
				continue
			}
			res, body := at.ask(t, r.method, strings.ReplaceAll(r.path, "{dir}", dir), r.body, r.headers...)
			if res.StatusCode != r.status {
				t.Errorf("%s: status %d, want %d (%s)", r.what, res.StatusCode, r.status, body)
			}
			if r.method != "HEAD" && !like(body, r.want) {
				t.Errorf("%s:\ngot  %s\nwant %s", r.what, body, r.want)
			}
			for i := 0; i+1 < len(r.answers); i += 2 {
				if got := res.Header.Get(r.answers[i]); got != r.answers[i+1] {
					t.Errorf("%s: %s is %q, want %q", r.what, r.answers[i], got, r.answers[i+1])
				}
			}
		}
	})
}

// like compares texts as JSON where they are, with placeholders in want.
func like(got, want string) bool {
	var g, w any
	if json.Unmarshal([]byte(want), &w) != nil {
		return got == want
	}
	return json.Unmarshal([]byte(got), &g) == nil && same(g, w)
}

var (
	idForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)
)

func same(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for name, value := range w {
			if member, there := g[name]; !there || !same(member, value) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !same(g[i], w[i]) {
				return false
			}
		}
		return true
	case string:
		g, _ := got.(string)
		switch w {
		case "<any>":
			return true
		case "<id>":
			return idForm.MatchString(g)
		case "<time>":
			return timeForm.MatchString(g)
		}
	}
	return reflect.DeepEqual(got, want)
}

func TestServerInfoHasEveryField(t *testing.T) {
	const fields = `uptime idle_time title version sdk_version tools_version workspace_version build_git_sha build_git_ref python_version usable_tools
		runtime_idle_timeout_seconds conversation_runtime available_conversation_runtimes capabilities max_foreground_terminal_timeout_seconds docs redoc`
	eachTarget(t, func(t *testing.T, at target) {
		for _, path := range []string{"/server_info", "/"} {
			res, body := at.ask(t, "GET", path, "", keyHeader, "")
			var info map[string]any
			if err := json.Unmarshal([]byte(body), &info); err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s", path, res.StatusCode, body)
			}
			for _, field := range strings.Fields(fields) {
				if _, there := info[field]; !there {
					t.Errorf("%s: no %s", path, field)
				}
			}
			if at.starter && (info["title"] != "berth starter server" || info["version"] != "1.2.3" || fmt.Sprint(info["capabilities"]) != "[berth_starter_v1]") {
				t.Errorf("%s: %v", path, info)
			}
		}
	})
}

func TestUpload(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		dir := t.TempDir()
		file := filepath.Join(dir, "plain")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, r := range []struct {
			what, path, field, name string
			status                  int
			want                    string
		}{
			{"into new folders", dir + "/a/b/c.txt", "file", "c.txt", 200, `{"success":true,"file_size":6}`},
			{"over a file", file, "file", "c.txt", 200, `{"success":true,"file_size":6}`},
			{"to a relative path", "rel", "file", "x", 400, `{"detail":"Path must be absolute"}`},
			{"over a folder", dir, "file", "x", 400, `{"detail":"Path is a directory"}`},
			{"below a file", file + "/x", "file", "x", 400, `{"detail":"A parent of the path is not a directory"}`},
			{"under another name", dir + "/d", "other", "x", 422, unprocessable("missing", `["body","file"]`, "Field required", "null", "")},
			{"where nothing can be", "/proc/nope/x", "file", "x", 500, `{"detail":"Internal Server Error","exception":"500: Failed to upload file: [Errno 2] No such file or directory: '/proc/nope'"}`},
		} {
			body, kind := form(t, r.field, r.name, "hello\n")
			res, text := at.ask(t, "POST", "/api/file/upload?path="+r.path, body, "Content-Type", kind)
			if res.StatusCode != r.status || !like(text, r.want) {
				t.Errorf("%s: %d %s\nwant %d %s", r.what, res.StatusCode, text, r.status, r.want)
			}
		}
		for _, name := range []string{dir + "/a/b/c.txt", file} {
			if b, err := os.ReadFile(name); string(b) != "hello\n" {
				t.Errorf("%s: %q %v", name, b, err)
			}
		}
		folder, _ := os.Stat(dir + "/a")
		uploaded, _ := os.Stat(dir + "/a/b/c.txt")
		if folder.Mode().Perm() != 0o755 || uploaded.Mode().Perm() != 0o644 {
			t.Errorf("modes %v %v, want 0755 and 0644", folder.Mode(), uploaded.Mode())
		}
	})
}

func form(t *testing.T, field, name, content string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(part, content); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

func TestDownload(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/ä b.txt", []byte("hello world\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		path := "/api/file/download?path=" + dir + "/%C3%A4%20b.txt"
		res, body := at.ask(t, "GET", path, "")
		h := res.Header
		if res.StatusCode != 200 || body != "hello world\n" || h.Get("Content-Type") != "application/octet-stream" || h.Get("Accept-Ranges") != "bytes" ||
			h.Get("Content-Length") != "12" || h.Get("Last-Modified") == "" || !regexp.MustCompile(`^"[0-9a-f]{32}"$`).MatchString(h.Get("ETag")) {
			t.Errorf("%d %q %v", res.StatusCode, body, h)
		}
		if got, want := h.Get("Content-Disposition"), "attachment; filename*=utf-8''%C3%A4%20b.txt"; got != want {
			t.Errorf("disposition %q, want %q", got, want)
		}
		tag := h.Get("ETag")
		for _, r := range []struct {
			what    string
			headers []string
			status  int
			body    string
			ranged  string
		}{
			{"the middle", []string{"Range", "bytes=6-8"}, 206, "wor", "bytes 6-8/12"},
			{"the end", []string{"Range", "bytes=-3"}, 206, "ld\n", "bytes 9-11/12"},
			{"from there on", []string{"Range", "bytes=9-"}, 206, "ld\n", "bytes 9-11/12"},
			{"beyond it", []string{"Range", "bytes=100-"}, 416, "", "bytes */12"},
			{"if it is still that file", []string{"Range", "bytes=0-0", "If-Range", tag}, 206, "h", "bytes 0-0/12"},
			{"another file", []string{"Range", "bytes=0-0", "If-Range", `"other"`}, 200, "hello world\n", ""},
			{"what the client has is sent again", []string{"If-None-Match", tag}, 200, "hello world\n", ""},
		} {
			res, body := at.ask(t, "GET", path, "", r.headers...)
			if res.StatusCode != r.status || res.StatusCode != 416 && body != r.body || res.Header.Get("Content-Range") != r.ranged {
				t.Errorf("%s: %d %q %q, want %d %q %q", r.what, res.StatusCode, body, res.Header.Get("Content-Range"), r.status, r.body, r.ranged)
			}
		}
	})
}

func TestHome(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"b", "A", ".hidden"} {
		if err := os.Mkdir(filepath.Join(home, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	here := httptest.NewServer(New(Config{Keys: []string{"k"}, Home: home, Shell: []string{"/bin/sh"}}))
	defer here.Close()
	at := target{here.URL, "k", true}
	entry := func(name string) string { return fmt.Sprintf(`{"label":%q,"path":%q}`, name, home+"/"+name) }
	for query, favorites := range map[string]string{"": entry("A") + "," + entry("b"), "?include_hidden=true": entry(".hidden") + "," + entry("A") + "," + entry("b")} {
		_, body := at.ask(t, "GET", "/api/file/home"+query, "")
		want := fmt.Sprintf(`{"home":%q,"favorites":[%s],"locations":[{"label":"/","path":"/"}]}`, home, favorites)
		if !like(body, want) {
			t.Errorf("got  %s\nwant %s", body, want)
		}
	}
}
