package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"berth/internal/dockertest"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/report"
	"berth/tui"
)

// screened gives a backend on an engine in which nothing runs, in a home of its own, with the sandboxes named.
func screened(t *testing.T, sandboxes ...string) (*backend, *dockertest.Server, string) {
	t.Helper()
	home := t.TempDir()
	project := filepath.Join(home, "shop")
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	server := dockertest.Start(t, dockertest.Docker20())
	server.Image(dockertest.Image{Ref: "acme/agent:1", Cmd: []string{"/tool", "wait"}, Labels: map[string]string{"dev.berth.contract": "openhands"}, Size: 7e8})
	server.Image(dockertest.Image{Ref: "debian:13", Cmd: []string{"bash"}})
	server.Program(scriptProgram)
	env := host.Env{"HOME": home, "DOCKER_HOST": server.Host(), "XDG_RUNTIME_DIR": filepath.Join(home, "run"), "BERTH_NO_BROWSER": "1"}
	facts := host.Facts{UID: 1000, GID: 1000, Home: home, Homes: []string{home}, Cwd: project, Hostname: "laptop", OS: "linux", Arch: "amd64", Env: env}
	a := &app{env: func(name string) string { return env[name] }, facts: &facts, print: report.New(report.Options{Out: discard{}, Err: discard{}})}
	store, err := a.store()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sandboxes {
		name, condition, _ := strings.Cut(name, "=")
		if err := leaveSandbox(t.Context(), server.Host(), store, name, filepath.Join(home, name), condition); err != nil {
			t.Fatal(err)
		}
	}
	return newBackend(a), server, project
}

func TestTheListIsWhatTheEngineHas(t *testing.T) {
	b, _, _ := screened(t, "shop", "old=stopped")
	got, err := b.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Engine != "docker 20.10" || len(got.Rows) != 2 {
		t.Fatalf("got %+v", got)
	}
	old, shop := got.Rows[0], got.Rows[1]
	if old.Name != "old" || old.State != tui.Stopped || shop.State != tui.Up || shop.Mounts != "~/shop rw" || strings.Join(shop.Links, " ") != "code" || shop.Mine {
		t.Errorf("got %+v", got.Rows)
	}
}

