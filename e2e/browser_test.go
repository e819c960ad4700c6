package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"berth/e2e/internal/chromium"
	"berth/e2e/internal/rig"
)

// page is a tab of a headless Chromium.
type page struct {
	t      *testing.T
	ctx    context.Context
	number int // of the test's pages
}

// browser is a headless Chromium.
type browser struct {
	t    *testing.T
	ctx  context.Context
	tabs int
}

// openBrowser starts one of the test's own.
func openBrowser(t *testing.T, u rig.User) *browser {
	t.Helper()
	return &browser{t: t, ctx: chromium.Start(t, u, chromedp.WindowSize(1280, 800))}
}

// open opens a link in a new tab.
func (b *browser) open(url string) page {
	b.t.Helper()
	return b.tab(url)
}

// stranger opens a link in another profile: a browser that shares no cookie with the first.
func (b *browser) stranger(url string) page {
	b.t.Helper()
	return b.tab(url, chromedp.WithNewBrowserContext())
}

// tab opens a link. When the test fails, a picture of the page is kept; with BERTH_PICTURES=FOLDER always, there.
func (b *browser) tab(url string, options ...chromedp.ContextOption) page {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, options...)
	b.tabs++
	p := page{b.t, ctx, b.tabs}
	b.t.Cleanup(func() {
		if dir := os.Getenv("BERTH_PICTURES"); b.t.Failed() || dir != "" {
			p.picture(cmp.Or(dir, os.TempDir()))
		}
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
	name := filepath.Join(dir, "berth-"+strings.ReplaceAll(p.t.Name(), "/", "-")+"-"+strconv.Itoa(p.number)+".png")
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

// link mints a link of a kind.
func (s up) link(t *testing.T, kind string) string {
	t.Helper()
	link := strings.TrimSpace(s.Berth("url", s.Name, kind).Exits(0).Out)
	if !oneTimeLink(s.Name).MatchString(link) {
		t.Errorf("the %s link is %s", kind, link)
	}
	return link
}

// oneTimeLink has a host name of the sandbox's own, and a key where no server and no Referer gets it.
func oneTimeLink(name string) *regexp.Regexp {
	return regexp.MustCompile(`^http://` + regexp.QuoteMeta(name) + `\.localhost:\d+/[^#]*#k=[0-9a-f]{64}$`)
}

// checkCode: VS Code opens on the folder; a file that is edited and saved there is on the host, and the user's; so is
// what its terminal makes. The link works once: who else has it gets nothing, and no key stays in the address.
func checkCode(t *testing.T, s up) {
	b := openBrowser(t, s.User)
	link := s.link(t, "code")
	p := b.open(link)
	row := func(name string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('.explorer-folders-view .monaco-list-row')].find(r => r.innerText.trim() === %q)`, name)
	}
	p.until("file in the explorer", row("hello.txt")+" !== undefined")
	p.until("second file in the explorer", row("README.md")+" !== undefined")
	p.until("address without the key", `location.hash === '' && !document.cookie.includes('berth_')`)
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
	p.do(chromedp.KeyEvent("`", chromedp.KeyModifiers(kb.ModifierCtrl)))
	p.until("terminal", `document.querySelector('.terminal.xterm .xterm-screen') !== null`)
	p.do(chromedp.Click(chromedp.CSS(".terminal.xterm .xterm-screen"))) // the editor may have kept the keys
	p.until("terminal that takes keys", `document.activeElement?.classList.contains('xterm-helper-textarea') ?? false`)
	p.do(chromedp.Func(typing("echo typed > by-terminal" + kb.Enter)))
	path = filepath.Join(s.Dir, "by-terminal")
	rig.Wait(t, time.Minute, "file made in the terminal", func() bool {
		content, err := os.ReadFile(path)
		return err == nil && string(content) == "typed\n"
	})
	checkOwner(t, path, s.User)
	checkServersKey(t, s, p)
	checkOnlyOnce(t, s, b, link)
}

// typing presses keys as a keyboard does, where the text comes with the key's going down. chromedp sends it by an event
// of its own, which a terminal in a page takes for a second key.
func typing(text string) func(context.Context, *chromedp.Target) error {
	return func(ctx context.Context, tab *chromedp.Target) error {
		for _, r := range text {
			for _, k := range kb.Encode(r) {
				switch k.Type {
				case kb.KeyChar:
					continue
				case kb.KeyDown:
					k.Text = string(r)
				}
				if _, err := cdp.Call(ctx, tab, input.DispatchKeyEvent, *k); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// checkServersKey: no cookie of the browser's, whoever may read it, holds the server's own key.
func checkServersKey(t *testing.T, s up, p page) {
	t.Helper()
	key := s.serversKey(t)
	jar, err := chromedp.Run(p.ctx, func(ctx context.Context, tab *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{})
	})
	if err != nil || len(jar.Cookies) < 2 {
		t.Fatalf("the browser has %d cookies, %v", len(jar.Cookies), err)
	}
	for _, c := range jar.Cookies {
		if strings.Contains(c.Value, key) {
			t.Errorf("the server's key is in the cookie %s", c.Name)
		}
	}
}

// checkOnlyOnce: the link that was used is refused in another profile, and that ends what it had opened, too; a new one
// opens the page again.
func checkOnlyOnce(t *testing.T, s up, b *browser, link string) {
	t.Helper()
	again := b.open(link) // whoever is logged in just comes back to the page
	again.until("page", `document.querySelector('.monaco-workbench') !== null`)
	stranger := b.stranger(link)
	stranger.until("refusal", `document.body.innerText.includes('this link was used before') && document.body.innerText.includes('berth open `+s.Name+`')`)
	address, _, _ := strings.Cut(link, "#")
	out := b.open(address)
	out.until("page that has logged out", `document.body.innerText.includes('Get one with: berth open `+s.Name+`')`)
	b.open(s.link(t, "code")).until("page by a new link", `document.querySelector('.monaco-workbench') !== null`)
}

// checkDesktop: the link shows a desktop, and keys typed there reach the sandbox. The desktop has no lock of its own:
// without the link's key there is nothing to see.
func checkDesktop(t *testing.T, s up) {
	var link string
	for range 10 { // each proves the desktop; one that hung up too early would be shut out after a few
		link = s.link(t, "vnc")
	}
	b := openBrowser(t, s.User)
	address, _, _ := strings.Cut(link, "#")
	b.stranger(address).until("login page", `document.body.innerText.includes('Get one with: berth open `+s.Name+`') && !document.querySelector('canvas')`)
	p := b.open(link)
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
