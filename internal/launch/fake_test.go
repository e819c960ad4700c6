package launch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/config"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/state"
)

const fakeImage = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// fakeRuntime keeps objects in memory. Its call number failAt fails, or hangs until it is cancelled.
type fakeRuntime struct {
	mu         sync.Mutex
	calls      []string
	failAt     int   // 0: never
	failWith   error // nil: errFake
	hang       func()
	image      bool
	endpoint   string            // "": that of fakeEngine
	says       string            // the output of every sandbox; "": some
	late       *sandbox.Observed // appears when the first volume is to go, and holds it
	networks   map[string]sandbox.NetworkSpec
	volumes    map[string]map[string]string
	containers map[string]*sandbox.Observed // by id; the name is berth-<name>
}

var errFake = fault.New(fault.Engine, "", "the engine refuses")

func newFake() *fakeRuntime {
	return &fakeRuntime{image: true, networks: map[string]sandbox.NetworkSpec{}, volumes: map[string]map[string]string{},
		containers: map[string]*sandbox.Observed{}}
}

// call counts one call that changes something or looks inside.
func (f *fakeRuntime) call(ctx context.Context, name string) error {
	f.mu.Lock()
	f.calls = append(f.calls, name)
	here := len(f.calls) == f.failAt
	f.mu.Unlock()
	if here && f.hang != nil {
		f.hang()
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if here {
		return cmp.Or(f.failWith, error(errFake))
	}
	return ctx.Err()
}

func (f *fakeRuntime) left() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for name := range f.networks {
		out = append(out, "network "+name)
	}
	for name := range f.volumes {
		out = append(out, "volume "+name)
	}
	for _, c := range f.containers {
		out = append(out, "container "+c.Spec.Name)
	}
	return out
}

func (f *fakeRuntime) Observe(_ context.Context, refs ...string) (sandbox.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	engine := fakeEngine
	engine.Endpoint = cmp.Or(f.endpoint, engine.Endpoint)
	o := sandbox.Observation{Engine: engine, Images: map[string]sandbox.LocalImage{}}
	for _, ref := range refs {
		if f.image {
			o.Images[ref] = sandbox.LocalImage{Image: sandbox.Image{Ref: ref, ID: fakeImage, Platform: "linux/amd64"},
				Entrypoint: []string{"/.berth/starter"}, Labels: map[string]string{sandbox.LabelContract: "starter"}}
		}
	}
	for _, n := range f.networks {
		info := sandbox.NetworkInfo{ID: n.Name, Name: n.Name, Driver: "bridge", Internal: n.Internal, Options: n.Options, Labels: n.Labels}
		if subnet, err := netip.ParsePrefix(n.Subnet); err == nil {
			info.Subnets = append(info.Subnets, subnet)
		}
		o.Networks = append(o.Networks, info)
	}
	for name, labels := range f.volumes {
		o.Volumes = append(o.Volumes, sandbox.VolumeInfo{Name: name, Driver: "local", Labels: labels})
	}
	for _, c := range f.containers {
		o.Sandboxes = append(o.Sandboxes, *c)
	}
	return o, nil
}

func (f *fakeRuntime) ListNetworks(ctx context.Context) ([]sandbox.NetworkInfo, error) {
	o, err := f.Observe(ctx)
	return o.Networks, err
}

func (f *fakeRuntime) Sandboxes(ctx context.Context) ([]sandbox.Observed, error) {
	o, err := f.Observe(ctx)
	return o.Sandboxes, err
}

func (f *fakeRuntime) Pull(context.Context, string, string, event.Sink) (sandbox.LocalImage, error) {
	return sandbox.LocalImage{}, errFake
}

func (f *fakeRuntime) Load(_ context.Context, archive io.Reader) error {
	_, err := io.Copy(io.Discard, archive)
	f.image = true
	return err
}

func (f *fakeRuntime) ImageFiles(context.Context, string, map[string]string, ...string) (map[string][]byte, error) {
	return nil, nil
}

func (f *fakeRuntime) CreateNetwork(ctx context.Context, n sandbox.NetworkSpec) error {
	err := f.call(ctx, "network")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks[n.Name] = n // a call that fails may still have worked
	return err
}

func (f *fakeRuntime) CreateVolume(ctx context.Context, name string, labels map[string]string) error {
	err := f.call(ctx, "volume")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.volumes[name] = labels
	return err
}

func (f *fakeRuntime) Create(ctx context.Context, s sandbox.Spec) (string, error) {
	err := f.call(ctx, "create")
	f.mu.Lock()
	defer f.mu.Unlock()
	id := "id-of-" + s.Name
	f.containers[id] = &sandbox.Observed{ID: id, Spec: s, State: sandbox.Created, Published: s.Network.Ports}
	return id, err
}

func (f *fakeRuntime) FillVolume(ctx context.Context, _ sandbox.Folder, _ map[string]string) (bool, error) {
	err := f.call(ctx, "fill")
	return err == nil, err
}

func (f *fakeRuntime) PutFolder(ctx context.Context, _ string, _ sandbox.Folder) error {
	return f.call(ctx, "home")
}

func (f *fakeRuntime) Start(ctx context.Context, id string) error {
	if err := f.call(ctx, "start"); err != nil {
		return err
	}
	f.setState(id, sandbox.Up)
	return nil
}

func (f *fakeRuntime) setState(id string, s sandbox.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.containers[id].State = s
}

func (f *fakeRuntime) Inspect(_ context.Context, id string) (sandbox.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.containers {
		if c.ID == id || sandbox.ContainerName(c.Spec.Name) == id {
			return *c, nil
		}
	}
	return sandbox.Observed{}, fault.New(fault.NotFound, "", "%s: no such container", id)
}

