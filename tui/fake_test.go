package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
)

// noon is when everything in the tests happens.
var noon = time.Date(2026, 11, 21, 9, 14, 7, 0, time.UTC)

// planText is a plan as launch prints it.
const planText = `sandbox shop, profile standard
  image   acme/agent:1, local, sha256:9b1f42c0, linux/amd64
  user    1000:1000
  mount   /home/me/shop -> /workspace rw, git diff
  mount   /home/me/data -> /data ro
  home    volume berth-shop-home -> /home
  network none; egress on: public hosts through berth, no private addresses
  links   127.0.0.1:8010 api, :8011 VS Code, :8012 VNC; nothing published
  rules   44 hold, 0 given up
  warning /home/me/shop/.env can be read in the sandbox
  1 create volume berth-shop-home
  2 create container berth-shop
  3 make /home/agent
  4 start
  5 check mounts
  6 open tunnel
  7 audit
  8 wait for /ready
`

// fake is a backend that knows three sandboxes. Its fields are what a test wants to be different.
type fake struct {
	pace   func(time.Duration) // waits a part of a launch; nil: not at all
	follow bool                // streams go on until they are told to stop

	plan     Plan
	planErr  error
	launch   func(ctx context.Context, emit event.Sink) error
	rows     []Row
	sandbox  Sandbox
	logs     []LogLine
	figures  []Stats
	audit    Audit
	networks NetworkList
	images   ImageList
	link     string
	news     []News
	flood    int
	stubborn bool // a launch that ends only without any grace

	refusals []Refusal

	mu    sync.Mutex
	calls []string
}

