package launch

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"berth/internal/agentserver"
	"berth/internal/sandbox"
	"berth/internal/secret"
)

// base gives scheme, host and port of a link. Each sandbox has a host name of its own, since VS Code's cookie is the
// session key and cookies ignore ports: under one name, two sandboxes would hand each other their keys.
func (l *Launcher) base(name string, at netip.AddrPort) string {
	host := name + ".localhost"
	if l.PlainAddresses {
		host = at.Addr().String()
	}
	return "http://" + host + ":" + strconv.Itoa(int(at.Port()))
}

const notServed = "nothing listens for it on this machine; stop the sandbox and start it again"

// hand makes a link for the user's own hands: with a key in its fragment, which browsers send nowhere and which opens
// it once.
func (l *Launcher) hand(ctx context.Context, seen sandbox.Observed, link *Link, url string) string {
	key, err := l.Reach.Key(ctx, seen, link.Kind)
	if err != nil {
		return err.Error()
	}
	if !key.Empty() {
		url += "#k=" + key.Reveal()
	}
	link.URL = secret.New(url)
	return ""
}

func (l *Launcher) apiLink(ctx context.Context, seen sandbox.Observed, link *Link) string {
	if !link.At.IsValid() {
		return notServed
	}
	return l.hand(ctx, seen, link, l.base(seen.Spec.Name, link.At)+"/")
}

// codeLink asks the server for the link, since only the server knows its form, and waits for the page itself: a
// server that says "running" may not have one yet.
func (l *Launcher) codeLink(ctx context.Context, seen sandbox.Observed, link *Link) string {
	if !link.At.IsValid() {
		return notServed
	}
	base := l.base(seen.Spec.Name, link.At)
	url, err := l.client(seen).VSCodeURL(ctx, base, agentserver.Workspace)
	if err != nil {
		return err.Error()
	}
	if err := l.pageAnswers(ctx, seen, agentserver.VSCodePort, url.Reveal()); err != nil {
		return "VS Code runs, but its page gives " + err.Error() + "; see berth logs " + seen.Spec.Name
	}
	return l.hand(ctx, seen, link, agentserver.VSCodePage(base, agentserver.Workspace))
}

// desktopLimit bounds the wait for a desktop that was started: an X server and its bridge take about half a second.
const desktopLimit = 10 * time.Second

// vncLink finds a desktop in the order of agentserver.DesktopOrder and proves it by its first bytes.
func (l *Launcher) vncLink(ctx context.Context, seen sandbox.Observed, link *Link) string {
	if !link.At.IsValid() {
		return notServed
	}
	page := l.base(seen.Spec.Name, link.At) + agentserver.VNCPage
	if l.rfb(ctx, seen, link.At) == nil {
		return l.hand(ctx, seen, link, page)
	}
	if reason := l.startDesktop(ctx, seen); reason != "" {
		return reason
	}
	ctx, cancel := context.WithTimeout(ctx, desktopLimit)
	defer cancel()
	if err := poll(ctx, func(ctx context.Context) (bool, error) { return l.rfb(ctx, seen, link.At) == nil, nil }); err != nil {
		return "the desktop was started but does not answer; see berth logs " + seen.Spec.Name
	}
	return l.hand(ctx, seen, link, page)
}

// startDesktop starts an image's own desktop, unless the server has one of its own; it says why there is none.
func (l *Launcher) startDesktop(ctx context.Context, seen sandbox.Observed) string {
	if _, err := l.client(seen).DesktopURL(ctx, ""); err == nil {
		return "" // the server starts its own; it only needs time
	}
	there, err := l.placesInside(ctx, seen, agentserver.DesktopPrograms)
	if err != nil {
		return err.Error()
	}
	command, env := agentserver.DesktopCommand(func(path string) bool { return there[path].Inode != 0 }, len(seen.Published) > 0)
	if command == nil {
		return agentserver.NoDesktop + ": " + agentserver.NoDesktopHint
	}
	_, err = l.Runtime.Exec(ctx, seen.ID, sandbox.Exec{Command: command, Env: env, Detach: true})
	if err != nil {
		return "the desktop cannot be started: " + err.Error()
	}
	return ""
}

func (l *Launcher) rfb(ctx context.Context, seen sandbox.Observed, at netip.AddrPort) error {
	conn, err := l.Reach.Dial(ctx, seen, agentserver.VNCPort)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // only the banner was wanted
	return readRFB(conn, at.String(), askLimit)
}