func TestASandboxIsShownWithoutItsKey(t *testing.T) {
	b, _, _ := screened(t, "shop")
	got, err := b.Show(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Links) != 1 || got.Links[0].URL != "http://shop.localhost:8116" || got.Posture != "standard · 60 rules hold" || got.CPUs != 1.5 {
		t.Errorf("got %+v", got)
	}
	if _, err := b.Show(t.Context(), "nope"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestActionsDoWhatTheySay(t *testing.T) {
	b, server, _ := screened(t, "shop")
	for _, step := range []struct {
		do   tui.Action
		want tui.State
	}{{tui.DoPause, tui.Paused}, {tui.DoResume, tui.Up}, {tui.DoStop, tui.Stopped}} {
		if err := b.Act(t.Context(), step.do, "shop"); err != nil {
			t.Fatalf("%s: %v", step.do, err)
		}
		if got, err := b.Show(t.Context(), "shop"); err != nil || got.State != step.want {
			t.Errorf("after %s it is %s, %v", step.do, got.State, err)
		}
	}
	lost, err := b.Foresee(t.Context(), tui.DoRemove, []string{"shop"})
	if err != nil || strings.Join(lost.Lost, ", ") != "container berth-shop, network 0berth-shop, volume berth-shop-home" || strings.Join(lost.Stays, ", ") != "~/shop is untouched" {
		t.Errorf("removing: %+v, %v", lost, err)
	}
	kept, err := b.Foresee(t.Context(), tui.DoStop, []string{"shop"})
	if err != nil || len(kept.Lost) != 0 || len(kept.Stays) != 4 {
		t.Errorf("stopping: %+v, %v", kept, err)
	}
	if err := b.Act(t.Context(), tui.DoRemove, "shop"); err != nil || len(server.Containers()) != 0 {
		t.Errorf("%v, still there: %v", err, server.Containers())
	}
	if err := b.Act(t.Context(), tui.DoBuild, "shop"); fault.KindOf(err) != fault.Usage {
		t.Errorf("building a sandbox: %v", err)
	}
}

func TestTheScreenHearsOfChangesAndOfAnEngineThatGoesAway(t *testing.T) {
	b, server, _ := screened(t, "shop")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	news := make(chan tui.News, 64)
	ended := make(chan error, 1)
	go func() { ended <- b.Watch(ctx, func(n tui.News) { news <- n }) }()
	for server.Following() == 0 {
		runtime.Gosched()
	}
	if err := b.Act(ctx, tui.DoPause, "shop"); err != nil {
		t.Fatal(err)
	}
	if n := <-news; n.Sandbox != "shop" {
		t.Errorf("got %+v", n)
	}
	server.Close()
	for n := range news {
		if n.Engine == tui.EngineGone {
			break
		}
	}
	if err := server.Open(); err != nil {
		t.Fatal(err)
	}
	if n := <-news; n.Engine != tui.EngineBack {
		t.Errorf("got %+v", n)
	}
	if n := <-news; n.Sandbox != "*" {
		t.Errorf("got %+v", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestLogsAndFiguresStreamUntilTheyAreLeft(t *testing.T) {
	b, _, _ := screened(t, "shop")
	ctx, cancel := context.WithCancel(t.Context())
	var lines []string
	err := b.Logs(ctx, "shop", 10, func(l tui.LogLine) {
		lines = append(lines, l.Text)
		if l.Time.IsZero() {
			t.Errorf("%q has no time", l.Text)
		}
		if len(lines) == 2 {
			cancel()
		}
	})
	if err != nil || strings.Join(lines, "|") != "GET /?tkn=**** serving|WARNING server: key ****" {
		t.Errorf("%q, %v", lines, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	var last tui.Stats
	err = b.Stats(ctx, "shop", func(s tui.Stats) {
		if last = s; s.CPU > 0 { // the first value has none before it to count from
			cancel()
		}
	})
	if err != nil || last != (tui.Stats{CPU: 50, Memory: 200 << 20, MemoryMax: 1 << 30, Pids: 7, PidsMax: 1024}) {
		t.Errorf("got %+v, %v", last, err)
	}
}

func TestAPlanIsSketchedBeforeTheEngineIsAsked(t *testing.T) {
	b, _, project := screened(t)
	b.a.facts.Env["DOCKER_HOST"] = "unix:///nowhere.sock"
	var shown []tui.Plan
	err := b.Plan(t.Context(), tui.Edits{tui.EditImage: "acme/agent:1"}, func(p tui.Plan) { shown = append(shown, p) })
	if fault.KindOf(err) != fault.Engine {
		t.Errorf("got %v", err)
	}
	if len(shown) != 1 || shown[0].Ready || shown[0].Sandbox != "shop" || shown[0].Text != "sandbox shop, profile standard\n  image   acme/agent:1\n" {
		t.Errorf("in %s: %+v", project, shown)
	}
}

func TestAProjectsFileThatWantsMoreIsAQuestion(t *testing.T) {
	b, _, project := screened(t)
	if err := os.WriteFile(filepath.Join(project, ".berth.toml"), []byte("image = 'acme/agent:1'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, q, err := b.settings(nil)
	if err != nil || q == nil || s.Image != "" || q.Title != ".berth.toml asks for more than it may have" || len(q.Lines) != 1 {
		t.Fatalf("%+v, %v", q, err)
	}
	if s, q, err = b.settings(tui.Edits{tui.EditTrust: "no"}); err != nil || q != nil || s.Image != "" {
		t.Errorf("after no: %q, %v, %v", s.Image, q, err)
	}
	if s, q, err = b.settings(tui.Edits{tui.EditTrust: "yes"}); err != nil || q != nil || s.Image != "acme/agent:1" {
		t.Errorf("after yes: %q, %v, %v", s.Image, q, err)
	}
	if s, q, err = b.settings(nil); err != nil || q != nil || s.Image != "acme/agent:1" {
		t.Errorf("the yes is kept: %q, %v, %v", s.Image, q, err)
	}
}

func TestTheImagePickerOffersWhatCanBeRun(t *testing.T) {
	b, _, _ := screened(t)
	got, err := b.Images(t.Context(), tui.Edits{tui.EditImage: "acme/agent:1"})
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, i := range got.Images {
		word := i.Ref
		if i.Chosen {
			word = "[" + word + "]"
		}
		refs = append(refs, word)
	}
	if want := "workbench workbench-slim starter [acme/agent:1]"; strings.Join(refs, " ") != want {
		t.Errorf("got %v, want %s", refs, want)
	}
	if err := b.Prepare(t.Context(), tui.DoStop, "acme/agent:1", func(event.Event) {}); fault.KindOf(err) != fault.Usage {
		t.Errorf("stopping an image: %v", err)
	}
}

func TestAFailureComesWithWaysOut(t *testing.T) {
	ways := func(err error) []tui.Remedy {
		var r tui.Remedied
		if !errors.As(remedied(err), &r) {
			return nil
		}
		return r.Remedies()
	}
	if got := ways(fault.New(fault.Image, "", "no such image")); len(got) != 2 || got[0].Set[tui.EditImage] != "workbench" || got[1].Set[tui.EditImage] != "starter" {
		t.Errorf("an image: %+v", got)
	}
	if got := ways(fault.New(fault.Conflict, "berth up --recreate", "another plan")); len(got) != 1 || got[0].Set[tui.EditRecreate] != "yes" {
		t.Errorf("another plan: %+v", got)
	}
	if got := ways(fault.New(fault.Engine, "start it", "no engine")); len(got) != 1 || got[0].Text != "start it" || got[0].Set != nil {
		t.Errorf("advice: %+v", got)
	}
	if remedied(nil) != nil || !errors.Is(remedied(context.Canceled), context.Canceled) || len(ways(context.Canceled)) != 0 {
		t.Error("a cancelled launch is no failure")
	}
}

func TestWhatIsSavedGoesToTheHomeAndReplacesNothing(t *testing.T) {
	b, _, project := screened(t)
	first, err := b.Save(t.Context(), "shop", "audit", strings.NewReader("one"))
	if err != nil || filepath.Dir(first) != filepath.Dir(project) {
		t.Fatalf("%s, %v", first, err)
	}
	if second, err := b.Save(t.Context(), "shop", "audit", strings.NewReader("two")); err != nil || second == first {
		t.Errorf("%s, %v", second, err)
	}
	if text, err := os.ReadFile(first); string(text) != "one" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(first); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestThePickerShowsWhoIsOnEachNetworkAndWhatJoiningItOpens(t *testing.T) {
	b, server, _ := screened(t)
	compose := map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.network": "cache", "com.docker.compose.service": "redis"}
	for _, n := range []dockertest.Net{
		{Name: "shop_cache", Driver: "bridge", Scope: "local", Labels: compose}, {Name: "a,b", Driver: "bridge", Scope: "local"},
		{Name: "twin", ID: "1111111111111111", Driver: "bridge", Scope: "local"}, {Name: "twin", ID: "2222222222222222", Driver: "bridge", Scope: "local"},
	} {
		server.Network(n)
	}
	server.Run("shop-redis-1", compose, []string{"6379/tcp"}, "shop_cache")
	got, err := b.Networks(t.Context(), tui.Edits{tui.EditNetworks: `cache,"a,b"`})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]tui.Network{}
	for _, n := range got.Networks {
		rows[n.Value] = n
	}
	want := tui.Network{Name: "shop_cache", About: `compose shop, "cache"`, Members: "redis", Opens: "both ways, LAN opens", Chosen: true, Relay: "redis:6379", Value: "shop_cache"}
	if rows["shop_cache"] != want {
		t.Errorf("got %+v, want %+v", rows["shop_cache"], want)
	}
	if rows["host"].Refused != "it is the host's own network, and a sandbox shares nobody's namespace" || rows["host"].Relay != "" {
		t.Errorf("got %+v", rows["host"])
	}
	for _, word := range []string{`"a,b"`, "1111111111111111", "2222222222222222"} {
		n, there := rows[word]
		if back, err := b.Networks(t.Context(), tui.Edits{tui.EditNetworks: word}); !there || err != nil || chosen(back) != n.Name {
			t.Errorf("%s: %+v, %v, chosen again: %s", word, n, err, chosen(back))
		}
	}
}

func chosen(list tui.NetworkList) string {
	var names []string
	for _, n := range list.Networks {
		if n.Chosen {
			names = append(names, n.Name)
		}
	}
	return strings.Join(names, " ")
}
