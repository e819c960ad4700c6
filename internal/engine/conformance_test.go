package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/dockertest"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// The same suite runs against every engine: the fake proves what is sent, only a real one proves what it means.

func TestConformanceOfTheFakes(t *testing.T) {
	for _, flavour := range []dockertest.Flavour{dockertest.Docker20(), dockertest.Docker28(), dockertest.Podman4()} {
		t.Run(flavour.Name, func(t *testing.T) {
			e, _ := fakeEngine(t, flavour)
			conformance(t, e, false)
		})
	}
}

func TestConformanceOfTheRealEngine(t *testing.T) { conformance(t, realEngine(t), true) }

// suite is one engine under test with the image it has loaded.
type suite struct {
	*Engine
	image sandbox.LocalImage
	real  bool
}

func conformance(t *testing.T, e *Engine, real bool) {
	s := suite{e, loadTool(t, e), real}
	for _, one := range []struct {
		about string
		check func(*testing.T, suite)
	}{
		{"an image tells what it runs", imageTellsWhatItRuns},
		{"a file of an image is read through links", imageFileThroughLinks},
		{"a sandbox lives and goes without a trace", lifeOfASandbox},
		{"what runs still reads back as asked for", runningReadsBack},
		{"exec carries streams and code", execCarriesStreams},
		{"a stream stays open both ways", streamStaysOpen},
		{"a stream tells how it ended", streamTellsItsEnd},
		{"output is told oldest first, both streams in one", logsAreMerged},
		{"a folder is put before the start", folderBeforeTheStart},
		{"a new volume is filled", folderInANewVolume},
		{"changes are told as they happen", changesAreTold},
		{"what is not there is no failure to remove", removingNothing},
		{"what is in use says by whom", inUseSaysByWhom},
		{"a name that is taken is a conflict", nameTaken},
		{"a port that is taken says by whom", portTaken},
		{"of a failed create nothing is left", failedCreateLeavesNothing},
		{"a volume of somebody else is refused", foreignVolume},
		{"stats are values", statsAreValues},
		{"observe finds all", observeFindsAll},
	} {
		t.Run(one.about, func(t *testing.T) { one.check(t, s) })
	}
}

// spec is a small sandbox that runs until it is stopped.
func (s suite) spec(name string) sandbox.Spec {
	return sandbox.Spec{
		Name: mark + "-" + name, Image: s.image.Image,
		Process:   sandbox.Process{User: "1000:1000", Entrypoint: []string{"/tool"}, Cmd: []string{"wait"}, StopSignal: "SIGTERM"},
		Network:   sandbox.Network{Mode: "none", Hostname: "sandbox"},
		Isolation: sandbox.Isolation{CapDrop: []string{"ALL"}, NoNewPrivileges: true, Restart: "no"},
		Labels: map[string]string{
			sandbox.LabelSandbox: mark + "-" + name, sandbox.LabelOwner: mark, sandbox.LabelContract: "none",
		},
	}.Normalise()
}

// made creates a sandbox that is removed when the test ends.
func (s suite) made(t *testing.T, spec sandbox.Spec) string {
	t.Helper()
	id, err := s.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	removeLater(t, s.Engine, sandbox.ContainerObject, id)
	return id
}

