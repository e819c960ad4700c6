package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
)

const (
	keyLength    = 64 // hex digits of a key, a placeholder, a signature
	loginLength  = 16 // hex digits that name one login
	cookiePrefix = "berth_"
	codeCookie   = "vscode-tkn" // VS Code's own, whose value is the server's key

	// sharedPlaceholder is every sandbox's where links are written with 127.0.0.1: there they share their cookies,
	// and the last one's placeholder would lock out the others. It opens nothing.
	sharedPlaceholder = "62657274682070757473207468652073657373696f6e206b657920686572652e"
)

// derive gives 64 hex digits for a purpose, the same in each gateway of this run.
func (f *Front) derive(purpose ...string) string {
	words := append(purpose, f.config.Run, f.config.Name)
	mac := hmac.New(sha256.New, []byte(f.config.Secret.Reveal()))
	for _, word := range words {
		mac.Write([]byte(strconv.Itoa(len(word)) + ":" + word))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// newLogin names a login.
func newLogin() string {
	var bits [loginLength / 2]byte
	_, _ = rand.Read(bits[:]) // never fails
	return hex.EncodeToString(bits[:])
}

// cookieFor is the value of a login's cookie at a link: cookies of a host go to each of its ports, so a value counts
// at one port only.
func (f *Front) cookieFor(l *link, login string) string {
	return login + f.derive("cookie", strconv.Itoa(int(l.Port)), login)
}

// login gives whose cookie a value is, if it counts here and now.
func (f *Front) login(l *link, value []byte) (string, bool) {
	if len(value) != loginLength+keyLength {
		return "", false
	}
	login := string(value[:loginLength])
	ours := hmac.Equal([]byte(f.cookieFor(l, login)), value)
	return login, ours && !f.logins.revoked(login)
}

// setCookie is the login cookie's header value. It has no Domain, so that no other host gets it.
func setCookie(l *link, value string) string {
	return l.cookie + "=" + value + "; Path=/; HttpOnly; SameSite=Strict"
}

// ours tells whether a cookie belongs to the gateway: of this port or, since cookies ignore ports, of another.
func ours(name []byte) bool { return strings.HasPrefix(string(name), cookiePrefix) }

// logins remembers those that count no more.
type logins struct {
	lock sync.Mutex
	gone map[string]struct{}
}

func (l *logins) revoked(login string) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	_, gone := l.gone[login]
	return gone
}

func (l *logins) revoke(some []string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.gone == nil {
		l.gone = map[string]struct{}{}
	}
	for _, login := range some {
		l.gone[login] = struct{}{}
	}
}
