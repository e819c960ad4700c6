package gateway

import (
	"bytes"
	"strconv"
)

// fieldKind tells header names apart. The ones before singleKinds may stand once.
type fieldKind uint8

const (
	kindOther fieldKind = iota
	kindHost
	kindOrigin
	kindSite
	kindDest
	kindCookie
	kindKey
	kindLength
	kindEncoding
	kindUpgrade
	kindExpect
	kindWorker
	singleKinds
	kindConnection
	kindAccept
	kindHop
	kindExtensions
	kindCompress
	kindSetCookie
	kindReplaced
	kindDropped
)

// kinds are the headers that mean something to the gateway.
var kinds = map[string]fieldKind{
	"host": kindHost, "origin": kindOrigin, "sec-fetch-site": kindSite, "sec-fetch-dest": kindDest, "cookie": kindCookie, "x-session-api-key": kindKey,
	"content-length": kindLength, "transfer-encoding": kindEncoding, "upgrade": kindUpgrade, "accept": kindAccept,
	"expect": kindExpect, "service-worker": kindWorker,

	"connection": kindConnection, "keep-alive": kindHop, "proxy-connection": kindHop, "te": kindHop, "trailer": kindHop,
	"sec-websocket-extensions": kindExtensions, "accept-encoding": kindCompress,

	"set-cookie":                   kindSetCookie,
	"x-content-type-options":       kindReplaced,
	"referrer-policy":              kindReplaced,
	"cross-origin-resource-policy": kindReplaced,
	"cross-origin-opener-policy":   kindReplaced,

	"clear-site-data":        kindDropped, // would log the user out of the other links of this name
	"service-worker-allowed": kindDropped, // a worker that covers the whole site would see the next login's key
	"alt-svc":                kindDropped, // leads around the gateway
}

// guards are added to every page from inside.
const guards = "X-Content-Type-Options: nosniff\r\n" +
	"Referrer-Policy: no-referrer\r\n" +
	"Cross-Origin-Resource-Policy: same-origin\r\n" +
	openerPolicy +
	"Content-Security-Policy: frame-ancestors 'self'\r\n"

// openerPolicy takes a page that a stranger's page opened out of the stranger's hands: he would count its frames, send
// it messages and lead it elsewhere. Pages that it opens itself stay in its own.
const openerPolicy = "Cross-Origin-Opener-Policy: same-origin-allow-popups\r\n"

const longestKind = len("cross-origin-resource-policy")

// accessControl begins the headers by which a server opens itself to pages of others.
const accessControl = "access-control-"

// named is a row of kinds.
type named struct {
	name string
	kind fieldKind
}

// kindsByLength finds a name faster than a map: few have the same length and first letter.
var kindsByLength = func() (table [longestKind + 1][]named) {
	for name, kind := range kinds {
		table[len(name)] = append(table[len(name)], named{name, kind})
	}
	return table
}()

func kindOf(name []byte) fieldKind {
	if len(name) > len(accessControl) && equalFold(name[:len(accessControl)], accessControl) {
		return kindDropped
	}
	if len(name) > longestKind {
		return kindOther
	}
	for _, row := range kindsByLength[len(name)] {
		if equalFold(name, row.name) {
			return row.kind
		}
	}
	return kindOther
}

// outgoing is how a request is changed on its way inside.
type outgoing struct {
	link    *link
	session []byte // the server's key, empty where there is none
	from    []byte // what the visitor has in its place
	plain   bool   // the answer must come uncompressed
	mute    bool   // no key is added to the head: it comes in a frame
}

