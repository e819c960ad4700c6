package gateway

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"berth/internal/event"
)

const (
	maxConnections = 1024        // of all links, at once
	maxStrangers   = 128         // of those, that have shown neither cookie nor key
	tellAgain      = time.Minute // between two events about the same thing
)

// connections knows who is connected, and counts.
type connections struct {
	lock      sync.Mutex
	open      map[*visit]struct{}
	strangers int
	told      map[string]time.Time
}

func newConnections() connections {
	return connections{open: map[*visit]struct{}{}, told: map[string]time.Time{}}
}

// visit is one connection of a browser or a program.
type visit struct {
	front  *Front
	link   *link
	client *side
	inside *side // the connection kept to the server, nil while there is none; only run's goroutine sets it
	used   time.Time

	shown []byte // the cookie that was checked last
	login string // whose it is

	lock   sync.Mutex // of what follows
	closed bool
	dialed net.Conn // inside's, for close

	known   bool   // under connections.lock: has shown a cookie or key
	knownAs string // under connections.lock: its login, "" of a program
}

// enter counts a connection in; without room for it, it closes it and gives nil.
func (f *Front) enter(l *link, conn net.Conn) *visit {
	v := &visit{front: f, link: l, client: newSide(conn)}
	f.lock.Lock()
	room := len(f.open) < maxConnections && f.strangers < maxStrangers
	if room {
		f.open[v] = struct{}{}
		f.strangers++
	}
	f.lock.Unlock()
	if !room {
		_ = conn.Close()
		f.tellOnce("full", "too many connections to the links are open; new ones are refused until some are closed")
		return nil
	}
	return v
}

func (f *Front) leave(v *visit) {
	v.close()
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.open, v)
	if !v.known {
		f.strangers--
	}
}

// admit counts a visitor who proved himself. It is false for a login that was revoked in the meantime.
func (v *visit) admit(login string) bool {
	if v.known && v.knownAs == login {
		return true // only this goroutine writes them
	}
	f := v.front
	f.lock.Lock()
	defer f.lock.Unlock()
	if login != "" && f.logins.revoked(login) {
		return false
	}
	if !v.known {
		f.strangers--
	}
	v.known, v.knownAs = true, login
	return true
}

// cut ends the connections of a login that was revoked.
func (f *Front) cut(login string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	for v := range f.open {
		if v.known && v.knownAs == login {
			v.close()
		}
	}
}

// close ends both connections, whatever is going on.
func (v *visit) close() {
	v.lock.Lock()
	defer v.lock.Unlock()
	v.closed = true
	_ = v.client.conn.Close()
	if v.dialed != nil {
		_ = v.dialed.Close()
	}
}

// keep takes over a connection to the server.
func (v *visit) keep(conn net.Conn) bool {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.closed {
		_ = conn.Close()
		return false
	}
	v.inside, v.dialed = newSide(conn), conn
	return true
}

// drop closes the connection to the server.
func (v *visit) drop() {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.dialed != nil {
		v.inside.dropped.Store(true)
		_ = v.dialed.Close()
	}
	v.inside, v.dialed = nil, nil
}

// serve answers one connection until it ends.
func (v *visit) serve(ctx context.Context) {
	defer v.front.leave(v)
	defer v.front.survive()
	if welcome, who := v.front.welcome(v.client.conn); !welcome {
		v.front.tellOnce("connection of "+who, "a connection to the links was refused, since it was not yours: it was of "+who)
		return
	}
	defer context.AfterFunc(ctx, v.close)()
	for v.exchange(ctx) == nil {
		v.client.rest()
	}
}

// survive keeps a fault of the gateway's own, met in one connection, from ending all links; its place goes to the log.
func (f *Front) survive() {
	if fault := recover(); fault != nil {
		f.tellOnce("fault", fmt.Sprintf("a connection to the links was ended by a fault of berth's own, please report it: %v", fault))
		_, _ = os.Stderr.Write(debug.Stack()) // the log may be gone
	}
}

// tellOnce emits a warning, but not again and again.
func (f *Front) tellOnce(about, text string) {
	f.lock.Lock()
	now := time.Now()
	again := now.Sub(f.told[about]) < tellAgain
	if !again {
		f.told[about] = now
	}
	f.lock.Unlock()
	if !again {
		f.tell(event.Warning, text)
	}
}
