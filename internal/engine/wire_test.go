package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/volume"

	"berth/internal/dockertest"
	"berth/internal/fault"
	"berth/internal/golden"
	"berth/internal/sandbox"
)

// hardened is a Spec with a bit of everything that profiles use.
func hardened() sandbox.Spec {
	return sandbox.Spec{
		Name:  "shop",
		Image: sandbox.Image{Ref: "acme/agent:1", ID: "sha256:9b1f42c0", Platform: "linux/amd64"},
		Process: sandbox.Process{
			User: "1000:1000", Cmd: []string{"--port", "8000"}, WorkDir: "/workspace", Init: true,
			StopSignal: "SIGTERM", StopTimeout: 8 * time.Second,
			Health: &sandbox.Health{Command: []string{"/.berth/inside", "health"}, Interval: time.Minute, Timeout: 5 * time.Second},
		},
		Env: []sandbox.Env{{Name: "HOME", Value: "/home/agent"}, {Name: "PYTHONPATH", Unset: true}},
		Mounts: []sandbox.Mount{
			{Kind: sandbox.Bind, Source: "/home/me/shop", Target: "/workspace"},
			{Kind: sandbox.Bind, Source: "/home/me/data", Target: "/data", ReadOnly: true, SELinux: "z"},
			{Kind: sandbox.Volume, Source: "berth-shop-home", Target: "/home", NoCopy: true},
		},
		Tmpfs: []sandbox.Tmpfs{
			{Target: "/tmp", Exec: true, Size: 1 << 30, Mode: "1777", UID: -1, GID: -1},
			{Target: "/run", Size: 64 << 20, Mode: "0755", UID: 1000, GID: 1000},
		},
		Network: sandbox.Network{
			Mode:     "0berth-shop",
			Attached: []sandbox.Attachment{{Name: "0berth-shop", Priority: 1000}, {Name: "shop_default", Aliases: []string{"agent"}}},
			Ports:    []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("127.0.0.1:8010")}, {Container: 8001, Host: netip.MustParseAddrPort("127.0.0.1:0")}},
			Hostname: "sandbox", ExtraHosts: []string{"sandbox:127.0.0.1"}, DNS: []string{"127.0.0.1"}, DNSSearch: []string{"."},
		},
		Limits: sandbox.Limits{
			Memory: 4 << 30, MemorySwap: 4 << 30, NanoCPUs: 15e8, CPUShares: 512, Pids: 1024, Shm: 256 << 20,
			Ulimits: []sandbox.Ulimit{{Name: "core"}, {Name: "nofile", Soft: 16384, Hard: 16384}},
		},
		Isolation: sandbox.Isolation{
			IpcMode: "private", CgroupnsMode: "private", CapDrop: []string{"ALL"}, CapAdd: []string{"CHOWN"}, NoNewPrivileges: true,
			Seccomp: `{"defaultAction":"SCMP_ACT_ERRNO"}`, ReadonlyRootfs: true, MaskedPaths: []string{"/proc/keys"},
			OomScoreAdj: 500, Restart: "no",
		},
		Log:    sandbox.Log{Driver: "json-file", Options: map[string]string{"max-file": "3", "max-size": "10m"}},
		Labels: map[string]string{sandbox.LabelSandbox: "shop", sandbox.LabelProfile: "standard"},
	}
}

func TestTheCreateCallOnTheWire(t *testing.T) {
	for name, flavour := range map[string]dockertest.Flavour{
		"docker20": dockertest.Docker20(), "docker28": dockertest.Docker28(), "podman4": dockertest.Podman4(),
	} {
		t.Run(name, func(t *testing.T) {
			e, server := fakeEngine(t, flavour)
			shopWorld(t, e, server)
			if _, err := e.Create(t.Context(), hardened()); err != nil {
				t.Fatal(err)
			}
			var calls bytes.Buffer
			for _, r := range server.Requests() {
				if r.Method != "POST" || !strings.HasPrefix(r.Path, "/containers/") && !strings.HasSuffix(r.Path, "/connect") {
					continue
				}
				calls.WriteString(r.String() + "?" + r.Query.Encode() + "\n")
				if err := json.Indent(&calls, r.Body, "", "  "); err != nil {
					t.Fatal(err)
				}
			}
			text := strings.ReplaceAll(calls.String(), e.options.Filters, "<filters>")
			if c, ok := server.Container("berth-shop"); ok {
				text = strings.ReplaceAll(text, c.ID, "<id>")
			}
			golden.Check(t, filepath.Join("testdata", "create-"+name+".golden"), []byte(text))
		})
	}
}