// appendRequest writes the head that goes inside.
func (o outgoing) appendRequest(out []byte, h *head) []byte {
	out = append(append(out, h.method...), ' ')
	out = append(o.appendTarget(out, h), " HTTP/1.1\r\n"...)
	for _, f := range h.fields {
		switch f.kind {
		case kindConnection, kindHop, kindUpgrade, kindEncoding, kindLength, kindKey, kindDropped:
			continue
		case kindCookie:
			out = o.appendCookie(out, f.value)
			continue
		case kindExtensions:
			if o.rewrites() {
				continue // a compressed frame could not be rewritten
			}
		case kindCompress:
			if o.plain {
				continue
			}
		}
		out = appendField(out, f)
	}
	if h.single[kindCookie] == nil {
		out = o.appendCookie(out, nil)
	}
	if o.link.Kind == KindAPI && len(o.session) > 0 && !o.mute {
		out = append(append(append(out, "X-Session-API-Key: "...), o.session...), "\r\n"...)
	}
	return append(appendFraming(out, h, h.length > 0 || !h.safe()), "\r\n"...)
}

// rewrites tells whether the server's key takes the place of another one.
func (o outgoing) rewrites() bool {
	return len(o.session) > 0 && (o.link.Kind == KindCode || o.link.Kind == KindAPI)
}

// appendTarget writes the target with the server's key in its query where the visitor had his.
func (o outgoing) appendTarget(out []byte, h *head) []byte {
	begin := len(out)
	out = append(out, h.target...)
	if o.rewrites() {
		swapKeys(out[begin+len(h.path()):], o.from, o.session)
	}
	return out
}

// appendCookie writes the cookies without the gateway's own. VS Code's is the server's key.
func (o outgoing) appendCookie(out, cookies []byte) []byte {
	begin := len(out)
	out = append(out, "Cookie: "...)
	empty := len(out)
	next := func() {
		if len(out) > empty {
			out = append(out, "; "...)
		}
	}
	for len(cookies) > 0 {
		var one []byte
		one, cookies, _ = bytes.Cut(cookies, []byte(";"))
		one = trim(one)
		name, _, _ := bytes.Cut(one, []byte("="))
		if len(one) > 0 && !ours(name) && string(name) != codeCookie {
			next()
			out = append(out, one...)
		}
	}
	if o.link.Kind == KindCode && len(o.session) > 0 {
		next()
		out = append(append(out, codeCookie+"="...), o.session...)
	}
	if len(out) == empty {
		return out[:begin]
	}
	return append(out, "\r\n"...)
}

// incoming is how a response is changed on its way to the visitor.
type incoming struct {
	session []byte
	to      []byte // what takes the place of the server's key
}

// appendResponse writes the head that goes to the visitor. close tells him that the connection ends.
func (in incoming) appendResponse(out []byte, h *head, bodiless, end bool) []byte {
	out = strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(h.status), 10)
	out = append(append(append(out, ' '), h.reason...), "\r\n"...)
	for _, f := range h.fields {
		switch f.kind {
		case kindConnection, kindHop, kindUpgrade, kindEncoding, kindLength, kindReplaced, kindDropped, kindKey:
			continue
		case kindSetCookie:
			if ours(f.value) {
				continue
			}
		}
		begin := len(out)
		out = appendField(out, f)
		swapKeys(out[begin:], in.session, in.to)
	}
	out = append(out, guards...)
	if end {
		out = append(out, "Connection: close\r\n"...)
	}
	return append(appendFraming(out, h, !bodiless && h.length >= 0 || h.single[kindLength] != nil), "\r\n"...)
}

func appendField(out []byte, f field) []byte {
	out = append(append(out, f.name...), ": "...)
	return append(append(out, f.value...), "\r\n"...)
}

// appendFraming writes where the body ends and whether another protocol follows.
func appendFraming(out []byte, h *head, length bool) []byte {
	switch {
	case h.upgrade:
		return append(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case h.chunked:
		return append(out, "Transfer-Encoding: chunked\r\n"...)
	case length:
		out = append(out, "Content-Length: "...)
		return append(strconv.AppendInt(out, h.length, 10), "\r\n"...)
	}
	return out
}

// swapKeys puts one key in the place of another wherever it stands in p, and tells whether it did. Both have the same
// length, so that nothing else changes.
func swapKeys(p, from, to []byte) bool {
	found := false
	for len(p) >= keyLength && len(from) == keyLength && len(to) == keyLength {
		at := bytes.Index(p, from)
		if at < 0 {
			break
		}
		copy(p[at:], to)
		p = p[at+keyLength:]
		found = true
	}
	return found
}
