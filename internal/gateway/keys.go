package gateway

import (
	"crypto/sha256"
	"sync"
	"time"

	"berth/internal/secret"
)

const (
	keyLife = 10 * time.Minute
	maxKeys = 256 // remembered, used ones included; the oldest is forgotten first
)

// keyring holds the one-time keys. It keeps digests: a key looked up by its digest leaks nothing by time.
type keyring struct {
	lock  sync.Mutex
	known map[digest]*oneTime
	order []digest // of age
}

type digest [sha256.Size]byte

type oneTime struct {
	port  uint16
	until time.Time
	login string // that it opened; "" while unused
}

// use is what became of a key that was shown.
type use int

const (
	useUnknown use = iota // never minted, of another port, forgotten
	useLate               // nobody used it in time
	useFirst
	useAgain
)

func (k *keyring) mint(port uint16, now time.Time) secret.String {
	key := secret.NewKey()
	id := digest(sha256.Sum256([]byte(key.Reveal())))
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.known == nil {
		k.known = map[digest]*oneTime{}
	}
	if len(k.order) == maxKeys {
		delete(k.known, k.order[0])
		k.order = k.order[1:]
	}
	k.known[id] = &oneTime{port: port, until: now.Add(keyLife)}
	k.order = append(k.order, id)
	return key
}

// spend uses a key up. On the first use it binds login to it; on a second it gives the login that the first one bound.
func (k *keyring) spend(key string, port uint16, now time.Time, login string) (use, string) {
	k.lock.Lock()
	defer k.lock.Unlock()
	one, known := k.known[sha256.Sum256([]byte(key))]
	switch {
	case !known || one.port != port:
		return useUnknown, ""
	case one.login != "":
		return useAgain, one.login
	case now.After(one.until):
		return useLate, ""
	}
	one.login = login
	return useFirst, login
}
