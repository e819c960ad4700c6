package agentserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"berth/internal/fault"
	"berth/internal/secret"
)

// server answers from a table: "PATH" with the key, "PATH open" without; what is not in it is a 404.
type server map[string]struct {
	status int
	body   string
}

func (s server) client() Client {
	return Client{Key: secret.New("k"), Do: func(r *http.Request) (*http.Response, error) {
		name := r.URL.RequestURI()
		if r.Header.Get(KeyHeader) == "" {
			name += " open"
		}
		a, ok := s[name]
		if !ok {
			a.status, a.body = http.StatusNotFound, `{"detail":"Not Found"}`
		}
		return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.body))}, nil
	}}
}

func refusing(err error) Client {
	return Client{Do: func(*http.Request) (*http.Response, error) { return nil, err }}
}

func TestReady(t *testing.T) {
	for _, c := range []struct {
		what     string
		contract Contract
		server   server
		want     string
		starting bool
	}{
		{"ready", OpenHands, server{"/ready open": {200, `{"status":"ready"}`}}, "", false},
		{"an older server without /ready", OpenHands, server{"/health open": {200, ""}}, "", false},
		{"initialising", OpenHands, server{"/ready open": {503, `{"status":"initializing"}`}, "/health open": {200, ""}}, "starting: /ready answered 503", true},
		{"a server with neither", OpenHands, server{}, "the server has none of /ready, /health: it is not an agent server", false},
		{"V0", OpenHandsV0, server{"/alive open": {200, ""}}, "", false},
		{"nothing to ask", Plain, server{}, "", false},
	} {
		got := text(c.server.client().Ready(context.Background(), c.contract))
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		if err := c.server.client().Ready(context.Background(), c.contract); errors.Is(err, ErrStarting) != c.starting {
			t.Errorf("%s: starting is %v", c.what, !c.starting)
		}
	}
	err := refusing(syscall.ECONNREFUSED).Ready(context.Background(), OpenHands)
	if !errors.Is(err, ErrStarting) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused must mean starting, got %v", err)
	}
}

func TestKeyInForce(t *testing.T) {
	const path = "/api/vscode/status"
	ok, unauthorized := `{"running":true,"enabled":true}`, `{"detail":"Unauthorized"}`
	for _, c := range []struct {
		what   string
		server server
		want   string
	}{
		{"in force", server{path: {200, ok}, path + " open": {401, unauthorized}}, ""},
		{"another key in the image", server{path: {401, unauthorized}, path + " open": {401, unauthorized}}, "the server refuses the key it was given"},
		{"no key at all", server{path: {200, ok}, path + " open": {200, ok}}, "the server answers without the key (200), so everybody who reaches it could use it"},
		{"deferred", server{path: {503, `{"detail":"Internal Server Error","exception":"503: dormant"}`}}, "/api/vscode/status: the server answered 503: dormant"},
	} {
		if got := text(c.server.client().KeyInForce(context.Background())); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestLinks(t *testing.T) {
	const vscode = "/api/vscode/url?base_url=http%3A%2F%2Fshop.localhost%3A8011&workspace_dir=%2Fworkspace"
	ask := func(s server) (string, error) {
		link, err := s.client().VSCodeURL(context.Background(), "http://shop.localhost:8011", "/workspace")
		return link.Reveal(), err
	}
	if link, err := ask(server{vscode: {200, `{"url":"http://shop.localhost:8011/?tkn=k&folder=%2Fworkspace"}`}}); err != nil || link != "http://shop.localhost:8011/?tkn=k&folder=%2Fworkspace" {
		t.Errorf("got %q, %v", link, err)
	}
	for body, want := range map[string]string{
		`{"url":null}`: "vs code is not running: the image has none, or it died",
		`<html>`:       "the server's answer to /api/vscode/url is not what an agent server sends",

		`{"url":"http://evil.example/?tkn=k"}`:                        "the server's link to VS Code leads away from the sandbox",
		`{"url":"http://shop.localhost:8011@evil.example/"}`:          "the server's link to VS Code leads away from the sandbox",
		`{"url":"file:///etc/passwd"}`:                                "the server's link to VS Code leads away from the sandbox",
		`{"url":"http://shop.localhost:8011/\u001b]0;x\u0007?tkn=k"}`: "the server's link to VS Code leads away from the sandbox",
	} {
		if _, err := ask(server{vscode: {200, body}}); text(err) != want {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
	if _, err := ask(server{vscode: {503, `{"detail":"Internal Server Error","exception":"503: VSCode is disabled in configuration."}`}}); text(err) != "/api/vscode/url: the server answered 503: VSCode is disabled in configuration." {
		t.Errorf("got %v", err)
	}
	const desktop = "/api/desktop/url?base_url=http%3A%2F%2Fshop.localhost%3A8012"
	link, err := server{desktop: {200, `{"url":"http://shop.localhost:8012/vnc.html?autoconnect=1&resize=remote"}`}}.client().DesktopURL(context.Background(), "http://shop.localhost:8012")
	if err != nil || link != "http://shop.localhost:8012"+VNCPage {
		t.Errorf("got %q, %v", link, err)
	}
	_, err = server{desktop: {200, `{"url":null}`}}.client().DesktopURL(context.Background(), "http://shop.localhost:8012")
	if text(err) != NoDesktop || fault.HintOf(err) != NoDesktopHint {
		t.Errorf("got %v", err)
	}
	if got, want := VSCodePage("http://shop.localhost:8011", "/workspace/a b"), "http://shop.localhost:8011/?folder=%2Fworkspace%2Fa+b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServerInfoAndStatus(t *testing.T) {
	s := server{
		"/server_info open":  {200, `{"title":"OpenHands Agent Server","version":"1.58.0","uptime":1.5,"capabilities":["a"],"more":1}`},
		"/api/vscode/status": {200, `{"running":false,"enabled":true,"message":"m"}`},
	}
	info, err := s.client().ServerInfo(context.Background())
	if err != nil || info.Version != "1.58.0" || info.Uptime != 1.5 {
		t.Errorf("%+v, %v", info, err)
	}
	status, err := s.client().VSCodeStatus(context.Background())
	if err != nil || (status != Status{Running: false, Enabled: true, Message: "m"}) {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestAHostileServerIsReadOnlySoFar(t *testing.T) {
	endless := Client{Do: func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(endlessReader{})}, nil
	}}
	if _, err := endless.ServerInfo(context.Background()); text(err) != "the server's answer to /server_info is not what an agent server sends" {
		t.Errorf("got %v", err)
	}
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) { return len(p), nil }

func TestNoErrorShowsTheKey(t *testing.T) {
	c := refusing(errors.New("connection reset"))
	c.Key = secret.New("0123456789abcdef")
	err := c.KeyInForce(context.Background())
	if text(err) != "the server does not answer: connection reset" || strings.Contains(err.Error(), "0123") {
		t.Errorf("got %v", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
