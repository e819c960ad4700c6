package engine

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/dockertest"
	"berth/internal/fault"
)

// user is somebody with a home, an environment and perhaps contexts of the docker command.
type user struct {
	t    *testing.T
	home string
	env  map[string]string
}

func newUser(t *testing.T, env map[string]string) user {
	t.Helper()
	return user{t, t.TempDir(), env}
}

func (u user) options() Options {
	return Options{Home: u.home, Env: func(name string) (string, bool) { v, ok := u.env[name]; return v, ok }}
}

// write puts a file below the docker command's folder.
func (u user) write(name, text string) {
	u.t.Helper()
	path := filepath.Join(u.home, ".docker", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// context makes a context as docker context create does; its folder is named by the hash of its name.
func (u user) context(name, host string) {
	u.t.Helper()
	folder := strings.TrimPrefix(digest([]byte(name)), "sha256:")
	u.write("contexts/meta/"+folder+"/meta.json",
		`{"Name":"`+name+`","Metadata":{},"Endpoints":{"docker":{"Host":"`+host+`","SkipTLSVerify":false}}}`)
}

func TestTheEngineIsTheOneTheDockerCommandWouldUse(t *testing.T) {
	for _, row := range []struct {
		about         string
		host, context string
		env           map[string]string
		config        string
		want          string // host that is chosen
		label         string // how errors name it
	}{
		{about: "--host", host: "unix:///a", env: map[string]string{"DOCKER_HOST": "unix:///b"}, want: "unix:///a", label: "--host unix:///a"},
		{about: "--context before DOCKER_HOST", context: "colima", env: map[string]string{"DOCKER_HOST": "unix:///b"}, want: "unix:///colima", label: "--context colima"},
		{about: "DOCKER_HOST before DOCKER_CONTEXT", env: map[string]string{"DOCKER_HOST": "unix:///b", "DOCKER_CONTEXT": "colima"}, want: "unix:///b", label: "DOCKER_HOST=unix:///b"},
		{about: "DOCKER_CONTEXT before currentContext", env: map[string]string{"DOCKER_CONTEXT": "colima"}, config: `{"currentContext":"desktop"}`, want: "unix:///colima", label: "DOCKER_CONTEXT=colima"},
		{about: "currentContext", config: `{"currentContext":"colima"}`, want: "unix:///colima", label: "context colima"},
		{about: "currentContext default names none", config: `{"currentContext":"default"}`},
		{about: "a broken config.json is passed over", config: `{"currentContext`},
		{about: "nothing"},
	} {
		t.Run(row.about, func(t *testing.T) {
			u := newUser(t, row.env)
			u.context("colima", "unix:///colima")
			if row.config != "" {
				u.write("config.json", row.config)
			}
			o := u.options()
			o.Host, o.Context = row.host, row.context
			at, err := o.named()
			if err != nil {
				t.Fatal(err)
			}
			if at == nil {
				at = &endpoint{}
			}
			if at.Host != row.want || at.label != row.label {
				t.Errorf("%q called %q, want %q called %q", at.Host, at.label, row.want, row.label)
			}
		})
	}
}

func TestAnEngineThatCannotBeUsedSaysWhyAndWhatToDo(t *testing.T) {
	old := dockertest.Docker20()
	old.API = "1.40"
	oldEngine := dockertest.Start(t, old)
	dead := dockertest.Start(t, dockertest.Docker20())
	folder := filepath.Dir(strings.TrimPrefix(dead.Host(), "unix://"))
	stale := staleSocket(t)

	for _, row := range []struct {
		about      string
		env        map[string]string
		host       string
		context    string
		kind       fault.Kind
		want, hint string
	}{
		{about: "both named", host: "unix:///a", context: "b", kind: fault.Usage,
			want: "--host unix:///a --context b: both name an engine", hint: "give one of them"},
		{about: "no such socket", env: map[string]string{"DOCKER_HOST": "unix://" + folder + "/nosuch.sock"}, kind: fault.Engine,
			want: "DOCKER_HOST=unix://" + folder + "/nosuch.sock: there is no such socket", hint: hintStart},
		{about: "nobody listens", host: "unix://" + stale, kind: fault.Engine,
			want: "--host unix://" + stale + ": no engine answers there", hint: hintStart},
		{about: "too old", host: oldEngine.Host(), kind: fault.Engine,
			want: "--host " + oldEngine.Host() + ": the engine speaks API 1.40, berth needs 1.41 or newer",
			hint: "update the engine: Docker 20.10 or Podman 4 are the oldest that berth can use"},
		{about: "tcp without TLS", env: map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:2375"}, kind: fault.Engine,
			want: "DOCKER_HOST=tcp://127.0.0.1:2375: over tcp without TLS anyone on the way is root on that machine",
			hint: "use ssh://user@host, or certificates with DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"},
		{about: "not an address", host: "localhost:2375", kind: fault.Engine,
			want: "--host localhost:2375: not an address of an engine (unix:///path, ssh://user@host, tcp://host:port)"},
		{about: "no such context", context: "nosuch", kind: fault.Engine,
			want: "--context nosuch: the docker command has no such context", hint: "docker context ls"},
	} {
		t.Run(row.about, func(t *testing.T) {
			o := newUser(t, row.env).options()
			o.Host, o.Context = row.host, row.context
			_, err := Open(t.Context(), o)
			if err == nil || err.Error() != row.want || fault.HintOf(err) != row.hint || fault.KindOf(err) != row.kind {
				t.Errorf("got  %v\nwant %s\nhint %s (%s)", err, row.want, fault.HintOf(err), fault.KindOf(err))
			}
		})
	}
}

func TestASocketOfSomebodyElseNamesTheGroupAndTheWayWithoutRoot(t *testing.T) {
	err := unreachable("unix:///var/run/docker.sock", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", os.ErrPermission)})
	want := "unix:///var/run/docker.sock: this user may not use the engine's socket"
	if err.Error() != want || fault.KindOf(err) != fault.Engine {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, way := range []string{"usermod -aG docker", "dockerd-rootless-setuptool.sh"} {
		if !strings.Contains(fault.HintOf(err), way) {
			t.Errorf("the hint %q does not say %q", fault.HintOf(err), way)
		}
	}
}

func TestWhereNothingIsNamedTheFirstSocketThatAnswersIsUsed(t *testing.T) {
	server := dockertest.Start(t, dockertest.Docker28())
	at := func(name, host string) endpoint {
		var e endpoint
		e.Host, e.name, e.label = host, name, host
		return e
	}
	places := []endpoint{
		at("Docker", "unix:///nosuch/docker.sock"), at("Podman", "unix://"+staleSocket(t)), at("Colima", server.Host()),
	}
	e, err := firstOf(t.Context(), places, Options{})
	if err != nil || e.Endpoint() != server.Host() {
		t.Fatal(e, err)
	}
	e.Close()
	_, err = firstOf(t.Context(), places[:2], Options{})
	if want := places[1].Host + ": no engine answers there"; err == nil || err.Error() != want {
		t.Errorf("of two that fail, the one that is there: %v", err)
	}
	_, err = firstOf(t.Context(), places[:1], Options{})
	if want := "no container engine: there is no socket of one on this machine"; err == nil || err.Error() != want || fault.HintOf(err) != hintStart {
		t.Errorf("got %v, want %s", err, want)
	}
	if c := try(t.Context(), places[2], Options{}); c.Name != "Colima" || c.API != "1.51" || c.Err != nil {
		t.Errorf("%+v", c)
	}
}

func TestKnownSocketsAreThoseOfTheUsualEngines(t *testing.T) {
	o := newUser(t, map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}).options()
	o.Home = "/home/me"
	var hosts []string
	for _, at := range o.sockets() {
		hosts = append(hosts, strings.TrimPrefix(at.Host, "unix://"))
	}
	for _, want := range []string{
		"/run/user/1000/docker.sock", "/home/me/.docker/run/docker.sock", "/home/me/.docker/desktop/docker.sock",
		"/home/me/.orbstack/run/docker.sock", "/home/me/.colima/default/docker.sock", "/home/me/.rd/docker.sock",
		"/run/user/1000/podman/podman.sock", "/run/podman/podman.sock",
	} {
		if !slices.Contains(hosts, want) {
			t.Errorf("%s is not among %v", want, hosts)
		}
	}
	if hosts[0] != "/var/run/docker.sock" {
		t.Errorf("the docker command's own is not first: %s", hosts[0])
	}
	for _, at := range (Options{UID: 7}).sockets() {
		if !filepath.IsAbs(strings.TrimPrefix(at.Host, "unix://")) {
			t.Errorf("without a home: %s", at.Host)
		}
	}
}

func TestAnEngineOverTLSIsTrustedByItsCertificate(t *testing.T) {
	_, host, ca := dockertest.StartTLS(t, dockertest.Docker28())
	u := newUser(t, map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"})
	u.write("ca.pem", string(ca))
	e, err := Open(t.Context(), u.options())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Sandboxes(t.Context()); err != nil || !e.Remote() || e.API() != "1.51" {
		t.Errorf("remote %v, api %s: %v", e.Remote(), e.API(), err)
	}
	stranger := newUser(t, map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"})
	_, err = Open(t.Context(), stranger.options())
	if want := "DOCKER_HOST=" + host + ": no ca.pem in " + stranger.home + "/.docker"; err == nil || err.Error() != want || fault.KindOf(err) != fault.Engine {
		t.Errorf("without the certificate: %v", err)
	}
}

// The ssh of this test connects to the socket, as docker system dial-stdio does at the far end.
func TestAnEngineOverSSHIsReachedAsTheDockerCommandReachesIt(t *testing.T) {
	server := dockertest.Start(t, dockertest.Docker20())
	folder := t.TempDir()
	script := "#!/bin/sh\necho \"$*\" > " + folder + "/asked\nexec " + buildTool(t) + " dial " + strings.TrimPrefix(server.Host(), "unix://") + "\n"
	if err := os.WriteFile(filepath.Join(folder, "ssh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	u := newUser(t, nil)
	u.context("far", "ssh://me@far.example")
	o := u.options()
	o.Context = "far"
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Sandboxes(t.Context()); err != nil || !e.Remote() || e.Endpoint() != "ssh://me@far.example" {
		t.Errorf("remote %v at %s: %v", e.Remote(), e.Endpoint(), err)
	}
	asked, err := os.ReadFile(filepath.Join(folder, "asked"))
	if err != nil || !strings.Contains(string(asked), "-l me") || !strings.HasSuffix(string(asked), "far.example docker system dial-stdio\n") {
		t.Errorf("%q, %v", asked, err)
	}
}

func TestOpeningAnEngineIsOneRequest(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker28())
	if e.API() != "1.51" || e.Endpoint() != server.Host() || e.Remote() {
		t.Errorf("api %s at %s, remote %v", e.API(), e.Endpoint(), e.Remote())
	}
	if requests := server.Requests(); len(requests) != 1 || requests[0].String() != "GET /_ping" {
		t.Errorf("asked: %v", requests)
	}
}

func TestTheVersionOfAnOldEngineIsSpoken(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker20())
	if _, err := e.Sandboxes(t.Context()); err != nil { // refused, were it asked in 1.51
		t.Error(err)
	}
	if len(server.Requests()) != 2 {
		t.Errorf("asked: %v", server.Requests())
	}
}

func TestAnEngineThatComesBackIsUsedAgain(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker20())
	server.Close()
	err := e.Ping(t.Context())
	if fault.KindOf(err) != fault.Engine {
		t.Errorf("gone: %v", err)
	}
	if err := server.Open(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for err = e.Ping(t.Context()); err != nil && time.Now().Before(deadline); {
		err = e.Ping(t.Context())
	}
	if err != nil {
		t.Errorf("back: %v", err)
	}
}

// staleSocket makes a socket at which nobody listens any more.
func staleSocket(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "stale")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "docker.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	return path
}
