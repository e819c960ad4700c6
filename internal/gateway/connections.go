package gateway

import (
	"context"
	"net"
	"sync"
	"time"

	"berth/internal/event"
)

const (
	maxConnections = 1024        // of all links, at once
	maxStrangers   = 128         // of those, that have not proven themselves
	tellAgain      = time.Minute // between two events about the same kind of visitor
)

// connections counts and knows who is connected.
type connections struct {
	lock      sync.Mutex
	open      map[*visit]string // its login; "" for strangers and programs
	strangers int
	told      map[string]time.Time
}

// visit is one connection of a browser or a program.
type visit struct {
	front *Front
	link  *link
	conn  net.Conn
}

func newConnections() connections {
	return connections{open: map[*visit]string{}, told: map[string]time.Time{}}
}

// serve answers one connection until it ends.
func (f *Front) serve(ctx context.Context, l *link, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // all that mattered was written
	if welcome, who := f.welcome(conn); !welcome {
		f.tellOnce("connection of "+who, "a connection of "+who+" to the links was refused: they are yours alone")
		return
	}
	_ = ctx
	_ = l
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
