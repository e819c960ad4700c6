package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	"berth/e2e/internal/rig"
)

// registry runs Debian's registry on loopback, where every engine takes one without TLS, and gives its address.
func registry(t *testing.T) string {
	t.Helper()
	program, dir := rig.Tool(t, "docker-registry", "registry"), t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // the registry takes it
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", filepath.Join(dir, "data"), address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(program, "serve", config)
	serve.Env = []string{"OTEL_TRACES_EXPORTER=none"}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Kill()
		_ = serve.Wait() // it was killed
	})
	rig.Wait(t, 30*time.Second, "answer of the registry", func() bool {
		answer, err := http.Get("http://" + address + "/v2/")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
	return address
}

// pushed puts an image into a registry, takes it out of the engine and gives its digest.
func pushed(t *testing.T, ref string) string {
	t.Helper()
	docker, ctx := rig.Docker(t), rig.Context(t)
	local := rig.Standin(t)
	if err := docker.ImageTag(ctx, local, ref); err != nil {
		t.Fatal(err)
	}
	out, err := docker.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: "e30="})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read to its end
	digest := ""
	for words := json.NewDecoder(out); ; {
		var line struct {
			Error string
			Aux   struct{ Digest string }
		}
		if err := words.Decode(&line); err == io.EOF {
			break
		} else if err != nil || line.Error != "" {
			t.Fatal(err, line.Error)
		}
		if line.Aux.Digest != "" {
			digest = line.Aux.Digest
		}
	}
	forget(t, ref)
	forget(t, local)
	if digest == "" {
		t.Fatal("the push gave no digest")
	}
	return digest
}

// forget takes an image out of the engine.
func forget(t *testing.T, ref string) {
	t.Helper()
	if _, err := rig.Docker(t).ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

// TestPull: an image that is not here comes from its registry, by tag or by digest, with news all the way; one that is
// here is not asked for again.
func TestPull(t *testing.T) {
	rig.Need(t)
	address := registry(t)
	digest := pushed(t, address+"/acme/agent:1")
	for _, ref := range []string{address + "/acme/agent:1", address + "/acme/agent@" + digest} {
		h := rig.New(t)
		p := h.Project("pull")
		if plan := p.Berth("up", "--plan", "--image", ref).Exits(0).Out; !strings.Contains(plan, "pull "+ref) {
			t.Errorf("the plan has no pull: %s", plan)
		}
		r := p.Berth("up", "--json", "--image", ref).Exits(0)
		if !strings.Contains(stages(r.Events, "pull"), "begin progress") || !strings.HasSuffix(stages(r.Events, "pull"), "done") {
			t.Errorf("the news of the pull: %s", stages(r.Events, "pull"))
		}
		if last := layers(r.Events); last == 0 {
			t.Error("no event tells of the layers")
		}
		if again := p.Berth("up", "--json", "--image", ref).Exits(0); stages(again.Events, "pull") != "" {
			t.Error("it was pulled twice")
		}
		if text := p.Berth("inspect", p.Name, "--json").Exits(0).Out; strings.Contains(ref, "@") && !strings.Contains(text, digest) {
			t.Errorf("inspect does not tell the digest: %s", text)
		}
		p.Berth("rm", "-f", p.Name).Exits(0)
		forget(t, ref)
	}
}

func stages(events []rig.Event, step string) string {
	var words []string
	for _, e := range events {
		if e.Step == step && (len(words) == 0 || words[len(words)-1] != e.Stage) {
			words = append(words, e.Stage)
		}
	}
	return strings.Join(words, " ")
}

func layers(events []rig.Event) int {
	most := 0
	for _, e := range events {
		most = max(most, len(e.Layers))
	}
	return most
}

// TestRegistriesThatDoNot: each says what is wrong within its time, and leaves nothing.
func TestRegistriesThatDoNot(t *testing.T) {
	rig.Need(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close() //nolint:errcheck // it never accepts
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="acme"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
	}))
	defer refusing.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of order\x1b[2J", http.StatusInternalServerError)
	}))
	defer broken.Close()
	for _, row := range []struct {
		name, address, says, hint string
		limit                     time.Duration
	}{
		{"refuses", refusing.Listener.Addr().String(), `.*the registry wants a login`, `docker login.*`, 20 * time.Second},
		{"has not got it", registry(t), `.*the registry has no image of this name and tag`, `.*`, 20 * time.Second},
		{"is out of order", broken.Listener.Addr().String(), `.*500.*`, `.*`, 60 * time.Second},
		{"is not there", "127.0.0.1:1", `.*nothing answers at the registry's address`, `.*--image workbench.*--image starter.*`, 20 * time.Second},
		{"never answers", dead.Addr().String(), `.*the registry does not answer|.*no answer.*`, `.*--image workbench.*--image starter.*`, 45 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := rig.New(t)
			p := h.Project("registry")
			r := p.Berth(up2(row.address + "/acme/none:1")...).Exits(4)
			says(t, r, row.says, row.hint)
			if r.Took > row.limit {
				t.Errorf("it took %s", r.Took)
			}
			if strings.Contains(r.Err, "\x1b") {
				t.Errorf("the registry's control sequences came through: %q", r.Err)
			}
			h.Gone()
		})
	}
}

