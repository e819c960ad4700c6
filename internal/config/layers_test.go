package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/fault"
)

func TestTheLaterLayerWins(t *testing.T) {
	dir := t.TempDir()
	user, project := filepath.Join(dir, "config.toml"), filepath.Join(dir, "shop", ".berth.toml")
	if err := os.Mkdir(filepath.Dir(project), 0o755); err != nil {
		t.Fatal(err)
	}
	in := Input{WorkDir: filepath.Dir(project), Home: dir, Environ: map[string]string{}}
	show := func() string {
		t.Helper()
		s, err := Load(in)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.ReadyTimeout, ", ", s.Source("ready_timeout"))
	}
	steps := []struct {
		add  func()
		want string
	}{
		{func() {}, "2m0s, default"},
		{func() { write(t, user, "\nready_timeout = \"10s\""); in.UserFile = user }, "10s, ~/config.toml:2:1"},
		{func() { write(t, project, "ready_timeout = 20"); in.ProjectFile = project }, "20s, .berth.toml:1:1"},
		{func() { in.Environ["SANDBOX_TIMEOUT"] = "30" }, "30s, env SANDBOX_TIMEOUT"},
		{func() { in.Environ["BERTH_READY_TIMEOUT"] = "40s" }, "40s, env BERTH_READY_TIMEOUT"},
		{func() { in.Flags = []Flag{{Key: "ready_timeout", Name: "--timeout", Values: []string{"50s"}}} }, "50s, flag --timeout"},
	}
	for _, step := range steps {
		if step.add(); show() != step.want {
			t.Errorf("%s, want %s", show(), step.want)
		}
	}
}

// env loads these variables alone.
func env(pairs ...string) (*Settings, error) {
	environ := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	return Load(Input{Environ: environ, Home: "/home/me", WorkDir: "/srv/shop"})
}