// up creates and starts a sandbox.
func (s suite) up(t *testing.T, spec sandbox.Spec) string {
	t.Helper()
	id := s.made(t, spec)
	if err := s.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func imageTellsWhatItRuns(t *testing.T, s suite) {
	i := s.image
	if i.Ref != toolImage || !strings.HasPrefix(i.ID, "sha256:") || i.Digest != "" && !s.dialect.podman || !strings.HasPrefix(i.Platform, "linux/") {
		t.Errorf("identity: %+v", i.Image)
	}
	if !slices.Equal(i.Entrypoint, []string{"/tool"}) || !slices.Equal(i.Cmd, []string{"wait"}) || i.User != "7:7" || i.WorkDir != "/etc" {
		t.Errorf("process: %+v", i)
	}
	if !slices.Equal(i.Volumes, []string{"/v"}) || !slices.Equal(i.Exposed, []string{"8000/tcp"}) || i.Labels["other"] != "label" {
		t.Errorf("declared: %+v", i)
	}
	_, err := s.Image(t.Context(), "localhost/berth-"+mark+"/nosuch:1")
	if want := "localhost/berth-" + mark + "/nosuch:1: the engine does not have this image"; err == nil || err.Error() != want || fault.KindOf(err) != fault.Image {
		t.Errorf("got %v, want %s", err, want)
	}
}

func imageFileThroughLinks(t *testing.T, s suite) {
	for _, name := range []string{"/etc/passwd", "/link"} {
		files, err := s.ImageFiles(t.Context(), s.image.ID, nil, name, "/etc/nosuch")
		if err != nil || string(files[name]) != "root:x:0:0::/:/tool\n" || len(files) != 1 {
			t.Errorf("%s: %q, %v", name, files, err)
		}
	}
	left, err := s.Sandboxes(t.Context())
	helper := func(o sandbox.Observed) bool {
		return o.Spec.Labels[sandbox.LabelKind] == sandbox.KindHelper && o.Spec.Image.ID == s.image.ID
	}
	if err != nil || slices.ContainsFunc(left, helper) {
		t.Errorf("a helper is left: %v", err)
	}
}

func (s suite) kind(t *testing.T) sandbox.EngineKind {
	t.Helper()
	about, err := s.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return about.Kind
}

func (s suite) rootless(t *testing.T) bool {
	kind := s.kind(t)
	return kind == sandbox.DockerRootless || kind == sandbox.PodmanRootless
}

func lifeOfASandbox(t *testing.T, s suite) {
	id := s.made(t, s.spec("life"))
	is := func(want sandbox.State) {
		t.Helper()
		have, err := s.Inspect(t.Context(), id)
		if err != nil || have.State != want {
			t.Fatalf("state %q, want %q: %v", have.State, want, err)
		}
	}
	act := func(do sandbox.Action) {
		t.Helper()
		for range 2 { // the second time it already is so
			if err := s.Signal(t.Context(), id, do, 2*time.Second); err != nil {
				t.Fatalf("%s: %v", do, err)
			}
		}
	}
	is(sandbox.Created)
	if err := s.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	is(sandbox.Up)
	if err := s.Signal(t.Context(), id, sandbox.Pause, 0); err != nil && s.rootless(t) {
		t.Skipf("this engine freezes nothing, being rootless on cgroup v1: %v", err)
	}
	is(sandbox.Paused)
	act(sandbox.Unpause)
	is(sandbox.Up)
	act(sandbox.Pause)
	act(sandbox.Stop) // which a frozen process cannot obey
	is(sandbox.Stopped)
	if err := s.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	act(sandbox.Pause)
	act(sandbox.Kill)
	is(sandbox.Stopped)
	have, _ := s.Inspect(t.Context(), id)
	if have.ExitCode != 137 || have.Started.IsZero() || have.Ended.Before(have.Started) || have.Created.IsZero() {
		t.Errorf("how it ended: %+v", have)
	}
	if err := s.Remove(t.Context(), sandbox.ContainerObject, id); err != nil {
		t.Fatal(err)
	}
	_, err := s.Inspect(t.Context(), "berth-"+mark+"-life")
	if want := "berth-" + mark + "-life: there is no such container"; err == nil || err.Error() != want || fault.KindOf(err) != fault.NotFound {
		t.Errorf("got %v, want %s", err, want)
	}
}

func runningReadsBack(t *testing.T, s suite) {
	networks := testNetworks(t, s.Engine)
	want := s.spec("running")
	want.Network.Mode = networks[0]
	want.Network.Attached = []sandbox.Attachment{{Name: networks[0], Aliases: []string{"web"}}, {Name: networks[1]}}
	want.Network.Ports = []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("127.0.0.1:0")}}
	want = want.Normalise()
	id := s.up(t, want)
	have, err := s.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	sameSpec(t, want, have.Spec)
	if len(have.Published) != 1 || have.Published[0].Container != 8000 || have.Published[0].Host.Port() == 0 ||
		have.Published[0].Host.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("published: %v", have.Published)
	}
	if have.Pid == 0 {
		t.Error("no pid")
	}
}