func newFake() *fake {
	return &fake{
		plan: Plan{
			Ready: true, Sandbox: "shop", Engine: "docker 28.5", Text: planText, Warnings: 1,
			Profiles: []string{"standard", "strict", "paranoid", "compat"}, Profile: "standard",
			Can: []string{EditImage, EditNetworks, EditMask, EditConfig},
			Rules: []Line{
				{Mark: Holds, Name: "drop-caps", Text: "no process may do what only root may"},
				{Mark: Holds, Name: "limit-pids", Text: "a fork bomb must stop at the sandbox's wall"},
				{Mark: Warns, Name: "own-user-namespace", Text: "the engine does not remap users", Fix: "dockerd --userns-remap"},
			},
			Steps: []Step{{"volume", "berth-shop-home"}, {"create", "berth-shop"}, {"home", ""}, {"start", ""},
				{"check mounts", ""}, {"tunnel", ""}, {"audit", ""}, {"ready", ""}},
		},
		rows: []Row{
			{Name: "shop", State: Up, Profile: "standard", Image: "acme/agent:1", Mounts: "~/shop rw +1", Links: []string{"code", "vnc"}, Since: noon.Add(-12 * time.Minute)},
			{Name: "blog", State: Paused, Profile: "strict", Image: "acme/agent:1", Mounts: "~/blog rw", Links: []string{"code"}, Since: noon.Add(-2 * time.Hour)},
			{Name: "old", State: Stopped, Profile: "standard", Image: "base:3", Mounts: "~/old ro", Since: noon.Add(-73 * time.Hour)},
		},
		sandbox: Sandbox{
			Engine:  "docker 28.5",
			Posture: "standard · 44 rules hold · 31 probes · nothing published · egress on",
			Links: []Link{
				{"code", "VS Code", "http://shop.localhost:8011/", "opens ~/shop", "once, within 10 minutes"},
				{"vnc", "VNC", "http://shop.localhost:8012/", "the agent's desktop", ""},
			},
			CPUs: 1.5,
			Mounts: []Line{
				{Name: "/workspace", Text: "/home/me/shop, rw, git diff"},
				{Name: "/data", Text: "/home/me/data, ro"},
				{Name: "/home", Text: "volume berth-shop-home"},
			},
			Network:  []Line{{Name: "network", Text: "none"}, {Name: "egress", Text: "public hosts through berth, no private addresses"}},
			Security: []Line{{Mark: Holds, Name: "drop-caps", Text: "CapEff 0, CapBnd 0"}, {Mark: Warns, Name: "limit-pids", Text: "given up by you, config.toml:7"}},
			Config:   []Line{{Name: "image", Text: "acme/agent:1", Fix: ""}, {Name: "profile", Text: "standard (default)"}},
		},
		logs: []LogLine{
			{Time: noon, Text: "agent server ready"},
			{Time: noon.Add(2 * time.Second), Text: "GET /api/vscode/url 200"},
		},
		figures: []Stats{
			{CPU: 30, Memory: 600 << 20, MemoryMax: 4 << 30, Pids: 80, PidsMax: 1024},
			{CPU: 45, Memory: 605 << 20, MemoryMax: 4 << 30, Pids: 80, PidsMax: 1024},
			{CPU: 12, Memory: 610 << 20, MemoryMax: 4 << 30, Pids: 84, PidsMax: 1024},
		},
		audit: Audit{
			Differs: 1, Probes: "31 closed",
			Findings: []Line{
				{Mark: Fails, Name: "networks", Text: "+ shop_default, joined after launch", Fix: "R recreate", Evidence: []string{"planned: none", "running: shop_default 172.20.0.5"}},
				{Mark: Holds, Name: "loopback-ports", Text: "nothing is published"},
				{Mark: Holds, Name: "drop-caps", Text: "CapEff 0, CapBnd 0"},
				{Mark: Warns, Name: "limit-pids", Text: "given up by you, config.toml:7"},
			},
		},
		networks: NetworkList{Networks: []Network{
			{Name: "shop_default", About: `compose shop, "default"`, Members: "redis db", Opens: "both ways, LAN opens", Relay: "redis:6379", Value: "default", Chosen: true},
			{Name: "cache", About: "bridge", Members: "redis", Opens: "both ways, LAN opens", Value: "cache"},
			{Name: "host", Refused: "shares the host's network"},
		}},
		images: ImageList{Images: []Image{
			{Ref: "acme/agent:1", Where: "local", Size: 2_100_000_000, Mark: Holds, Note: "validated today   entrypoint tini", Chosen: true, Can: []Action{DoValidate}},
			{Ref: "acme/agent:2", Where: "remote", Size: 2_200_000_000, Note: "not validated", Can: []Action{DoValidate, DoPull}},
			{Ref: "localhost/berth/image:4f0c11aa22bb", Where: "built from [image.dev]", Can: []Action{DoBuild}},
		}},
		link: "http://shop.localhost:8011/#k=0123456789abcdef0123456789abcdef",
	}
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// called gives the calls that began so.
func (f *fake) called(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return out
}

func (f *fake) wait(d time.Duration) {
	if f.pace != nil {
		f.pace(d)
	}
}

func (f *fake) hold(ctx context.Context) error {
	if f.follow {
		<-ctx.Done()
	}
	return nil
}

func (f *fake) Plan(_ context.Context, e Edits, show func(Plan)) error {
	f.note("plan %v", map[string]string(e))
	p := f.plan
	p.Ready = false
	if name := e[EditName]; name != "" {
		p.Sandbox = name
	}
	if v := e[EditProfile]; v != "" {
		p.Profile = v
		p.Text = strings.Replace(p.Text, "profile standard", "profile "+v, 1)
	}
	if v := e[EditImage]; v != "" {
		p.Text = strings.Replace(p.Text, "acme/agent:1", v, 1)
	}
	if q := p.Question; q != nil && e[q.Key] != "" {
		p.Question = nil
	}
	show(p)
	f.wait(400 * time.Millisecond)
	if f.planErr != nil {
		return f.planErr
	}
	p.Ready = true
	show(p)
	return nil
}

func (f *fake) Launch(ctx context.Context, e Edits, force <-chan struct{}, emit event.Sink) error {
	f.note("launch %v", map[string]string(e))
	if f.stubborn {
		<-force
		return ctx.Err()
	}
	if f.launch != nil {
		return f.launch(ctx, emit)
	}
	return f.launchWell(ctx, emit)
}

// launchWell pulls three layers and then takes each step of the plan.
func (f *fake) launchWell(ctx context.Context, emit event.Sink) error {
	for _, e := range pullEvents(noon) {
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "", "cancelled")
		}
		f.wait(300 * time.Millisecond)
		e.Time = time.Now().UTC()
		emit(e)
	}
	for _, s := range f.plan.Steps {
		if ctx.Err() != nil {
			f.wait(time.Second)
			emit(event.Event{Time: time.Now(), Stage: event.Undone, Text: "container berth-shop"})
			return fault.New(fault.Interrupted, "", "cancelled")
		}
		emit(event.Event{Time: time.Now(), Step: s.Kind, Stage: event.Begin, Text: s.Text})
		f.wait(500 * time.Millisecond)
		emit(event.Event{Time: time.Now(), Step: s.Kind, Stage: event.Done, Elapsed: 10 * time.Millisecond})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.rows, func(r Row) bool { return r.Name == f.plan.Sandbox }); i < 0 {
		f.rows = append(f.rows, Row{Name: f.plan.Sandbox, State: Up, Profile: "standard", Image: "acme/agent:1", Mounts: "~/shop rw +1", Links: []string{"code", "vnc"}, Since: noon, Mine: true})
	} else {
		f.rows[i].Mine = true
	}
	return nil
}

// pullEvents are a pull on its way.
func pullEvents(start time.Time) []event.Event {
	const total = 2_100_000_000
	var out []event.Event
	out = append(out, event.Event{Time: start, Step: "pull", Stage: event.Begin, Text: "acme/agent:1"})
	for i := int64(1); i <= 8; i++ {
		out = append(out, event.Event{
			Time: start.Add(time.Duration(i) * 2 * time.Second), Step: "pull", Stage: event.Progress, Current: 80_000_000 * i, Total: total, AtLeast: true,
			Layers: []event.Layer{
				{ID: "a3ed95ca", Phase: "done"},
				{ID: "f1b0c2d4", Phase: "extract", Current: 61, Total: 100},
				{ID: "9c1e77aa", Phase: "download", Current: 12_000_000 * i, Total: 310_000_000},
			},
		})
	}
	return append(out, event.Event{Time: start.Add(17 * time.Second), Step: "pull", Stage: event.Done, Elapsed: 17 * time.Second})
}