// shopWorld has what the hardened Spec names.
func shopWorld(t *testing.T, e *Engine, server *dockertest.Server) {
	t.Helper()
	server.Image(dockertest.Image{Ref: "acme/agent:1", ID: "sha256:9b1f42c0"})
	for _, name := range []string{"0berth-shop", "shop_default"} {
		if err := e.CreateNetwork(t.Context(), sandbox.NetworkSpec{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever call fails on the way to a container, and whether with an answer or by a cut connection, none is left.
func TestAFailureAtAnyCallOfACreateLeavesNothing(t *testing.T) {
	for _, status := range []int{500, 0} {
		failures := 0
		for n := range 6 {
			e, server := fakeEngine(t, dockertest.Docker20())
			shopWorld(t, e, server)
			server.Fail(dockertest.Fault{After: n, Status: status, Message: "no space left on device"})
			_, err := e.Create(t.Context(), hardened())
			if err == nil {
				continue // all calls were made before, or a question was asked again over a new connection
			}
			failures++
			if left := server.Containers(); len(left) > 0 {
				t.Errorf("status %d at call %d: left %v", status, n, left)
			}
			if status == 500 && !strings.HasSuffix(err.Error(), ": the engine's disk is full") {
				t.Errorf("call %d: %v", n, err)
			}
		}
		if failures < 2 || status == 500 && failures != 4 { // two networks looked for, one create, one connect
			t.Errorf("status %d: %d calls could fail", status, failures)
		}
	}
}

// An engine goes on with a create whose caller has gone; so berth waits for the answer, and takes it away again.
func TestACreateThatIsInterruptedLeavesNothing(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker20())
	shopWorld(t, e, server)
	ctx, cancel := context.WithCancel(t.Context())
	server.Before("POST /containers/create", cancel)
	_, err := e.Create(ctx, hardened())
	if fault.KindOf(err) != fault.Interrupted || err.Error() != "sandbox shop: interrupted" {
		t.Errorf("%v", err)
	}
	if left := server.Containers(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if asked(server, "POST /containers/create") != 1 {
		t.Errorf("asked: %v", server.Asked())
	}
}

func TestANetworkWhoseMakingIsInterruptedIsTakenAway(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker28())
	ctx, cancel := context.WithCancel(t.Context())
	server.Before("POST /networks/create", cancel)
	err := e.CreateNetwork(ctx, sandbox.NetworkSpec{Name: "0berth-shop"})
	if fault.KindOf(err) != fault.Interrupted {
		t.Errorf("%v", err)
	}
	o, err := e.Observe(t.Context())
	if err != nil || slices.ContainsFunc(o.Networks, func(n sandbox.NetworkInfo) bool { return n.Name == "0berth-shop" }) {
		t.Errorf("%v, %v", o.Networks, err)
	}
}

func TestOfAnInterruptedVolumeOnlyANewOneIsTakenAway(t *testing.T) {
	for _, there := range []bool{true, false} {
		e, server := fakeEngine(t, dockertest.Docker20())
		labels := map[string]string{sandbox.LabelSandbox: "shop"}
		if there {
			server.Volume(volume.Volume{Name: "berth-shop-home", Driver: "local", Labels: labels})
		}
		ctx, cancel := context.WithCancel(t.Context())
		server.Before("POST /volumes/create", cancel)
		if err := e.CreateVolume(ctx, "berth-shop-home", labels); fault.KindOf(err) != fault.Interrupted {
			t.Errorf("%v", err)
		}
		o, err := e.Observe(t.Context())
		if err != nil || (len(o.Volumes) == 1) != there {
			t.Errorf("there before: %v, now: %v, %v", there, o.Volumes, err)
		}
	}
}

func TestWhatCannotBeSaidIsAFault(t *testing.T) {
	for _, row := range []struct {
		about string
		mount sandbox.Mount
		d     dialect
		want  string
	}{
		{"a colon beside an SELinux label", sandbox.Mount{Kind: sandbox.Bind, Source: "/a:b", Target: "/x", SELinux: "z"}, dialect{api: "1.41"},
			"/a:b: this engine cannot mount a path with a colon here"},
		{"a colon and a comma on Podman", sandbox.Mount{Kind: sandbox.Bind, Source: "/a:b,U=true", Target: "/x"}, dialect{api: "1.41", podman: true},
			"/a:b,U=true: this engine cannot mount a path with a colon here"},
		{"a kind that is none of the engine's", sandbox.Mount{Kind: sandbox.Overlay, Source: "/a", Target: "/x"}, dialect{api: "1.41"},
			`/x: the engine has no mount of kind "overlay"`},
	} {
		_, err := translate(sandbox.Spec{Mounts: []sandbox.Mount{row.mount}}, row.d)
		if err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.about, err, row.want)
		}
	}
	_, err := translate(sandbox.Spec{Image: sandbox.Image{Platform: "arm64"}}, dialect{api: "1.41"})
	if want := "arm64: not a platform"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// On Podman, Mounts text is glued together: a comma in a path would be read as an option.
func TestAPathThatPodmanWouldTakeForOptionsGoesAsABind(t *testing.T) {
	s := sandbox.Spec{Mounts: []sandbox.Mount{{Kind: sandbox.Bind, Source: "/x/foo,U=true", Target: "/data", ReadOnly: true}}}
	r, err := translate(s, dialect{api: "1.41", podman: true})
	if err != nil || len(r.host.Mounts) != 0 || !slices.Equal(r.host.Binds, []string{"/x/foo,U=true:/data:ro,rprivate"}) {
		t.Errorf("%v, %v, %v", r.host.Mounts, r.host.Binds, err)
	}
}

func TestTheEndOfTheEngineEndsTheWatch(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker20())
	ended := make(chan error, 1)
	go func() { ended <- e.Watch(context.WithoutCancel(t.Context()), func(sandbox.Change) {}) }()
	for server.Following() == 0 {
		if err := pause(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	server.Close()
	err := <-ended
	if fault.KindOf(err) != fault.Engine {
		t.Errorf("%v", err)
	}
}

func TestCommandLinesOfExecsAreNoChanges(t *testing.T) {
	_, told := changeOf(eventOf("exec_start: /bin/sh -c 'echo secret'"))
	if told {
		t.Error("an exec is told")
	}
	c, told := changeOf(eventOf("health_status: healthy"))
	if !told || c.Action != "health_status" {
		t.Errorf("%+v", c)
	}
}

func TestWhatServesASandboxIsNoSandboxThatChanges(t *testing.T) {
	for kind, want := range map[string]bool{"sandbox": true, "": true, sandbox.KindRelay: false, sandbox.KindHelper: false} {
		m := eventOf("die")
		m.Actor.Attributes = map[string]string{sandbox.LabelSandbox: "shop", sandbox.LabelKind: kind}
		if _, told := changeOf(m); told != want {
			t.Errorf("kind %q: %v", kind, told)
		}
	}
}

func TestANetworkThatWasMadeAnewIsJoinedAgainAtTheStart(t *testing.T) {
	for _, flavour := range []dockertest.Flavour{dockertest.Docker20(), dockertest.Docker28()} {
		e, server := fakeEngine(t, flavour)
		shopWorld(t, e, server)
		server.Program(func([]string, io.Reader, io.Writer, io.Writer) int { return dockertest.Waits })
		spec := hardened()
		id, err := e.Create(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Remove(t.Context(), sandbox.NetworkObject, "shop_default"); err != nil {
			t.Fatal(err)
		}
		const gone = "network shop_default: it was removed since the sandbox was made"
		if err := e.Start(t.Context(), id); err == nil || err.Error() != gone || fault.KindOf(err) != fault.NotFound {
			t.Errorf("while it is gone: %v", err)
		}
		if err := e.CreateNetwork(t.Context(), sandbox.NetworkSpec{Name: "shop_default"}); err != nil {
			t.Fatal(err)
		}
		before := len(server.Asked())
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		start := "POST /containers/" + id + "/start"
		want := []string{start, "GET /containers/" + id + "/json", "GET /networks", "POST /networks/shop_default/disconnect", "POST /networks/shop_default/connect", start}
		if got := server.Asked()[before:]; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		seen, err := e.Inspect(t.Context(), id)
		if err != nil || !reflect.DeepEqual(seen.Spec.Network.Attached, spec.Normalise().Network.Attached) && flavour.API != "1.41" {
			t.Errorf("%+v, %v", seen.Spec.Network.Attached, err)
		}
	}
}

func TestAStreamWithoutFramesIsNoOutput(t *testing.T) {
	d := &demux{ReadCloser: io.NopCloser(strings.NewReader("HTTP/1.1 500 oh no"))}
	if _, err := io.ReadAll(d); err != errFrame {
		t.Errorf("%v", err)
	}
	cut := &demux{ReadCloser: io.NopCloser(bytes.NewReader([]byte{1, 0, 0, 0, 0, 0, 0, 9, 'h', 'i'}))}
	if text, err := io.ReadAll(cut); string(text) != "hi" || err == nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestOnlyTheEnginesOwnWordsAreKeptFromTheOutput(t *testing.T) {
	for _, pieces := range [][]string{{"O", "CI runtime exec failed: "}, {"x", "OCI runtime exec failed: "}, {"unable"}} {
		var out strings.Builder
		g := &gate{to: &out}
		for _, p := range pieces {
			if n, err := g.Write([]byte(p)); n != len(p) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		if out.String() != strings.Join(pieces, "") || len(g.refusal) > 0 {
			t.Errorf("%q: out %q, refusal %q", pieces, out.String(), g.refusal)
		}
	}
}

func TestOutputThatNobodyTakesIsBounded(t *testing.T) {
	var c capped
	for range 3 {
		if n, err := c.Write(make([]byte, keptOutput/2+1)); n != keptOutput/2+1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if len(c.kept) != keptOutput {
		t.Errorf("kept %d", len(c.kept))
	}
}

func TestExtraNetworksAreLeftBeforeTheRemoval(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker28())
	shopWorld(t, e, server)
	id, err := e.Create(t.Context(), hardened())
	if err != nil {
		t.Fatal(err)
	}
	server.Program(func([]string, io.Reader, io.Writer, io.Writer) int { return dockertest.Waits })
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	before := len(server.Asked())
	if err := e.Remove(t.Context(), sandbox.ContainerObject, "berth-shop"); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /containers/berth-shop/json", "POST /networks/shop_default/disconnect", "DELETE /containers/" + id}
	if got := server.Asked()[before:]; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHelpersCarryTheCallersLabels(t *testing.T) {
	server := dockertest.Start(t, dockertest.Docker20())
	server.Image(dockertest.Image{Ref: "x:1", ID: "sha256:11", Labels: map[string]string{sandbox.LabelSandbox: "of another"}, Files: map[string]string{"/etc/group": "g\n"}})
	e, err := Open(t.Context(), Options{Host: server.Host()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	files, err := e.ImageFiles(t.Context(), "sha256:11", map[string]string{sandbox.LabelOwner: "me"}, "/etc/group")
	if string(files["/etc/group"]) != "g\n" || err != nil {
		t.Fatalf("%q, %v", files, err)
	}
	var made struct{ Labels map[string]string }
	for _, r := range server.Requests() {
		if r.Path == "/containers/create" {
			if err := json.Unmarshal(r.Body, &made); err != nil {
				t.Fatal(err)
			}
		}
	}
	if l := made.Labels; l[sandbox.LabelOwner] != "me" || l[sandbox.LabelKind] != sandbox.KindHelper {
		t.Errorf("%v", l)
	}
	if left := server.Containers(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestEnginesAreToldApart(t *testing.T) {
	desktop, userns := dockertest.Docker28(), dockertest.Docker28()
	desktop.Info.OperatingSystem = "Docker Desktop"
	userns.Info.SecurityOptions = append(userns.Info.SecurityOptions, "name=userns")
	rootless := dockertest.Docker28()
	rootless.Info.SecurityOptions = append(rootless.Info.SecurityOptions, "name=rootless")
	for want, flavour := range map[sandbox.EngineKind]dockertest.Flavour{
		sandbox.Docker: dockertest.Docker28(), sandbox.DockerDesktop: desktop, sandbox.DockerUserns: userns,
		sandbox.DockerRootless: rootless, sandbox.PodmanRootless: dockertest.Podman4(),
	} {
		e, _ := fakeEngine(t, flavour)
		about, err := e.Describe(t.Context())
		if err != nil || about.Kind != want {
			t.Errorf("%s is taken for %s: %v", want, about.Kind, err)
		}
		if want == sandbox.Docker && (about.RuncVersion != "1.3.3" || !slices.Contains(about.Security, "apparmor") || about.Arch != "amd64") {
			t.Errorf("%+v", about)
		}
	}
}

func TestTheHardLimitOfADaemonIsRead(t *testing.T) {
	table := "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             unlimited            unlimited            processes \nMax open files            1024                 20000                files     \n"
	if got := hardLimit(table, "Max open files"); got != 20000 {
		t.Error(got)
	}
	if got := hardLimit(table, "Max processes"); got != 0 {
		t.Error(got)
	}
}