// TestAHangingPullEnds: Ctrl-C does not wait for a registry, and what it waited for is said before.
func TestAHangingPullEnds(t *testing.T) {
	h := rig.New(t)
	p := h.Project("hang")
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close() //nolint:errcheck // it never accepts
	up := p.Command("up", "--json", "--image", dead.Addr().String()+"/acme/none:1").Start()
	offered := up.Until(func(e rig.Event) bool {
		return e.Step == "pull" && strings.Contains(e.Text, "--image workbench") && strings.Contains(e.Text, "--image starter")
	})
	if !offered {
		t.Error("the other images were not offered")
	}
	up.Signal(os.Interrupt)
	r := up.Wait().Exits(130)
	if r.Took > 25*time.Second {
		t.Errorf("it took %s", r.Took)
	}
	h.Gone()
}

// TestASlowRegistry is waited for as long as bytes come.
func TestASlowRegistry(t *testing.T) {
	rig.Need(t)
	address := registry(t)
	pushed(t, address+"/acme/slow:1")
	slow := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: address}) },
		Transport: trickling{},
	})
	defer slow.Close()
	h := rig.New(t)
	p := h.Project("slow")
	ref := slow.Listener.Addr().String() + "/acme/slow:1"
	r := p.Berth("up", "--json", "--image", ref).Exits(0)
	defer forget(t, ref)
	seen := 0
	for _, e := range r.Events {
		if e.Step == "pull" && e.Stage == "progress" && e.Cur > 0 && e.Cur < e.Total {
			seen++
		}
	}
	if seen < 3 {
		t.Errorf("%d events tell how far a slow pull is", seen)
	}
	p.Berth("rm", "-f", p.Name).Exits(0)
}

// trickling hands bodies on in small pieces, so that a few megabytes take about four seconds.
type trickling struct{}

func (trickling) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.Contains(r.URL.Path, "/blobs/") {
		answer.Body = trickle{answer.Body, time.NewTicker(40 * time.Millisecond)}
	}
	return answer, err
}

type trickle struct {
	io.ReadCloser
	beat *time.Ticker
}

func (s trickle) Read(b []byte) (int, error) {
	<-s.beat.C
	return s.ReadCloser.Read(b[:min(len(b), 32<<10)])
}

// TestTheDefaultImageWithoutItsRegistry: nobody can be asked, so it is an error that names what needs no registry.
func TestTheDefaultImageWithoutItsRegistry(t *testing.T) {
	h := rig.New(t)
	p := h.Project("default")
	r := p.Command("up", "--plain", "-y").With("BERTH_DEFAULT_IMAGE=127.0.0.1:1/openhands/agent-server:1").Run().Exits(4)
	says(t, r, `127.0.0.1:1/openhands/agent-server:1: .*`, `.*--image workbench.*--image starter.*`)
	h.Gone()
	if answer, err := (&http.Client{Timeout: 5 * time.Second}).Get("https://ghcr.io/v2/"); err == nil {
		_ = answer.Body.Close() // only whether it answers counts
		t.Skip("the public registry answers here: its image is not pulled for a test")
	}
	r = p.Berth("up", "--plain", "-y").Exits(4)
	says(t, r, `ghcr.io/openhands/agent-server:.*: .*`, `.*--image workbench.*--image starter.*`)
	if r.Took > 45*time.Second {
		t.Errorf("it took %s", r.Took)
	}
	h.Gone()
}
