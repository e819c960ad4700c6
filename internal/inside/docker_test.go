package inside

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestTheEngineTakesTheStarterImage loads the image and reads it back; it removes what it loaded.
func TestTheEngineTakesTheStarterImage(t *testing.T) {
	if os.Getenv("BERTH_DOCKER") != "1" {
		t.Skip("needs an engine: BERTH_DOCKER=1")
	}
	packedOrSkip(t)
	img, err := StarterImage(runtime.GOARCH, "test-inside")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if status, text := engine(t, "POST", "/images/load?quiet=1", bytes.NewReader(bytesOf(t, img))); status != http.StatusOK || strings.Contains(text, "errorDetail") {
		t.Fatalf("load: %d %s", status, text)
	}
	t.Logf("loaded in %v", time.Since(begin))
	defer engine(t, "DELETE", "/images/"+img.Ref, nil)
	status, text := engine(t, "GET", "/images/"+img.Ref+"/json", nil)
	var got struct {
		ID     string `json:"Id"`
		Size   int64
		Config struct {
			Entrypoint, Cmd, Env []string
			User, WorkingDir     string
			Labels               map[string]string
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
		t.Fatalf("inspect: %d %s", status, text)
	}
	if got.ID != img.ID || got.Size > 10<<20 {
		t.Errorf("id %s (want %s), %d bytes", got.ID, img.ID, got.Size)
	}
	c := got.Config
	if strings.Join(c.Entrypoint, " ") != "/.berth/starter" || len(c.Cmd) != 0 || c.User != "" || c.WorkingDir != "/workspace" ||
		strings.Join(c.Env, " ") != "PATH=/bin HOME=/home/berth" || c.Labels["dev.berth.key"] != img.Key || c.Labels["dev.berth.contract"] != "starter" {
		t.Errorf("config %+v", c)
	}
}

func engine(t *testing.T, method, path string, body io.Reader) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", "/var/run/docker.sock")
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://engine/v1.41"+path, body)
	if method == "DELETE" { // in a deferred call the test's own context has ended
		req, err = http.NewRequestWithContext(context.Background(), method, "http://engine/v1.41"+path, body)
	}
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-tar")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