func (f *fake) List(context.Context) (Overview, error) {
	f.note("list")
	f.mu.Lock()
	defer f.mu.Unlock()
	return Overview{Engine: "docker 28.5", Rows: slices.Clone(f.rows)}, nil
}

func (f *fake) Show(_ context.Context, name string) (Sandbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sandbox
	for _, r := range f.rows {
		if r.Name == name {
			s.Row = r
			return s, nil
		}
	}
	return s, fault.New(fault.NotFound, "berth ls", "%s: no such sandbox", name)
}

func (f *fake) Watch(ctx context.Context, changed func(News)) error {
	for _, n := range f.news {
		f.wait(2 * time.Second)
		changed(n)
	}
	return f.hold(ctx)
}

func (f *fake) Logs(ctx context.Context, name string, tail int, line func(LogLine)) error {
	f.note("logs %s", name)
	for _, l := range f.logs {
		line(l)
	}
	for i := range f.flood {
		line(LogLine{Time: noon, Text: fmt.Sprintf("line %d of a flood that goes on and on and on and on and on", i)})
	}
	return f.hold(ctx)
}

func (f *fake) Stats(ctx context.Context, name string, figures func(Stats)) error {
	for _, s := range f.figures {
		figures(s)
		f.wait(time.Second)
	}
	return f.hold(ctx)
}

func (f *fake) Audit(_ context.Context, name string, probe bool) (Audit, error) {
	f.note("audit %s %v", name, probe)
	return f.audit, nil
}

func (f *fake) Save(_ context.Context, name, what string, text io.Reader) (string, error) {
	b, err := io.ReadAll(text)
	f.note("save %s %s %s", name, what, b)
	return "~/" + name + "-" + what + ".txt", err
}

func (f *fake) Foresee(_ context.Context, do Action, names []string) (Outcome, error) {
	return Outcome{
		Lost:  []string{"container berth-" + names[0], "volume berth-" + names[0] + "-home (12 MB)"},
		Stays: []string{"~/" + names[0] + " is untouched"},
	}, nil
}

func (f *fake) Act(_ context.Context, do Action, name string) error {
	f.note("%s %s", do, name)
	f.wait(time.Second)
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return errors.New(name + ": no such sandbox")
	}
	switch do {
	case DoRemove:
		f.rows = slices.Delete(slices.Clone(f.rows), i, i+1)
	case DoStop:
		f.rows[i].State = Stopped
	case DoPause:
		f.rows[i].State = Paused
	default:
		f.rows[i].State = Up
	}
	return nil
}

func (f *fake) Refusals(ctx context.Context, _ string, refused func(Refusal)) error {
	for _, r := range f.refusals {
		refused(r)
	}
	return f.hold(ctx)
}

func (f *fake) Allow(_ context.Context, name, target string, always bool) error {
	f.note("allow %s %s %v", name, target, always)
	return nil
}

func (f *fake) Link(_ context.Context, name, kind string) (string, error) {
	f.note("link %s %s", name, kind)
	return f.link, nil
}

func (f *fake) Browse(_ context.Context, name, kind string) (string, error) {
	f.note("browse %s %s", name, kind)
	if kind == "vnc" {
		return f.link, nil
	}
	return "", nil
}

func (f *fake) Copy(_ context.Context, text string) error { f.note("copy %s", text); return nil }

func (f *fake) Command(context.Context, string, Edits) (string, error) {
	return "docker run --name berth-shop", nil
}

func (f *fake) Networks(context.Context, Edits) (NetworkList, error) { return f.networks, nil }
func (f *fake) Images(context.Context, Edits) (ImageList, error)     { return f.images, nil }

func (f *fake) Prepare(_ context.Context, do Action, image string, emit event.Sink) error {
	f.note("%s %s", do, image)
	return nil
}

// Shell ends with the first key, and leaves behind somebody who waits for the next.
func (f *fake) Shell(_ context.Context, name string, t Terminal) error {
	if _, err := fmt.Fprintf(t.Out, "a shell of %s\n", name); err != nil {
		return err
	}
	first := make(chan struct{}, 1000)
	go func() {
		for key := make([]byte, 1); ; {
			if n, err := t.In.Read(key); n == 0 || err != nil {
				return
			}
			first <- struct{}{}
		}
	}()
	<-first
	return nil
}

func (f *fake) Edit(context.Context, Terminal) error             { return nil }
func (f *fake) Pager(context.Context, io.Reader, Terminal) error { return nil }

// portTaken is a failure that knows its remedies.
type portTaken struct{ *fault.Fault }

func newPortTaken() error {
	return portTaken{fault.New(fault.Conflict, "", "port 8011 is in use by node (pid 4711)\nyour config asks for it: config.toml:12 links.port = 8010")}
}

func (p portTaken) Unwrap() error { return p.Fault }

func (portTaken) Remedies() []Remedy {
	return []Remedy{{"use 8013-8015 instead", Edits{"links.port": "8013"}}, {"let berth choose", Edits{"links.port": "8010+"}}}
}
