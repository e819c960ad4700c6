package attacks

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"berth/e2e/internal/chromium"
	"berth/e2e/internal/rig"
)

// browser is a headless Chromium of the test's own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts one. Names below .test are this machine.
func newBrowser(t *testing.T, u rig.User) browser {
	t.Helper()
	return browser{t, chromium.Start(t, u,
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"), chromedp.Flag("disable-popup-blocking", true))}
}

// open opens a page in a tab of its own.
func (b browser) open(url string, options ...chromedp.ContextOption) browser {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, options...)
	b.t.Cleanup(end)
	tab := browser{b.t, ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("%s: %v", url, err)
	}
	return tab
}

// stranger opens a page in another profile, which shares no cookie with the first.
func (b browser) stranger(url string) browser {
	b.t.Helper()
	return b.open(url, chromedp.WithNewBrowserContext())
}

// run runs the body of an async function in the page and gives what it returns, which is text.
func (b browser) run(body string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`(async () => { try { `+body+` } catch (e) { return "" + e } })().then(String)`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", body, err)
	}
	return got
}

// shows waits until the page has a text in its body or title.
func (b browser) shows(text string) {
	b.t.Helper()
	var seen string
	rig.Wait(b.t, 20*time.Second, fmt.Sprintf("%q in the page", text), func() bool {
		var err error
		seen, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.title + " " + (document.body ? document.body.innerText : "")`))
		return err == nil && strings.Contains(seen, text)
	})
}

// site is a server of the attacker's, with an empty page at every name and path; it keeps the cookies it gets.
type site struct {
	port    string
	lock    sync.Mutex
	cookies map[string]string
}

// newSite starts one at an address, "127.0.0.1:0" for instance.
func newSite(t *testing.T, address string) *site {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{cookies: map[string]string{}}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.lock.Lock()
		defer s.lock.Unlock()
		for _, c := range r.Cookies() {
			s.cookies[c.Name] = c.Value
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>attacker</title><p>a page of the attacker's</p>")
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func (s *site) cookie(name string) string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.cookies[name]
}

func (s *site) at(name string) string { return "http://" + name + ":" + s.port + "/" }
