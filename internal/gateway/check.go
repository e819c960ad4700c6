package gateway

import (
	"bytes"
	"slices"
)

// asked is what a request says about who sent it, and where from.
type asked struct {
	host    bool   // Host is one of this link's
	trace   bool   // by a method that echoes headers
	origin  origin //
	site    site   //
	safe    bool   // GET or HEAD
	upgrade bool   //
	login   bool   // the login page's own request
	worker  bool   // the script of a service worker that would cover the whole site
	typed   bool   // the user himself opens a page: by a link outside of pages, a bookmark, the address bar
	socket  bool   // a socket of the API's
	cookie  bool   // a login's that counts
	key     bool   // the client key, at the API's port
}

// origin is what the Origin header says.
type origin uint8

const (
	originNone origin = iota
	originOwn
	originOther
)

// site is what the Sec-Fetch-Site header says, which no page can choose.
type site uint8

const (
	siteNone  site = iota // no such header
	siteOwn               // same-origin, or none: the user himself
	siteOther             // another page's doing
)

// verdict is what is done with a request.
type verdict uint8

const (
	forward     verdict = iota // for a browser
	forwardKey                 // for a program
	awaitKey                   // for a program whose socket shows its key in its first frame
	misdirected                // 421
	forbidden                  // 403
	noMethod                   // 405
	ownLogin                   // the login page's request is answered
	pageLogin                  // the login page and nothing else
	pageAgain                  // the login page, which comes back by itself, now from its own site
	pageDrop                   // the same, to somebody known
	unknown                    // 401
)

// checks are asked in this order; the first that is true decides, and a request that passes all is forwarded.
var checks = []struct {
	why  string
	when func(asked) bool
	then verdict
}{
	{"a name that resolves to loopback is not this link's (rebinding)", func(a asked) bool { return !a.host }, misdirected},
	{"an echo would show the key", func(a asked) bool { return a.trace }, noMethod},
	{"a program proves itself by the client key, which no page knows", func(a asked) bool {
		return a.key && a.origin == originNone && a.site != siteOther
	}, forwardKey},
	{"a program's socket may show that key first of all", func(a asked) bool {
		return a.socket && a.upgrade && a.origin == originNone && a.site == siteNone && !a.cookie
	}, awaitKey},
	{"a page of others changes nothing and opens nothing", func(a asked) bool {
		return a.site == siteOther && (!a.safe || a.upgrade)
	}, forbidden},
	{"a link on a page of others leads to the login page at most", func(a asked) bool { return a.site == siteOther }, pageAgain},
	{"an Origin that is there is equal", func(a asked) bool { return a.origin == originOther }, forbidden},
	{"what changes something, or opens a socket, has an Origin", func(a asked) bool {
		return a.origin == originNone && (!a.safe || a.upgrade)
	}, forbidden},
	{"a worker for the whole site would outlive its sandbox and see the next key", func(a asked) bool { return a.worker }, forbidden},
	{"the login page shows its key", func(a asked) bool { return a.login }, ownLogin},
	{"who has no cookie may log in", func(a asked) bool { return !a.cookie && a.safe && !a.upgrade }, pageLogin},
	{"who has no cookie gets nothing else", func(a asked) bool { return !a.cookie }, unknown},
	{"a key in the address is for the login page, not for a page from inside", func(a asked) bool { return a.typed && a.safe && !a.upgrade }, pageDrop},
}

func judge(a asked) verdict {
	for _, check := range checks {
		if check.when(a) {
			return check.then
		}
	}
	return forward
}

// read makes the facts of a request. It gives the login whose cookie was shown, if it counts.
func (v *visit) read(h *head) (asked, string) {
	l := v.link
	login, cookie := v.cookie(h)
	return asked{
		host:    slices.Contains(l.hosts, string(h.single[kindHost])),
		trace:   string(h.method) == "TRACE",
		origin:  originOf(h),
		site:    siteOf(h.single[kindSite]),
		safe:    h.safe(),
		upgrade: h.upgrade,
		login:   string(h.method) == "POST" && string(h.path()) == loginPath,
		worker:  h.single[kindWorker] != nil && !deep(h.path()),
		typed:   string(h.single[kindSite]) == "none" && string(h.single[kindDest]) == "document" && h.html,
		socket:  l.Kind == KindAPI && bytes.HasPrefix(h.target, []byte(apiSockets)),
		cookie:  cookie,
		key:     l.Kind == KindAPI && v.hasKey(h),
	}, login
}

// originOf compares Origin with Host. A form of a page from inside says null, because the gateway's no-referrer hides the
// origin (Fetch standard, "append a request Origin header"); that it is of this site, Sec-Fetch-Site says, which a framed
// or foreign page cannot make same-origin.
func originOf(h *head) origin {
	origin, host := h.single[kindOrigin], h.single[kindHost]
	const scheme = "http://"
	switch {
	case origin == nil:
		return originNone
	case string(origin) == "null" && string(h.single[kindSite]) == "same-origin" && !h.upgrade:
		return originOwn
	case len(origin) == len(scheme)+len(host) && string(origin[:len(scheme)]) == scheme && string(origin[len(scheme):]) == string(host):
		return originOwn
	}
	return originOther
}

func siteOf(value []byte) site {
	switch {
	case value == nil:
		return siteNone
	case string(value) == "same-origin", string(value) == "none":
		return siteOwn
	}
	return siteOther
}

// deep is a path at least two folders down: a worker covers its own folder only.
func deep(path []byte) bool {
	slashes := 0
	for _, c := range path {
		if c == '/' {
			slashes++
		}
	}
	return slashes > 2
}

// hasKey tells whether a program showed the client key: in the header or, as the SDK opens its sockets, in the query.
func (v *visit) hasKey(h *head) bool {
	client := v.front.client
	if given := h.single[kindKey]; given != nil {
		return sameKey(given, client)
	}
	return h.upgrade && queryKey(h.query(), client)
}
