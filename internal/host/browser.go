package host

import (
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Browser is a command that opens a page. Its last argument is the page.
type Browser struct{ argv []string }

// systemBrowsers are the commands of each system, the likeliest first.
var systemBrowsers = map[string][][]string{
	"linux":   {{"xdg-open"}, {"x-www-browser"}, {"www-browser"}},
	"darwin":  {{"open"}},
	"windows": {{"rundll32", "url.dll,FileProtocolHandler"}},
}

// FindBrowser gives the browser of whoever sits at this machine, or an error saying why there is none: links are then
// printed.
func FindBrowser(f Facts) (Browser, error) { return findBrowser(f, exec.LookPath) }

func findBrowser(f Facts, look func(string) (string, error)) (Browser, error) {
	if reason := noBrowser(f); reason != "" {
		return Browser{}, errors.New(reason)
	}
	candidates := browserVariable(f.Env["BROWSER"])
	if f.WSL.Present() {
		candidates = append(candidates, []string{"wslview"})
	}
	for _, argv := range append(candidates, systemBrowsers[f.OS]...) {
		if found, err := look(argv[0]); err == nil {
			return Browser{argv: append([]string{found}, argv[1:]...)}, nil
		}
	}
	return Browser{}, errors.New("no browser was found")
}

// noBrowser tells why none should be looked for.
func noBrowser(f Facts) string {
	switch {
	case f.Env["BERTH_NO_BROWSER"] != "":
		return "BERTH_NO_BROWSER is set"
	case f.Env["SSH_CONNECTION"] != "" || f.Env["SSH_TTY"] != "" || f.Env["SSH_CLIENT"] != "":
		return "this is an ssh session: a browser would open on the other machine"
	case f.OS == "linux" && !f.WSL.Present() && f.Env["DISPLAY"] == "" && f.Env["WAYLAND_DISPLAY"] == "":
		return "there is no screen here"
	}
	return ""
}

// browserVariable reads $BROWSER: commands parted by colons, each with its arguments.
func browserVariable(value string) [][]string {
	var out [][]string
	for command := range strings.SplitSeq(value, ":") {
		if argv := strings.Fields(command); len(argv) > 0 {
			out = append(out, argv)
		}
	}
	return out
}

// command puts the page where "%s" stands, else at the end.
func (b Browser) command(page string) []string {
	var argv []string
	placed := false
	for _, arg := range b.argv {
		placed = placed || strings.Contains(arg, "%s")
		argv = append(argv, strings.ReplaceAll(arg, "%s", page))
	}
	if !placed {
		argv = append(argv, page)
	}
	return argv
}

// patience is how long a browser's launcher may take to say that it failed; browsers themselves stay.
const patience = 2 * time.Second

// Open shows a link. Other users see the arguments of every process, and the link holds a key: so the browser is given a
// file of dir, which only the user can read, that leads to it. dir must be a folder of berth's own.
func (b Browser) Open(ctx context.Context, link, dir string) error {
	page, err := writeRedirect(link, dir)
	if err != nil {
		return err
	}
	argv := b.command(page)
	cmd := exec.Command(argv[0], argv[1:]...) // without ctx: the browser outlives berth
	Detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: it could not open the link: %w", argv[0], err)
		}
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil
}

const redirect = `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">` +
	`<meta http-equiv="refresh" content="0; url=%[1]s"><title>berth</title><a href="%[1]s">open</a>` + "\n"

const redirectPattern = "open-*.html"

// writeRedirect makes the page that leads to a link, and removes those of earlier calls.
func writeRedirect(link, dir string) (string, error) {
	old, _ := filepath.Glob(filepath.Join(dir, redirectPattern))
	for _, p := range old {
		os.Remove(p)
	}
	file, err := os.CreateTemp(dir, redirectPattern) // 0600
	if err != nil {
		return "", fmt.Errorf("the page that leads to the link cannot be written: %w", err)
	}
	_, err = fmt.Fprintf(file, redirect, html.EscapeString(link))
	return file.Name(), errors.Join(err, file.Close())
}