func execCarriesStreams(t *testing.T, s suite) {
	id := s.up(t, s.spec("exec"))
	for _, row := range []struct {
		about        string
		x            sandbox.Exec
		code         int
		stdout, errs string
	}{
		{"both streams", sandbox.Exec{Command: []string{"/tool", "both"}}, 0, "out\n", "err\n"},
		{"its code", sandbox.Exec{Command: []string{"/tool", "exit", "42"}}, 42, "", ""},
		{"its input", sandbox.Exec{Command: []string{"/tool", "cat"}, Stdin: strings.NewReader(strings.Repeat("x", 100_000))}, 0, strings.Repeat("x", 100_000), ""},
		{"a terminal", sandbox.Exec{Command: []string{"/tool", "echo", "hi"}, TTY: true, Size: [2]uint{24, 80}}, 0, "hi\r\n", ""},
		{"detached", sandbox.Exec{Command: []string{"/tool", "echo", "hi"}, Detach: true}, 0, "", ""},
	} {
		t.Run(row.about, func(t *testing.T) {
			got, err := s.Exec(t.Context(), id, row.x)
			stdout := string(got.Stdout)
			if row.x.TTY { // the fake's terminal does not add the carriage return
				stdout, row.stdout = strings.ReplaceAll(stdout, "\r", ""), strings.ReplaceAll(row.stdout, "\r", "")
			}
			if err != nil || got.Code != row.code || stdout != row.stdout || string(got.Stderr) != row.errs {
				t.Errorf("code %d, %.60q, %.60q, %v", got.Code, got.Stdout, got.Stderr, err)
			}
		})
	}
	t.Run("a program that is not there", func(t *testing.T) {
		for _, x := range []sandbox.Exec{{}, {TTY: true}} {
			x.Command = []string{"/nosuch"}
			got, err := s.Exec(t.Context(), id, x)
			want := "sandbox " + mark + "-exec: /nosuch: there is no such program in the image"
			if s.dialect.podman && !x.TTY && err == nil { // it says so nowhere
				want, err = "", errors.New("")
			}
			if got.Code != 127 || err == nil || err.Error() != want || len(got.Stdout) > 0 {
				t.Errorf("code %d, %q, %v", got.Code, got.Stdout, err)
			}
		}
	})
	t.Run("in a sandbox that is not running", func(t *testing.T) {
		if err := s.Signal(t.Context(), id, sandbox.Kill, 0); err != nil {
			t.Fatal(err)
		}
		_, err := s.Exec(t.Context(), id, sandbox.Exec{Command: []string{"/tool", "both"}})
		if want := "sandbox " + mark + "-exec: the sandbox is not running"; err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func logsAreMerged(t *testing.T, s suite) {
	spec := s.spec("logs")
	spec.Process.Cmd = []string{"both"}
	id := s.up(t, spec)
	stream, err := s.Logs(t.Context(), id, sandbox.LogOptions{Follow: true}) // ends with the container
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	lines := strings.Fields(string(text))
	slices.Sort(lines) // two pipes have no order between them
	if err != nil || !slices.Equal(lines, []string{"err", "out"}) {
		t.Errorf("%q, %v", text, err)
	}
	one, err := s.Logs(t.Context(), id, sandbox.LogOptions{Tail: 1, Timestamps: true})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	text, err = io.ReadAll(one)
	stamp, _, _ := strings.Cut(string(text), " ")
	if _, bad := time.Parse(time.RFC3339Nano, stamp); err != nil || bad != nil || bytes.Count(text, []byte("\n")) != 1 {
		t.Errorf("the last line with its time: %q, %v", text, err)
	}
}

func folderBeforeTheStart(t *testing.T, s suite) {
	f := sandbox.Folder{Volume: "berth-" + mark + "-home", Parent: "home", Name: "agent", Arch: runtime.GOARCH, UID: 1234, GID: 5678, Mode: 0o700}
	if s.dialect.podman { // which gives it to the container's own user, whoever was asked for
		f.UID, f.GID = 1000, 1000
	}
	spec := s.spec("folder")
	spec.Mounts = []sandbox.Mount{{Kind: sandbox.Volume, Source: f.Volume, Target: "/home", NoCopy: true}}
	spec.ReadonlyRootfs = true
	if err := s.CreateVolume(t.Context(), f.Volume, spec.Labels); err != nil {
		t.Fatal(err)
	}
	removeLater(t, s.Engine, sandbox.VolumeObject, f.Volume)
	if err := s.CreateVolume(t.Context(), f.Volume, spec.Labels); err != nil {
		t.Errorf("the second time it is the sandbox's own: %v", err)
	}
	id := s.made(t, spec)
	if err := s.PutFolder(t.Context(), id, f); err != nil {
		t.Fatal(err)
	}
	s.hasFolder(t, id, f)
}

// folderInANewVolume: what Docker takes over of an image is what an archive would put there.
func folderInANewVolume(t *testing.T, s suite) {
	f := sandbox.Folder{Volume: "berth-" + mark + "-new", Parent: "home", Name: "agent", Arch: runtime.GOARCH, UID: 4321, GID: 8765, Mode: 0o700}
	spec := s.spec("new")
	spec.Mounts = []sandbox.Mount{{Kind: sandbox.Volume, Source: f.Volume, Target: "/home", NoCopy: true}}
	if err := s.CreateVolume(t.Context(), f.Volume, spec.Labels); err != nil {
		t.Fatal(err)
	}
	removeLater(t, s.Engine, sandbox.VolumeObject, f.Volume)
	for _, image := range []string{"loaded", "there"} {
		filled, err := s.FillVolume(t.Context(), f, spec.Labels)
		if err != nil || filled == s.dialect.podman {
			t.Fatalf("its image %s: filled %t, %v", image, filled, err)
		}
	}
	removeLater(t, s.Engine, sandbox.ImageObject, fmt.Sprintf(homeImage, f.UID, f.GID, f.Arch))
	if s.real && !s.dialect.podman { // a fake copies nothing
		s.hasFolder(t, s.made(t, spec), f)
	}
}

// hasFolder demands a folder in a container as it was to be made.
func (s suite) hasFolder(t *testing.T, id string, f sandbox.Folder) {
	t.Helper()
	uid, gid := f.UID, f.GID
	if s.kind(t) == sandbox.DockerUserns { // which tells the ids that this machine sees, from 100000 on by Debian's default
		uid, gid = 100000+uid, 100000+gid
	}
	archive, err := s.CopyOut(t.Context(), id, "/home/agent")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	header, err := firstHeader(archive)
	if err != nil || header.Uid != uid || header.Gid != gid || header.FileInfo().Mode() != fs.ModeDir|fs.FileMode(f.Mode) {
		t.Errorf("%+v, %v", header, err)
	}
}

func changesAreTold(t *testing.T, s suite) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changes := make(chan sandbox.Change, 64)
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(c sandbox.Change) { changes <- c }) }()
	spec := s.spec("watch")
	spec.Process.Cmd = []string{"exit", "3"}
	died := false
	for !died { // again and again, until the stream is there
		id := s.made(t, spec)
		if err := s.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for quiet := time.After(500 * time.Millisecond); quiet != nil && !died; {
			select {
			case <-ctx.Done():
				t.Fatal("no change was told")
			case <-quiet:
				quiet = nil
			case c := <-changes:
				died = c.Action == "die" && c.ID == id // the engine may hold other people's sandboxes
				if died && (c.Code != 3 || c.Name != mark+"-watch" || c.Time.IsZero()) {
					t.Errorf("%+v", c)
				}
			}
		}
		if err := s.Remove(t.Context(), sandbox.ContainerObject, id); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the end of the watch: %v", err)
	}
}

