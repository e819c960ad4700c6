//go:build unix

package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func installed(names ...string) func(string) (string, error) {
	return func(name string) (string, error) {
		if slices.Contains(names, name) {
			return "/bin/" + name, nil
		}
		return "", errors.New("not found")
	}
}

func TestTheBrowserIsTheUsersThenWSLsThenTheSystems(t *testing.T) {
	screen := Env{"DISPLAY": ":0"}
	for _, c := range []struct {
		name  string
		facts Facts
		look  func(string) (string, error)
		want  []string
		err   string
	}{
		{"the system's", Facts{OS: "linux", Env: screen}, installed("xdg-open", "www-browser"), []string{"/bin/xdg-open", "P"}, ""},
		{"BROWSER first", Facts{OS: "linux", Env: Env{"DISPLAY": ":0", "BROWSER": "nosuch:firefox --new-tab"}}, installed("xdg-open", "firefox"), []string{"/bin/firefox", "--new-tab", "P"}, ""},
		{"BROWSER says where the page goes", Facts{OS: "linux", Env: Env{"DISPLAY": ":0", "BROWSER": "w3m %s -M"}}, installed("w3m"), []string{"/bin/w3m", "P", "-M"}, ""},
		{"WSL needs no screen", Facts{OS: "linux", WSL: WSL{Automount: "/mnt/"}}, installed("wslview", "xdg-open"), []string{"/bin/wslview", "P"}, ""},
		{"macOS", Facts{OS: "darwin"}, installed("open"), []string{"/bin/open", "P"}, ""},
		{"nothing installed", Facts{OS: "linux", Env: screen}, installed(), nil, "no browser was found"},
		{"headless", Facts{OS: "linux", Env: Env{"BROWSER": "firefox"}}, installed("firefox"), nil, "there is no screen here"},
		{"ssh", Facts{OS: "darwin", Env: Env{"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}}, installed("open"), nil, "this is an ssh session: a browser would open on the other machine"},
		{"not wanted", Facts{OS: "darwin", Env: Env{"BERTH_NO_BROWSER": "1"}}, installed("open"), nil, "BERTH_NO_BROWSER is set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := findBrowser(c.facts, c.look)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("got %v, want %s", err, c.err)
				}
				return
			}
			if got := b.command("P"); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestTheLinkReachesTheBrowserByAFileOnlyTheUserReads(t *testing.T) {
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	script := filepath.Join(dir, "browser")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\nprintf %s \"$1\" >"+seen+"\n"), 0o700))
	const link = "http://shop.localhost:8011/#k=s3cret&x=1"
	must(t, Browser{argv: []string{script}}.Open(context.Background(), link, dir))
	must(t, Browser{argv: []string{script}}.Open(context.Background(), link, dir))
	argument, err := os.ReadFile(seen)
	must(t, err)
	if strings.Contains(string(argument), "s3cret") {
		t.Errorf("the key is an argument: %s", argument)
	}
	page, err := os.ReadFile(string(argument))
	must(t, err)
	if !strings.Contains(string(page), `url=http://shop.localhost:8011/#k=s3cret&amp;x=1"`) {
		t.Errorf("the page is %s", page)
	}
	info, err := os.Stat(string(argument))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the page: %v", info.Mode())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, redirectPattern)); len(left) != 1 {
		t.Errorf("earlier pages are left: %v", left)
	}
}

func TestABrowserThatFailsSaysSo(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "browser")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\nexit 3\n"), 0o700))
	err := Browser{argv: []string{script}}.Open(context.Background(), "http://x/", dir)
	if want := script + ": it could not open the link: exit status 3"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
