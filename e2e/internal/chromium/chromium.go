// Package chromium starts browsers for tests; what they open is the tests' business.
package chromium

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"berth/e2e/internal/rig"
)

// limit bounds a test's time in its browser.
const limit = 3 * time.Minute

// Start starts a headless Chromium with a profile of its own and gives its context, which ends with the test. It runs
// as the user, since a gateway lets in nobody else.
func Start(t *testing.T, u rig.User, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	program := rig.Tool(t, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	profile, err := os.MkdirTemp("", "berth-profile-")
	if err != nil {
		t.Fatal(err)
	}
	u.Own(t, profile)
	t.Cleanup(func() {
		rig.Wait(t, 10*time.Second, "end of what the browser writes", func() bool { return os.RemoveAll(profile) == nil })
	})
	all := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.Env("HOME="+profile), chromedp.ModifyCmdFunc(u.Become),
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true))
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, append(all, options...)...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end, so that its folder can go
		end()
	})
	if err := chromedp.Do(ctx); err != nil { // starts it
		t.Fatal(err)
	}
	return ctx
}