func statsAreValues(t *testing.T, s suite) {
	id := s.up(t, s.spec("stats"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []Stats
	err := s.Stats(ctx, id, func(v Stats) {
		if got = append(got, v); len(got) == 2 {
			cancel()
		}
	})
	if err != nil || len(got) < 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if last := got[1]; last.Memory == 0 && s.rootless(t) {
		t.Skip("without control groups nobody counts")
	} else if last.Pids == 0 && !s.dialect.podman || last.Memory == 0 || last.MemoryLimit < last.Memory || last.CPU < 0 || last.CPU > 64 {
		t.Errorf("%+v", last)
	}
}

func observeFindsAll(t *testing.T, s suite) {
	network := testNetworks(t, s.Engine)[0]
	want := s.spec("seen")
	id := s.made(t, want)
	o, err := s.Observe(t.Context(), toolImage, "localhost/berth-"+mark+"/nosuch:1")
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Images) != 1 || o.Images[toolImage].ID != s.image.ID {
		t.Errorf("images: %v", o.Images)
	}
	at := slices.IndexFunc(o.Networks, func(n sandbox.NetworkInfo) bool { return n.Name == network })
	if at < 0 || !slices.Equal(o.Networks[at].Subnets, []netip.Prefix{netip.MustParsePrefix(testSubnet(0))}) {
		t.Errorf("networks: %+v", o.Networks)
	}
	mine := slices.IndexFunc(o.Sandboxes, func(o sandbox.Observed) bool { return o.ID == id })
	if mine < 0 {
		t.Fatalf("sandboxes: %v", o.Sandboxes)
	}
	sameSpec(t, want, o.Sandboxes[mine].Spec)
	if !slices.ContainsFunc(o.Containers, func(c sandbox.Container) bool { return c.Name == "berth-"+mark+"-seen" }) {
		t.Errorf("containers: %v", o.Containers)
	}
	if e := o.Engine; e.API != s.API() || e.Version == "" || e.CPUs == 0 || e.Kind == "" || e.OS != "linux" || e.DefaultRuntime == "" {
		t.Errorf("engine: %+v", e)
	}
}
