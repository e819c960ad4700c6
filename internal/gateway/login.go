package gateway

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"strings"
	"time"

	"berth/internal/event"
)

const (
	// loginPath is where the login page posts its key.
	loginPath = "/.berth/login"
	maxLogin  = 4 << 10 // bytes of the login page's request body
)

//go:embed page.html
var pageHTML string

//go:embed login.js
var loginJS string

// page is a page of the gateway's own.
type page struct {
	title, text string
	script      string
	again       bool // the script asks for the page once more, now from its own site
	refresh     bool // look again in a second
}

func (p page) String() string {
	var extra, data string
	if p.script != "" {
		extra = "<script>" + p.script + "</script>"
	}
	if p.again {
		data = ` data-again="yes"`
	}
	refresh := ""
	if p.refresh {
		refresh = `<meta http-equiv="refresh" content="1">`
	}
	return strings.NewReplacer("{data}", data, "{refresh}", refresh, "{title}", html.EscapeString(p.title),
		"{text}", html.EscapeString(p.text), "{script}", extra).Replace(pageHTML)
}

// ownPolicy lets our pages run and show what is in them, and nobody frame them.
var ownPolicy = fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; connect-src 'self'; base-uri 'none'; "+
	"form-action 'none'; frame-ancestors 'none'", hashOf(loginJS), hashOf(between(pageHTML, "<style>", "</style>")))

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func between(text, begin, end string) string {
	_, text, _ = strings.Cut(text, begin)
	text, _, _ = strings.Cut(text, end)
	return text
}

// loginPage is shown to whoever has no cookie. It is the same for everybody.
func (f *Front) loginPage(again bool) page {
	return page{
		title:  f.config.Name,
		text:   fmt.Sprintf("This page opens by a link of its own. Get one with: berth open %s", f.config.Name),
		script: loginJS, again: again,
	}
}

// logIn answers the login page's request.
func (v *visit) logIn(w wish, visitor string, known bool) error {
	body, err := v.body(w, maxLogin)
	if err != nil {
		return v.sentence(w, 400, "the request of the login page is not understood")
	}
	form, _ := url.ParseQuery(string(body))
	to, key := ownPath(form.Get("to")), form.Get("k")
	login := newLogin()
	used, first := v.front.keys.spend(key, v.link.Port, time.Now(), login)
	switch {
	case used == useFirst:
		return v.redirect(to, v.front.cookies(v.link, login))
	case known:
		v.admit(visitor)
		return v.redirect(to, nil)
	case used == useAgain:
		v.front.usedAgain(v.link, first)
		return v.sentence(w, 403, "this link was used before, so nobody gets in by it any more; get a new one with: berth open "+v.front.config.Name)
	}
	return v.sentence(w, 403, "this link is too old or not of this sandbox; get a new one with: berth open "+v.front.config.Name)
}

// usedAgain revokes the login that a key opened when the key comes back from a browser without that login: one of
// the two got the key by a way it was not given. What was opened with the login is cut, other logins stay.
func (f *Front) usedAgain(l *link, login string) {
	if f.logins.revoked(login) {
		return
	}
	f.logins.revoke([]string{login})
	if f.config.OnRevoke != nil {
		f.config.OnRevoke(login)
	}
	f.cut(login)
	f.tell(event.Warning, fmt.Sprintf("the %s link was opened a second time, in a browser that does not know it: both are logged out. "+
		"If that was not you, somebody saw the link. A new one: berth open %s", l.Kind, f.config.Name))
}

// cookies are what a browser gets for a login.
func (f *Front) cookies(l *link, login string) []string {
	all := []string{setCookie(l, f.cookieFor(l, login))}
	if l.Kind == KindCode {
		all = append(all, codeCookie+"="+string(f.placeholder)+"; Path=/; SameSite=Strict") // VS Code's page reads it
	}
	return all
}

// ownPath keeps a path with its query if it can lead nowhere else, else gives "/".
func ownPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, "\\") ||
		len(to) > maxLogin || !isVisible([]byte(to)) {
		return "/"
	}
	return to
}

// queryKey tells whether a query's session_api_key is the given one.
func queryKey(query, key []byte) bool {
	for len(query) > 0 {
		var one []byte
		one, query, _ = bytes.Cut(query, []byte("&"))
		if value, found := bytes.CutPrefix(one, []byte("session_api_key=")); found {
			return sameKey(value, key)
		}
	}
	return false
}
