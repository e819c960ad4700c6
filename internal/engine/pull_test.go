package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/dockertest"
	"berth/internal/event"
	"berth/internal/fault"
)

const pulledDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// twoLayers is what an engine says of a pull: one layer is there already, of one the size comes late.
var twoLayers = []string{
	`{"status":"Pulling from acme/agent","id":"1"}`,
	`{"status":"Already exists","progressDetail":{},"id":"0000"}`,
	`{"status":"Pulling fs layer","progressDetail":{},"id":"aaaa"}`,
	`{"status":"Pulling fs layer","progressDetail":{},"id":"bbbb"}`,
	`{"status":"Downloading","progressDetail":{"current":40,"total":100},"id":"aaaa"}`,
	`{"status":"Download complete","progressDetail":{},"id":"aaaa"}`,
	`{"status":"Downloading","progressDetail":{"current":10,"total":300},"id":"bbbb"}`,
	`{"status":"Extracting","progressDetail":{"current":50,"total":100},"id":"aaaa"}`,
	`{"status":"Pull complete","progressDetail":{},"id":"aaaa"}`,
	`{"status":"Verifying Checksum","progressDetail":{},"id":"bbbb"}`,
	`{"status":"Download complete","progressDetail":{},"id":"bbbb"}`,
	`{"status":"Extracting","progressDetail":{"current":2,"units":"s"},"id":"bbbb"}`,
	`{"status":"Pull complete","progressDetail":{},"id":"bbbb"}`,
	`{"status":"Digest: ` + pulledDigest + `"}`,
	`{"status":"Status: Downloaded newer image for acme/agent:1"}`,
}

// heard keeps events; a sink may be called from several goroutines.
type heard struct {
	mu     sync.Mutex
	events []event.Event
}

func (h *heard) sink(e event.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *heard) notes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, e := range h.events {
		if e.Stage == event.Note {
			out = append(out, e.Text)
		}
	}
	return out
}

// hasty is a patience for tests.
var hasty = patience{note: 20 * time.Millisecond, giveUp: 100 * time.Millisecond, unpack: 100 * time.Millisecond, retry: time.Millisecond, helper: 5 * time.Second}

func TestAPullTellsItsLayersAndTheImage(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker20())
	server.Registry("acme/agent:1", dockertest.Pull{Lines: twoLayers, Image: &dockertest.Image{Ref: "acme/agent:1", Digest: pulledDigest}})
	var h heard
	got, err := e.Pull(t.Context(), "acme/agent:1", "linux/amd64", h.sink)
	if err != nil {
		t.Fatal(err)
	}
	if got.Ref != "acme/agent:1" || got.Digest != pulledDigest || got.Platform != "linux/amd64" || got.ID == "" {
		t.Errorf("%+v", got.Image)
	}
	type step struct {
		current, total int64
		atLeast        bool
		layers         []event.Layer
	}
	want := []step{
		{0, 0, true, []event.Layer{{ID: "aaaa", Phase: "waiting"}}},
		{0, 0, true, []event.Layer{{ID: "aaaa", Phase: "waiting"}, {ID: "bbbb", Phase: "waiting"}}},
		{20, 100, true, []event.Layer{{ID: "aaaa", Phase: "download", Current: 40, Total: 100}, {ID: "bbbb", Phase: "waiting"}}},
		{50, 100, true, []event.Layer{{ID: "aaaa", Phase: "waiting", Current: 100, Total: 100}, {ID: "bbbb", Phase: "waiting"}}},
		{55, 400, false, []event.Layer{{ID: "aaaa", Phase: "waiting", Current: 100, Total: 100}, {ID: "bbbb", Phase: "download", Current: 10, Total: 300}}},
		{80, 400, false, []event.Layer{{ID: "aaaa", Phase: "extract", Current: 50, Total: 100}, {ID: "bbbb", Phase: "download", Current: 10, Total: 300}}},
		{105, 400, false, []event.Layer{{ID: "aaaa", Phase: "done", Current: 100, Total: 100}, {ID: "bbbb", Phase: "download", Current: 10, Total: 300}}},
		{250, 400, false, []event.Layer{{ID: "aaaa", Phase: "done", Current: 100, Total: 100}, {ID: "bbbb", Phase: "waiting", Current: 300, Total: 300}}},
		{250, 400, false, []event.Layer{{ID: "aaaa", Phase: "done", Current: 100, Total: 100}, {ID: "bbbb", Phase: "extract", Current: 0, Total: 300}}},
		{400, 400, false, []event.Layer{{ID: "aaaa", Phase: "done", Current: 100, Total: 100}, {ID: "bbbb", Phase: "done", Current: 300, Total: 300}}},
	}
	if len(h.events) != len(want) {
		t.Fatalf("%d events: %+v", len(h.events), h.events)
	}
	for i, w := range want {
		have := h.events[i]
		if have.Step != "pull" || have.Stage != event.Progress || have.Text != "acme/agent:1" ||
			have.Current != w.current || have.Total != w.total || have.AtLeast != w.atLeast || !slices.Equal(have.Layers, w.layers) {
			t.Errorf("event %d:\ngot  %+v\nwant %+v", i, have, w)
		}
	}
}