func TestVariablesOfOpenHands(t *testing.T) {
	rows := []struct {
		environ string
		key     string
		want    string
		source  string
	}{
		{"SANDBOX_VOLUMES=/a:/b,/c:/d:ro", "volumes", `["/a:/b,/c:/d:ro"]`, "env SANDBOX_VOLUMES"},
		{"SANDBOX_VOLUMES=", "volumes", `[""]`, "env SANDBOX_VOLUMES"},
		{"SANDBOX_VOLUME_OVERLAYS=ov", "overlay_dir", `"/srv/shop/ov"`, "env SANDBOX_VOLUME_OVERLAYS"},
		{"SANDBOX_USER_ID=1234", "user", `"1234"`, "env SANDBOX_USER_ID"},
		{"SANDBOX_USER_ID=1234;SANDBOX_GROUP_ID=5", "user", `"1234:5"`, "env SANDBOX_GROUP_ID"},
		{"SANDBOX_ADDITIONAL_NETWORKS=['a','b']", "additional_networks", `["a", "b"]`, "env SANDBOX_ADDITIONAL_NETWORKS"},
		{"SANDBOX_ADDITIONAL_NETWORKS=a,b", "additional_networks", `["a", "b"]`, "env SANDBOX_ADDITIONAL_NETWORKS"},
		{"SANDBOX_RUNTIME_CONTAINER_IMAGE=r;SANDBOX_BASE_CONTAINER_IMAGE=b", "image", `"r"`, "env SANDBOX_RUNTIME_CONTAINER_IMAGE"},
		{"SANDBOX_BASE_CONTAINER_IMAGE=b", "image", `"b"`, "env SANDBOX_BASE_CONTAINER_IMAGE"},
		{"SANDBOX_RUNTIME_STARTUP_ENV_VARS={\"A\": \"1\", 'B': 2}", "env", `{A = "****", B = "****"}`, "env SANDBOX_RUNTIME_STARTUP_ENV_VARS"},
		{"SANDBOX_ENV_FOO=x", "env", `{FOO = "****"}`, "env SANDBOX_ENV_FOO"},
		{"SANDBOX_VSCODE_PORT=41234", "links.port", "41233", "env SANDBOX_VSCODE_PORT"},
		{"SANDBOX_ENABLE_GPU=true", "gpu", "true", "env SANDBOX_ENABLE_GPU"},
		{"SANDBOX_CUDA_VISIBLE_DEVICES=0,2", "gpu_devices", `["0", "2"]`, "env SANDBOX_CUDA_VISIBLE_DEVICES"},
		{"SANDBOX_KEEP_RUNTIME_ALIVE=false", "on_quit", `"stop"`, "env SANDBOX_KEEP_RUNTIME_ALIVE"},
		{"SANDBOX_KEEP_RUNTIME_ALIVE=True", "on_quit", `"leave"`, "env SANDBOX_KEEP_RUNTIME_ALIVE"},
		{`SANDBOX_DOCKER_RUNTIME_KWARGS={"mem_limit": "4g"}`, "memory", `"4GiB"`, "env SANDBOX_DOCKER_RUNTIME_KWARGS"},
		{`SANDBOX_DOCKER_RUNTIME_KWARGS={'nano_cpus': 1500000000}`, "cpus", "1.5", "env SANDBOX_DOCKER_RUNTIME_KWARGS"},
		{`SANDBOX_DOCKER_RUNTIME_KWARGS={"shm_size": 1073741824, "pids_limit": 99,}`, "pids", "99", "env SANDBOX_DOCKER_RUNTIME_KWARGS"},
		{"SANDBOX_USE_HOST_NETWORK=false", "profile", `"standard"`, "default"},
		{"SANDBOX_RUNTIME_BINDING_ADDRESS=127.0.0.1", "profile", `"standard"`, "default"},
		{"DOCKER_HOST=unix:///x;DOCKER_CONTEXT=y", "host", `"unix:///x"`, "env DOCKER_HOST"},
		{"DOCKER_CONTEXT=y", "context", `"y"`, "env DOCKER_CONTEXT"},
		{"BERTH_VOLUMES=/x:/y;SANDBOX_VOLUMES=/a:/b", "volumes", `["/x:/y"]`, "env BERTH_VOLUMES"},
		{"BERTH_LINKS_EXTRA=3000,4000", "links.extra", "[3000, 4000]", "env BERTH_LINKS_EXTRA"},
		{"BERTH_CPUS=2", "cpus", "2", "env BERTH_CPUS"},
		{"BERTH_MEMORY=512m", "memory", `"512MiB"`, "env BERTH_MEMORY"},
		{"BERTH_PUBLISH=1", "publish", "true", "env BERTH_PUBLISH"},
		{"BERTH_EGRESS=a.example:443,@llm", "egress", `["a.example:443", "@llm"]`, "env BERTH_EGRESS"},
		{"BERTH_EGRESS=off", "egress", `"off"`, "env BERTH_EGRESS"},
		{"BERTH_EGRESS=A.Example.:443", "egress", `["a.example:443"]`, "env BERTH_EGRESS"},
		{"BERTH_EGRESS_PRIVATE=git.lan:443,[fd00::1]:22", "egress_private", `["git.lan:443", "[fd00::1]:22"]`, "env BERTH_EGRESS_PRIVATE"},
		{"BERTH_USER=7:8", "user", `"7:8"`, "env BERTH_USER"},
		{"BERTH_IMAGE=", "image", "", "default"},
	}
	for _, r := range rows {
		s, err := env(strings.Split(r.environ, ";")...)
		if err != nil {
			t.Errorf("%s: %v", r.environ, err)
			continue
		}
		if got := oneLine(keyNamed(r.key).field(s)); got != r.want || s.Source(r.key).String() != r.source {
			t.Errorf("%s: %s = %s from %s; want %s from %s", r.environ, r.key, got, s.Source(r.key), r.want, r.source)
		}
	}
}

