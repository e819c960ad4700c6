package agentserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"berth/internal/fault"
	"berth/internal/secret"
)

// KeyHeader carries the session key to /api routes.
const KeyHeader = "X-Session-API-Key"

// maxAnswer is the most of an answer that is read: the server may be hostile.
const maxAnswer = 1 << 20

// Client asks one server. How a request reaches it (a published port, the tunnel) is Do's business.
type Client struct {
	Do   func(*http.Request) (*http.Response, error)
	Base string // scheme and host of the requests; "" is http://127.0.0.1:8000
	Key  secret.String
}

// ErrStarting is what Ready gives while the server is not there yet; errors.Is knows it.
var ErrStarting = errors.New("starting")

// Answered is below ErrStarting where a server is there, but does not say that it is ready.
type Answered struct {
	Path   string
	Status int
}

func (a Answered) Error() string { return fmt.Sprintf("%s answered %d", a.Path, a.Status) }

// Ready asks once whether the server is ready. ErrStarting wraps every reason to ask again: refused, reset, an empty answer, 503.
func (c Client) Ready(ctx context.Context, contract Contract) error {
	for _, path := range contract.ReadyPaths() {
		answer, err := c.get(ctx, path, false)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStarting, err)
		}
		if answer.status == http.StatusOK {
			return nil
		}
		if answer.status != http.StatusNotFound {
			return fmt.Errorf("%w: %w", ErrStarting, Answered{path, answer.status})
		}
	}
	if len(contract.ReadyPaths()) == 0 {
		return nil
	}
	return fault.New(fault.Image, "choose another image or contract", "the server has none of %s: it is not an agent server", strings.Join(contract.ReadyPaths(), ", "))
}

// KeyInForce proves that the API answers with the key and refuses without it.
func (c Client) KeyInForce(ctx context.Context) error {
	var with, without answer
	var failed [2]error
	var both sync.WaitGroup
	both.Go(func() { with, failed[0] = c.get(ctx, "/api/vscode/status", true) })
	both.Go(func() { without, failed[1] = c.get(ctx, "/api/vscode/status", false) })
	both.Wait()
	if err := cmp.Or(failed[0], failed[1]); err != nil {
		return unanswered(err)
	}
	if with.status == http.StatusUnauthorized {
		return fault.New(fault.Image, "take OH_SESSION_API_KEYS_0 out of the image's environment", "the server refuses the key it was given")
	}
	if with.status != http.StatusOK {
		return refusal("/api/vscode/status", with)
	}
	if without.status != http.StatusUnauthorized {
		return fault.New(fault.Image, "choose another image", "the server answers without the key (%d), so everybody who reaches it could use it", without.status)
	}
	return nil
}

// VSCodeURL asks for the link of VS Code below base ("http://name.localhost:8011") on a folder of the sandbox. The link holds the key.
func (c Client) VSCodeURL(ctx context.Context, base, folder string) (secret.String, error) {
	link, err := c.link(ctx, "/api/vscode/url?"+url.Values{"base_url": {base}, "workspace_dir": {folder}}.Encode())
	switch {
	case err != nil:
	case link == "":
		err = fault.New(fault.Image, "", "vs code is not running: the image has none, or it died")
	case !below(base, link):
		return secret.String{}, fault.New(fault.Image, "choose another image", "the server's link to VS Code leads away from the sandbox")
	}
	return secret.New(link), err
}

// below tells whether a link is of the same scheme, host and port as base. The server may be hostile, and the user's
// browser goes where the link says.
func below(base, link string) bool {
	from, err := url.Parse(base)
	to, errTo := url.Parse(link)
	return err == nil && errTo == nil && to.Scheme == from.Scheme && to.Host == from.Host && to.User == nil
}

// DesktopURL asks a server that has a desktop of its own (up to 1.44.1) for its link below base; NoDesktop is the reason where it has none.
func (c Client) DesktopURL(ctx context.Context, base string) (string, error) {
	link, err := c.link(ctx, "/api/desktop/url?"+url.Values{"base_url": {base}}.Encode())
	if err == nil && link == "" {
		err = fault.New(fault.Image, NoDesktopHint, NoDesktop)
	}
	return link, err
}

// Status is what the server says of its VS Code. Running is no page yet: show the link after a 200 or 302 of the page itself.
type Status struct {
	Running bool   `json:"running"`
	Enabled bool   `json:"enabled"`
	Message string `json:"message"`
}

// VSCodeStatus asks for it.
func (c Client) VSCodeStatus(ctx context.Context) (Status, error) {
	var status Status
	return status, c.getJSON(ctx, "/api/vscode/status", true, &status)
}

// Info is what a server says of itself, as far as berth uses it.
type Info struct {
	Title        string   `json:"title"`
	Version      string   `json:"version"`
	SDKVersion   string   `json:"sdk_version"`
	Uptime       float64  `json:"uptime"`    // seconds
	IdleTime     float64  `json:"idle_time"` // seconds
	Capabilities []string `json:"capabilities"`
}

// ServerInfo asks for it; no key is needed.
func (c Client) ServerInfo(ctx context.Context) (Info, error) {
	var info Info
	return info, c.getJSON(ctx, "/server_info", false, &info)
}

// VSCodePage gives the link of VS Code without a key, as it is used behind the gateway.
func VSCodePage(base, folder string) string {
	return base + "/?" + url.Values{"folder": {folder}}.Encode()
}

// link asks for a {"url": …}; a 503 gives the server's own reason.
func (c Client) link(ctx context.Context, path string) (string, error) {
	var body struct {
		URL string `json:"url"`
	}
	err := c.getJSON(ctx, path, true, &body)
	return body.URL, err
}

func (c Client) getJSON(ctx context.Context, path string, keyed bool, into any) error {
	answer, err := c.get(ctx, path, keyed)
	if err != nil {
		return unanswered(err)
	}
	route, _, _ := strings.Cut(path, "?")
	if answer.status != http.StatusOK {
		return refusal(route, answer)
	}
	if err := json.Unmarshal(answer.body, into); err != nil {
		return fault.New(fault.Image, "choose another image", "the server's answer to %s is not what an agent server sends", route)
	}
	return nil
}

type answer struct {
	status int
	body   []byte
}

func (c Client) get(ctx context.Context, path string, keyed bool) (answer, error) {
	base := c.Base
	if base == "" {
		base = fmt.Sprintf("http://127.0.0.1:%d", APIPort)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return answer{}, err
	}
	if keyed {
		req.Header.Set(KeyHeader, c.Key.Reveal())
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return answer{res.StatusCode, body}, err
}

// unanswered keeps the reason and drops the URL around it, which may hold a key.
func unanswered(err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	return fault.New(fault.NotReady, "look at the log", "the server does not answer: %w", err)
}

// refusal says why the server did not do as asked. Every 5xx hides its reason in "exception", as "503: <reason>".
func refusal(route string, a answer) error {
	var body struct{ Exception, Detail string }
	if json.Unmarshal(a.body, &body) == nil { // a detail that is a list has no sentence for people: the number must do
		reason := body.Exception
		if _, after, found := strings.Cut(reason, fmt.Sprintf("%d: ", a.status)); found {
			reason = after
		}
		if reason == "" {
			reason = body.Detail
		}
		if reason != "" {
			return fault.New(fault.Image, "", "%s: the server answered %d: %s", route, a.status, reason)
		}
	}
	return fault.New(fault.Image, "look at the log", "%s: the server answered %d", route, a.status)
}
