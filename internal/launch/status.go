package launch

import (
	"net/netip"
	"time"

	"berth/internal/sandbox"
	"berth/internal/secret"
)

// LinkKind names what a link opens.
type LinkKind string

// The kinds of links.
const (
	API  LinkKind = "api"
	Code LinkKind = "code"
	VNC  LinkKind = "vnc"
)

// Link is one way into a sandbox.
type Link struct {
	Kind    LinkKind
	At      netip.AddrPort // where it listens; the zero value when there is none
	URL     secret.String  // with the key in it: only for the user's own hands
	Opens   string         // for a person: "~/shop", "the agent's desktop"
	Missing string         // why there is no such link, with the remedy; "" when there is one
}

// Status is one sandbox as lists and details show it.
type Status struct {
	Name     string
	State    sandbox.State
	Profile  string
	Image    string          // as the user named it
	Project  string          // folder it belongs to; "" when unknown
	Mounts   []sandbox.Mount // the user's, not berth's own
	Links    []Link          // without URLs
	Posture  string          // as it was last proven; "" before
	GivenUp  []string        // rules that the user does without, as written
	Created  time.Time
	Started  time.Time
	ExitCode int
	Mine     bool // made by this user with this state folder
	Observed sandbox.Observed
}

// Result is a launch that ended well.
type Result struct {
	Status  Status
	Links   []Link // with URLs
	Posture string
	Already bool // it was up before
}

// Removal is one thing that goes, went or stays.
type Removal struct {
	Kind   sandbox.ObjectKind
	Name   string
	Why    string // "its launch never finished", "record without a sandbox"
	Kept   bool   // stays, for the reason in Why
	ID     string // of a container that has no name of berth's
	Labels map[string]string
}

// UpOptions say how a launch treats what is already there and what it leaves.
type UpOptions struct {
	Recreate bool // replace a sandbox whose plan has changed
	Keep     bool // leave what was made when the launch fails
}

// StopOptions say how long a sandbox may take to end.
type StopOptions struct {
	Grace time.Duration // 0: the sandbox's own
	Force bool          // kill at once
}