func TestVariablesThatAreRefused(t *testing.T) {
	rows := []struct{ environ, text, hint string }{
		{"SANDBOX_USE_HOST_NETWORK=true",
			"SANDBOX_USE_HOST_NETWORK=true: a sandbox never shares the host's network; name the networks it needs with additional_networks",
			"unset SANDBOX_USE_HOST_NETWORK"},
		{"SANDBOX_RUNTIME_BINDING_ADDRESS=0.0.0.0",
			"SANDBOX_RUNTIME_BINDING_ADDRESS=0.0.0.0: links listen on 127.0.0.1 and ::1 only; reach them from elsewhere through ssh -L",
			"unset SANDBOX_RUNTIME_BINDING_ADDRESS"},
		{"SANDBOX_RM_ALL_CONTAINERS=1",
			"SANDBOX_RM_ALL_CONTAINERS=1: it stops the containers of every session; end your own with berth stop --all",
			"unset SANDBOX_RM_ALL_CONTAINERS"},
		{`SANDBOX_DOCKER_RUNTIME_KWARGS={"privileged": true}`,
			`SANDBOX_DOCKER_RUNTIME_KWARGS: "privileged": raw engine arguments are not passed on; only mem_limit, nano_cpus, shm_size and pids_limit are translated`,
			"take it out of SANDBOX_DOCKER_RUNTIME_KWARGS"},
		{`SANDBOX_DOCKER_RUNTIME_KWARGS={"mem_limit": "lots"}`,
			`SANDBOX_DOCKER_RUNTIME_KWARGS: mem_limit: want a size such as "512MiB" or "4GiB", not "lots"`, ""},
		{"SANDBOX_DOCKER_RUNTIME_KWARGS=mem", `SANDBOX_DOCKER_RUNTIME_KWARGS: want a JSON object such as {"mem_limit": "4g"}, not "mem"`, ""},
		{"SANDBOX_USER_ID=me", `SANDBOX_USER_ID: want a number, not "me"`, ""},
		{"SANDBOX_TIMEOUT=1.5", `SANDBOX_TIMEOUT: want a number of seconds, not "1.5"`, ""},
		{"SANDBOX_VSCODE_PORT=1", `SANDBOX_VSCODE_PORT: want a port from 2 to 65534, not "1"`, ""},
		{"SANDBOX_ENABLE_GPU=maybe", `SANDBOX_ENABLE_GPU: want true or false, not "maybe"`, ""},
		{"SANDBOX_ADDITIONAL_NETWORKS=[\"a\",", `SANDBOX_ADDITIONAL_NETWORKS: ["a",: the list is not closed, "]" is missing`, `write a list: ["name"]`},
		{"SANDBOX_RUNTIME_STARTUP_ENV_VARS=A=1", `SANDBOX_RUNTIME_STARTUP_ENV_VARS: want a JSON object such as {"NAME": "value"}`, ""},
		{"BERTH_PROFILE=standrad", `BERTH_PROFILE: "standrad" is none of compat, standard, strict, paranoid`, `did you mean "standard"?`},
		{"BERTH_LINKS_PORT=http", `BERTH_LINKS_PORT: want a port from 1 to 65535, not "http"`, ""},
		{"BERTH_SUBNET_POOL=10.0.0.1/8", `BERTH_SUBNET_POOL: want an IPv4 range of at least 16 addresses, such as "10.83.0.0/16", not "10.0.0.1/8"`, ""},
		{"BERTH_EGRESS=of", `BERTH_EGRESS: "of" is none of off, list, on, direct, nor a list of host:port`, `did you mean "off"?`},
		{"BERTH_EGRESS=a.example:443,*.com:443", `BERTH_EGRESS: item 2: "*.com:443": too wide: names below com belong to many owners`, `name one owner's hosts: "*.example.com:443"`},
		{"BERTH_EGRESS=@lml", `BERTH_EGRESS: item 1: "@lml": there is no such group`, `did you mean "@llm"?`},
		{"BERTH_EGRESS_PRIVATE=https://git.lan/x", `BERTH_EGRESS_PRIVATE: item 1: "https://git.lan/x": a URL; egress_private takes host and port`, `write "git.lan:443"`},
	}
	for _, r := range rows {
		_, err := env(r.environ)
		if err == nil || err.Error() != r.text || fault.HintOf(err) != r.hint || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s:\n%v\nhint %s\nwant %s\nhint %s", r.environ, err, fault.HintOf(err), r.text, r.hint)
		}
	}
}

