package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"berth/e2e/internal/rig"
)

// page is a tab of a headless Chromium.
type page struct {
	t   *testing.T
	ctx context.Context
}

// browse opens a link in a Chromium of the test's own. When the test fails, a picture of the page is kept; with
// BERTH_PICTURES=FOLDER always, there.
func browse(t *testing.T, url string) page {
	t.Helper()
	program := rig.Tool(t, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.WindowSize(1280, 800), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	p := page{t, ctx}
	t.Cleanup(func() {
		if dir := os.Getenv("BERTH_PICTURES"); t.Failed() || dir != "" {
			p.picture(cmp.Or(dir, os.TempDir()))
		}
		_ = chromedp.Cancel(ctx) // waits for the browser's end, so that its folder can go
		end()
	})
	p.do(chromedp.Navigate(url))
	return p
}

// picture keeps a screenshot of the page in a folder that outlives the test, and says what the page lacks.
func (p page) picture(dir string) {
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Log(err)
		return
	}
	name := filepath.Join(dir, "berth-"+strings.ReplaceAll(p.t.Name(), "/", "-")+".png")
	p.t.Log("the page as it was:", name, os.WriteFile(name, shot, 0o600))
	lacking, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](
		`document.title + ', lacks: ' + performance.getEntriesByType('resource').filter(r => r.responseStatus !== 200).map(r => r.responseStatus + ' ' + r.name).join(' ')`))
	p.t.Log(lacking, err)
}

func (p page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// until asks the page's JavaScript until it says true.
func (p page) until(what, script string) {
	p.t.Helper()
	rig.Wait(p.t, 90*time.Second, what, func() bool {
		yes, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](script))
		return err == nil && yes
	})
}

// checkCode: VS Code opens on the folder; a file that is edited and saved there is on the host, and the user's.
func checkCode(t *testing.T, s up) {
	link := strings.TrimSpace(s.Berth("url", s.Name, "code").Exits(0).Out)
	if !strings.HasPrefix(link, "http://"+s.Name+".localhost:") {
		t.Errorf("the link is %s", link)
	}
	p := browse(t, link)
	row := func(name string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.explorer-folders-view .monaco-list-row')].find(r => r.innerText.trim() === %q)`, name)
	}
	p.until("file in the explorer", row("hello.txt")+" !== undefined")
	p.until("second file in the explorer", row("README.md")+" !== undefined")
	p.do(chromedp.DoubleClick(chromedp.JSPath(row("hello.txt"))))
	p.until("text in the editor", `document.querySelector('.editor-instance .view-lines')?.innerText.replace(/\u00a0/g, ' ').includes('hello from the host') ?? false`)
	p.do(
		chromedp.Click(chromedp.CSS(".editor-instance .view-lines")),
		chromedp.KeyEvent(kb.End, chromedp.KeyModifiers(kb.ModifierCtrl)), // to the end of the file
		chromedp.KeyEvent("edited in the browser"),
		chromedp.KeyEvent("s", chromedp.KeyModifiers(kb.ModifierCtrl)),
	)
	path := filepath.Join(s.Dir, "hello.txt")
	rig.Wait(t, time.Minute, "edited file on the host", func() bool {
		return read(t, path) == "hello from the host\nedited in the browser"
	})
	checkOwner(t, path, s.User)
}

// checkDesktop: the link shows a desktop, and keys typed there reach the sandbox.
func checkDesktop(t *testing.T, s up) {
	var link string
	for range 10 { // each proves the desktop; one that hung up too early would be shut out after a few
		link = strings.TrimSpace(s.Berth("url", s.Name, "vnc").Exits(0).Out)
	}
	p := browse(t, link)
	const canvas = `document.querySelector('#noVNC_container canvas')`
	const pixels = `(() => { const c = ` + canvas + `; return c && c.width ? [...new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)] : [] })()`
	p.until("desktop of many colours", `new Set(`+pixels+`).size > 20`)
	// The terminal has its prompt when the picture is the same for a second.
	p.until("picture that stands still", `(() => {
		const now = `+pixels+`.join();
		if (now !== window.before) { window.before = now; window.since = Date.now() }
		return Date.now() - window.since > 1000
	})()`)
	p.do(chromedp.Click(chromedp.CSS("#noVNC_container canvas")), chromedp.KeyEvent("echo typed > by-desktop"))
	p.until("change on the screen", pixels+`.join() !== window.before`)
	p.do(chromedp.KeyEvent(kb.Enter))
	path := filepath.Join(s.Dir, "by-desktop")
	rig.Wait(t, time.Minute, "file made from the desktop", func() bool {
		content, err := os.ReadFile(path)
		return err == nil && string(content) == "typed\n"
	})
	checkOwner(t, path, s.User)
}