func TestAPullThatFailsSaysWhy(t *testing.T) {
	for _, row := range []struct {
		about  string
		script *dockertest.Pull
		fails  dockertest.Fault
		want   string
		tries  int
	}{
		{about: "unknown to the registry", want: "acme/agent:1: the registry has no image of this name and tag", tries: 1},
		{about: "an error in a stream that began well", tries: 1,
			script: &dockertest.Pull{Lines: []string{`{"status":"Pulling from x"}`, `{"errorDetail":{"message":"write /var/lib/x: no space left on device"},"error":"no space left on device"}`}},
			want:   "acme/agent:1: the engine's disk is full"},
		{about: "refused", fails: dockertest.Fault{Status: 500, Message: "unauthorized: authentication required"},
			want: "acme/agent:1: the registry wants a login", tries: 1},
		{about: "a lost connection, again and again", tries: 4,
			fails: dockertest.Fault{Status: 500, Message: "read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset by peer", Times: -1},
			want:  "acme/agent:1: read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset by peer"},
		{about: "another platform", script: &dockertest.Pull{Image: &dockertest.Image{Ref: "acme/agent:1", Arch: "arm64"}},
			want: "acme/agent:1: the image is for linux/arm64, not for linux/amd64", tries: 1},
	} {
		t.Run(row.about, func(t *testing.T) {
			e, server := fakeEngine(t, dockertest.Docker28())
			e.patience = hasty
			if row.script != nil {
				server.Registry("acme/agent:1", *row.script)
			}
			if row.fails.Status != 0 {
				row.fails.On = "POST /images/create"
				server.Fail(row.fails)
			}
			_, err := e.Pull(t.Context(), "acme/agent:1", "linux/amd64", func(event.Event) {})
			wantKind := fault.Image
			if strings.Contains(row.want, "disk") {
				wantKind = fault.Engine
			}
			if err == nil || err.Error() != row.want || fault.KindOf(err) != wantKind {
				t.Errorf("got %v (%s), want %s", err, fault.KindOf(err), row.want)
			}
			if tries := asked(server, "POST /images/create"); tries != row.tries {
				t.Errorf("asked the registry %d times, want %d", tries, row.tries)
			}
		})
	}
}

func TestALostConnectionIsTriedAgain(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker28())
	e.patience = hasty
	server.Registry("acme/agent:1", dockertest.Pull{Image: &dockertest.Image{Ref: "acme/agent:1"}})
	server.Fail(dockertest.Fault{On: "POST /images/create", Times: 2, Status: 500, Message: "connection reset by peer"})
	var h heard
	if _, err := e.Pull(t.Context(), "acme/agent:1", "", h.sink); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"acme/agent:1: the connection was lost, trying again (1 of 3)", "acme/agent:1: the connection was lost, trying again (2 of 3)",
	}
	if got := h.notes(); !slices.Equal(got, want) {
		t.Errorf("notes: %q", got)
	}
}