func TestWhatDoesNothingSaysSo(t *testing.T) {
	rows := map[string]string{
		"SANDBOX_VOLUME=x":           "SANDBOX_VOLUME is unknown and does nothing; did you mean SANDBOX_VOLUMES?",
		"SANDBOX_SOMETHING_ELSE=x":   "SANDBOX_SOMETHING_ELSE is unknown and does nothing",
		"BERTH_IMGE=x":               "BERTH_IMGE is unknown and does nothing; did you mean BERTH_IMAGE?",
		"SANDBOX_CLOSE_DELAY=5":      "SANDBOX_CLOSE_DELAY does nothing here: nothing is stopped after a delay; see on_quit",
		"SANDBOX_PLATFORM=linux/arm": "SANDBOX_PLATFORM does nothing here: the engine's own platform is used; write platform under [images.NAME] for another",
		"BERTH_NO_BROWSER=1":         "",
		"SANDBOX_API_KEY=":           "",
		"OTHER=x":                    "",
	}
	for environ, want := range rows {
		s, err := env(environ)
		if err != nil || strings.Join(s.Notices, "\n") != want {
			t.Errorf("%s: %q, %v", environ, s.Notices, err)
		}
	}
}

func TestWorkspaceVariablesCountOnlyAlone(t *testing.T) {
	dir := t.TempDir()
	user := filepath.Join(dir, "config.toml")
	write(t, user, "volumes = ['/file:/file']\n[[mounts]]\nsource='/m'\ntarget='/n'\n")
	load := func(environ map[string]string) *Settings {
		t.Helper()
		s, err := Load(Input{UserFile: user, Environ: environ, WorkDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	alone := load(map[string]string{"WORKSPACE_BASE": "/w"})
	if alone.Workspace["WORKSPACE_BASE"] != "/w" || len(alone.Volumes)+len(alone.Mounts) > 0 || alone.Source("volumes").Name != "WORKSPACE_BASE" {
		t.Errorf("alone: %+v from %s", alone.Workspace, alone.Source("volumes"))
	}
	beside := load(map[string]string{"WORKSPACE_BASE": "/w", "SANDBOX_VOLUMES": "/a:/b"})
	if len(beside.Volumes) != 1 || beside.Volumes[0].Text != "/a:/b" || len(beside.Mounts) > 0 {
		t.Errorf("beside SANDBOX_VOLUMES: %+v %+v", beside.Volumes, beside.Mounts)
	}
}

func TestFlagsAddWhereTheTableSaysSo(t *testing.T) {
	s, err := Load(Input{WorkDir: "/srv/shop", Environ: map[string]string{"SANDBOX_VOLUMES": "/a:/b", "BERTH_GIVE_UP": "x", "BERTH_EGRESS": "off"},
		Flags: []Flag{{Key: "volumes", Name: "-v", Values: []string{"/c:/d,z", "e:/f"}}, {Key: "give_up", Name: "--give-up", Values: []string{"y", "x"}}, {Key: "egress", Name: "--egress", Values: []string{"on"}},
			{Key: "publish", Name: "--publish", Values: []string{"true"}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []VolumeText{
		{"/a:/b", Source{Kind: FromEnv, Name: "SANDBOX_VOLUMES"}, "/srv/shop"},
		{"/c:/d,z", Source{Kind: FromFlag, Name: "-v"}, "/srv/shop"},
		{"e:/f", Source{Kind: FromFlag, Name: "-v"}, "/srv/shop"},
	}
	if !reflect.DeepEqual(s.Volumes, want) {
		t.Errorf("%+v", s.Volumes)
	}
	if fmt.Sprint(s.GiveUp, s.Egress, s.Publish) != "[x y] on true" {
		t.Errorf("%v %v %v", s.GiveUp, s.Egress, s.Publish)
	}
}

func TestAChoiceOnTheScreenStandsInsteadOfWhatWasSaid(t *testing.T) {
	for text, want := range map[string]string{"c": "[c]", `"c,d",e`: "[c,d e]", "[]": "[]"} {
		s, err := Load(Input{Environ: map[string]string{"SANDBOX_ADDITIONAL_NETWORKS": "a,b"},
			Flags: []Flag{{Key: "additional_networks", Name: "chosen here", Values: []string{text}, Replaces: true}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.AdditionalNetworks); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestASidecarIsSaidInOneWord(t *testing.T) {
	load := func(words ...string) ([]Sidecar, error) {
		s, err := Load(Input{Flags: []Flag{{Key: "sidecars", Name: "--sidecar", Values: words}}})
		if err != nil {
			return nil, err
		}
		return s.Sidecars, nil
	}
	at := Source{Kind: FromFlag, Name: "--sidecar"}
	got, err := load("shop/cache/redis:6379", "db/pg:5432,net/web:80")
	want := []Sidecar{{"shop/cache", "redis", 6379, at}, {"db", "pg", 5432, at}, {"net", "web", 80, at}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for word, want := range map[string]string{
		"redis:6379":         "--sidecar: want NETWORK/HOST:PORT, not redis:6379",
		"cache/redis":        "--sidecar: want NETWORK/HOST:PORT, not cache/redis",
		"cache/:1":           "--sidecar: want NETWORK/HOST:PORT, not cache/:1",
		"/redis:1":           "--sidecar: want NETWORK/HOST:PORT, not /redis:1",
		"cache/redis:0":      "--sidecar: cache/redis:0: want a port from 1 to 65535, not 0",
		"cache/redis:65536":  "--sidecar: cache/redis:65536: want a port from 1 to 65535, not 65536",
		"cache/redis:http":   "--sidecar: cache/redis:http: want a port from 1 to 65535, not http",
		"cache/redis:6379/x": "--sidecar: want NETWORK/HOST:PORT, not cache/redis:6379/x",
	} {
		if _, err := load(word); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", word, err, want)
		}
	}
}

func TestHostAndContextExcludeEachOther(t *testing.T) {
	dir := t.TempDir()
	user := filepath.Join(dir, "config.toml")
	write(t, user, "context = 'rootless'")
	s, err := Load(Input{UserFile: user, Environ: map[string]string{"DOCKER_HOST": "unix:///x"}})
	if err != nil || s.Host != "unix:///x" || s.Context != "" {
		t.Errorf("%q %q %v", s.Host, s.Context, err)
	}
	_, err = Load(Input{Flags: []Flag{{Key: "host", Name: "--host", Values: []string{"a"}}, {Key: "context", Name: "--context", Values: []string{"b"}}}})
	if err == nil || err.Error() != "flag --host and flag --context: both name an engine" {
		t.Errorf("%v", err)
	}
}

func TestPathsStartFromTheirLayer(t *testing.T) {
	dir := t.TempDir()
	user := filepath.Join(dir, "config.toml")
	write(t, user, "env_file = ['a.env', '~/b.env', '/c.env']\nvolumes = './x:/y'\n[images.dev]\ndockerfile = 'Dockerfile'\n")
	s, err := Load(Input{UserFile: user, Home: "/home/me", WorkDir: "/srv/shop", Environ: map[string]string{"BERTH_ALLOW_PATHS": "p"}})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(s.EnvFile, s.Volumes[0].Dir, s.Images["dev"].Dockerfile, s.AllowPaths)
	want := fmt.Sprint([]string{dir + "/a.env", "/home/me/b.env", "/c.env"}, dir, dir+"/Dockerfile", []string{"/srv/shop/p"})
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestImageProfilesAreJoinedKeyByKey(t *testing.T) {
	dir := t.TempDir()
	user, project := filepath.Join(dir, "config.toml"), filepath.Join(dir, ".berth.toml")
	write(t, user, "[images.dev]\nimage = 'a:1'\nmemory = '1GiB'\n[images.dev.registry]\nserver = 'ghcr.io'\n")
	write(t, project, "[images.dev]\nimage = 'a:2'\n")
	in := Input{UserFile: user, ProjectFile: project, WorkDir: dir, Trusted: func(string, [32]byte) bool { return true }}
	s, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Images["dev"]
	if p.Image != "a:2" || p.Memory != 1<<30 || p.Registry.Server != "ghcr.io" {
		t.Errorf("%+v", p)
	}
	if s.Source("images.dev.image").Kind != FromProject || s.Source("images.dev.memory").Kind != FromUser {
		t.Errorf("%s, %s", s.Source("images.dev.image"), s.Source("images.dev.memory"))
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(path("folder"), 0o755), syscall.Mkfifo(path("fifo"), 0o644),
		os.Symlink("/etc/passwd", path("link")), os.WriteFile(path("big"), make([]byte, maxFile+1), 0o600),
		os.WriteFile(path("closed"), []byte("vnc='on'"), 0o000)); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		in   Input
		text string
	}{
		{Input{UserFile: path("folder")}, "folder: is a folder, not a file"},
		{Input{UserFile: path("fifo")}, "fifo: is not a regular file"},
		{Input{UserFile: path("big")}, "big: is larger than 1 MiB"},
		{Input{UserFile: path("none"), Named: true}, "none: no such file or directory"},
		{Input{UserFile: path("folder/x/y"), Named: true}, dir + "/folder/x/y: no such file or directory"},
		{Input{UserFile: path("closed")}, "closed: permission denied"},
		{Input{ProjectFile: path("link")}, "link: is a symbolic link, which a project file may not be"},
		{Input{ProjectFile: path("folder")}, "folder: is a folder, not a file"},
		{Input{UserFile: path("none")}, ""},
		{Input{ProjectFile: path("none")}, ""},
	}
	for _, r := range rows {
		r.in.WorkDir = dir
		_, err := Load(r.in)
		switch {
		case r.text == "" && err == nil:
		case strings.HasPrefix(r.text, "closed") && err == nil:
			t.Log("the superuser reads everything: permission denied cannot be had here")
		case err == nil || err.Error() != r.text || fault.KindOf(err) != fault.Usage:
			t.Errorf("%+v: %v, want %s", r.in, err, r.text)
		}
	}
}

func TestSizesAndTimes(t *testing.T) {
	sizes := map[string]Size{"512MiB": 512 << 20, "4g": 4 << 30, "4GB": 4e9, "1.5GiB": 3 << 29, "100": 100, "1kb": 1000, "2T": 2 << 40, "7 MiB": 7 << 20}
	for text, want := range sizes {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%s: %d, %v", text, got, ok)
		}
	}
	for _, bad := range []string{"", "x", "-1g", "1e3", "0", "1 furlong", "NaN", "Inf", "99999999999T"} {
		if got, ok := parseSize(bad); ok {
			t.Errorf("%q is taken as %d", bad, got)
		}
	}
	shown := map[Size]string{512 << 20: "512MiB", 4e9: "4GB", 1000: "1kB", 1001: "1001", 3 << 29: "1536MiB", 0: "0"}
	for size, want := range shown {
		if size.String() != want {
			t.Errorf("%d is shown as %s, want %s", int64(size), size, want)
		}
	}
	var d time.Duration
	if assignDuration(&d, &node{value: "-5s"}) == nil || assignDuration(&d, &node{value: int64(0)}) == nil {
		t.Error("a time of nothing is taken")
	}
}

func TestTheErrorOfAMissingFileIsKept(t *testing.T) {
	_, err := Load(Input{UserFile: "/no/such/file", Named: true})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