// Exec answers as berth-inside does on the real folders.
func (f *fakeRuntime) Exec(ctx context.Context, id string, x sandbox.Exec) (sandbox.ExecResult, error) {
	if err := f.call(ctx, "exec "+strings.Join(x.Command[1:2], "")); err != nil {
		return sandbox.ExecResult{}, err
	}
	if x.Command[1] == "probe" {
		return sandbox.ExecResult{Stdout: []byte("[]")}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var places []place
	for _, target := range x.Command[2:] {
		for _, m := range f.containers[id].Spec.Mounts {
			if m.Target == target {
				file, err := host.Disk{}.Lstat(m.Source)
				if err != nil {
					return sandbox.ExecResult{}, err
				}
				places = append(places, place{Path: target, Device: file.Device, Inode: file.Inode})
			}
		}
	}
	out, err := json.Marshal(places)
	return sandbox.ExecResult{Stdout: out}, err
}

func (f *fakeRuntime) Watch(ctx context.Context, _ func(sandbox.Change)) error {
	<-ctx.Done()
	return nil
}

func (f *fakeRuntime) Logs(context.Context, string, sandbox.LogOptions) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(cmp.Or(f.says, "last words\n"))), nil
}

func (f *fakeRuntime) Signal(_ context.Context, id string, do sandbox.Action, _ time.Duration) error {
	f.setState(id, map[sandbox.Action]sandbox.State{
		sandbox.Stop: sandbox.Stopped, sandbox.Kill: sandbox.Stopped, sandbox.Pause: sandbox.Paused, sandbox.Unpause: sandbox.Up,
	}[do])
	return nil
}

func (f *fakeRuntime) Remove(_ context.Context, kind sandbox.ObjectKind, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch kind {
	case sandbox.NetworkObject:
		delete(f.networks, name)
	case sandbox.VolumeObject:
		if f.late != nil {
			f.containers[f.late.ID], f.late = f.late, nil
			return fault.New(fault.Conflict, "", "volume %s: in use", name)
		}
		delete(f.volumes, name)
	case sandbox.ContainerObject:
		for id, c := range f.containers {
			if id == name || sandbox.ContainerName(c.Spec.Name) == name {
				delete(f.containers, id)
			}
		}
	}
	return nil
}

// fakeReach leads every port to one server.
type fakeReach struct{ server netip.AddrPort }

func (r fakeReach) Address(_ sandbox.Observed, port uint16) netip.AddrPort {
	if !slices.Contains(InsidePorts[:], port) {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8200)
	}
	if i := slices.Index(InsidePorts[:], port); i >= 0 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(8010+i))
	}
	return netip.AddrPort{}
}

func (r fakeReach) Prepare(string) Opening { return nil }

func (r fakeReach) Open(context.Context, sandbox.Observed) (string, error) {
	return "the tunnel goes by socket", nil
}
func (r fakeReach) Close(context.Context, string) error { return nil }
func (r fakeReach) Serves(string) bool                  { return true }

func (r fakeReach) Key(context.Context, sandbox.Observed, LinkKind) (secret.String, error) {
	return secret.New("one-time"), nil
}

func (r fakeReach) Dial(ctx context.Context, _ sandbox.Observed, _ uint16) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", r.server.String())
}

var fakeEngine = sandbox.Engine{
	Kind: sandbox.Docker, Version: "28.5.2", API: "1.51", Endpoint: "unix:///var/run/docker.sock", OS: "linux", Arch: "amd64",
	CPUs: 4, Memory: 16 << 30, CgroupVersion: "2", Security: []string{"seccomp", "cgroupns"}, Runtimes: []string{"runc"},
	DefaultRuntime: "runc", RootDir: "/var/lib/docker", CanLimitMemory: true, CanLimitCPU: true, CanLimitPids: true,
}

// answering is a server that is ready and has a key in force.
func answering(t *testing.T, key func() string) netip.AddrPort {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") && r.Header.Get("X-Session-API-Key") != key() {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	return netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://"))
}

// fixture is a launcher on a fake engine, with a project folder of its own.
type fixture struct {
	*Launcher
	engine  *fakeRuntime
	request Request
	events  []event.Event
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	home := t.TempDir()
	project := filepath.Join(home, "shop")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	places, err := state.Find(nil, filepath.Join(home, "of-berth"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := state.Open(places, "test", 1000)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.Load(config.Input{WorkDir: project, Flags: []config.Flag{{Key: "image", Name: "--image", Values: []string{"starter"}}}})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{engine: newFake(), request: Request{Project: project, Settings: settings}}
	var mu sync.Mutex
	f.Launcher = &Launcher{
		Runtime: f.engine, Store: store, Files: host.Disk{}, Version: "1.0.0",
		Host: host.Facts{UID: 1000, GID: 1000, Home: filepath.Join(home, "nobody"), Cwd: project, OS: "linux", Arch: "amd64"},
		Sink: func(e event.Event) {
			mu.Lock()
			defer mu.Unlock()
			f.events = append(f.events, e)
		},
		Names:      map[string]string{"starter": "localhost/berth/starter:1.0.0", "workbench": "localhost/berth/workbench:1"},
		Unpack:     func(string) (string, error) { return "/cache/berth-inside", nil },
		StarterKey: func(string) (string, error) { return "", nil },
		Starter:    func(string) (Archive, error) { return nil, errors.New("no archive in this test") },
		PortFree:   func(uint16) bool { return true },
	}
	f.Reach = fakeReach{answering(t, func() string {
		record, err := store.Record("shop")
		if err != nil {
			return ""
		}
		return record.Keys.Session.Reveal()
	})}
	return f
}