func TestASilentRegistryIsTalkedOfAndThenGivenUp(t *testing.T) {
	e, server := fakeEngine(t, dockertest.Docker28())
	e.patience = hasty
	never := make(chan struct{})
	defer close(never)
	server.Registry("acme/agent:1", dockertest.Pull{Wait: never})
	var h heard
	_, err := e.Pull(t.Context(), "acme/agent:1", "", h.sink)
	if want := "acme/agent:1: the registry sent nothing for 100ms"; err == nil || err.Error() != want || fault.KindOf(err) != fault.Image ||
		fault.HintOf(err) != "--image workbench or --image starter need no registry" {
		t.Errorf("got %v (%s; %s)", err, fault.KindOf(err), fault.HintOf(err))
	}
	if got := h.notes(); !slices.Equal(got, []string{"acme/agent:1: the registry has not answered yet; --image workbench or --image starter need no registry"}) {
		t.Errorf("notes: %q", got)
	}
}

func TestThePatienceOfEveryDayIsThatOfTheManual(t *testing.T) {
	e, _ := fakeEngine(t, dockertest.Docker28())
	if e.patience.note != 3*time.Second || e.patience.giveUp != 30*time.Second || e.patience.helper != 10*time.Second {
		t.Errorf("%+v", e.patience)
	}
}

func TestTheLoginOfTheDockerCommandIsSent(t *testing.T) {
	u := newUser(t, nil)
	u.write("config.json", `{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"},"r.example:5000":{"auth":"eW91OnNlc2FtZQ=="}}}`)
	e := &Engine{options: u.options(), patience: usualPatience}
	for _, row := range []struct{ ref, user string }{
		{"debian", "me"}, {"acme/agent:1", "me"}, {"r.example:5000/x/y:1", "you"}, {"ghcr.io/x", ""},
	} {
		auth, err := e.credentials(t.Context(), row.ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := userOf(t, auth); got != row.user {
			t.Errorf("%s: user %q, want %q", row.ref, got, row.user)
		}
	}
}

func TestAMissingCredentialHelperIsNamed(t *testing.T) {
	u := newUser(t, nil)
	u.write("config.json", `{"credHelpers":{"ghcr.io":"berth-test-nosuch"}}`)
	e := &Engine{options: u.options(), patience: usualPatience}
	_, err := e.credentials(t.Context(), "ghcr.io/x")
	if err == nil || fault.KindOf(err) != fault.Image || !strings.Contains(err.Error(), "docker-credential-berth-test-nosuch") {
		t.Errorf("%v", err)
	}
}

func TestASlowCredentialHelperIsGivenUp(t *testing.T) {
	folder := t.TempDir()
	script := "#!/bin/sh\nread line; exec sleep 2\n"
	if err := os.WriteFile(filepath.Join(folder, "docker-credential-berth-test-slow"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	u := newUser(t, nil)
	u.write("config.json", `{"credsStore":"berth-test-slow"}`)
	e := &Engine{options: u.options(), patience: patience{helper: 50 * time.Millisecond}}
	_, err := e.credentials(t.Context(), "ghcr.io/x")
	if want := "ghcr.io/x: the credential helper for ghcr.io does not answer"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRepositoriesAreNamedInFull(t *testing.T) {
	for ref, want := range map[string]string{
		"debian": "docker.io/library/debian", "debian:13": "docker.io/library/debian", "acme/agent:1": "docker.io/acme/agent",
		"docker.io/acme/agent": "docker.io/acme/agent", "index.docker.io/acme/agent": "docker.io/acme/agent",
		"ghcr.io/a/b:1@sha256:00": "ghcr.io/a/b", "localhost/x": "localhost/x", "r:5000/x:2": "r:5000/x",
	} {
		if got := repository(ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

func asked(s *dockertest.Server, call string) int {
	n := 0
	for _, line := range s.Asked() {
		if line == call {
			n++
		}
	}
	return n
}
