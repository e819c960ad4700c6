package mounts

import (
	"fmt"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// EngineKind says how an engine maps the users of a sandbox to those of the host.
type EngineKind string

// The kinds of engines.
const (
	Rootful        EngineKind = "rootful"
	Rootless       EngineKind = "rootless"
	Remapped       EngineKind = "userns-remap"
	Podman         EngineKind = "podman"
	PodmanRootless EngineKind = "podman-rootless"
	Desktop        EngineKind = "desktop"
)

// UserFacts is all the choice of a user depends on.
type UserFacts struct {
	Engine           EngineKind
	UID, GID         int    // of berth's process
	SudoUID, SudoGID int    // who called sudo; 0 when nobody did
	AskedUID         string // SANDBOX_USER_ID as written; "" when not set
	AskedGID         string // SANDBOX_GROUP_ID as written
	ImageUID         int    // the image's own user
	WritableBind     bool   // some host folder is mounted rw
	Namespace        string // the user's opt-in: "", "host" (userns-remap) or "keep-id" (rootless Podman)
	GiveUpRoot       bool   // --give-up not-host-root
	NotRoots         string // a mounted folder that root does not own; "" when all are root's
}

// UserChoice is who runs inside, and who owns on the host what it writes.
type UserChoice struct {
	User       string // "1000:1000"; "" leaves the image's
	UsernsMode string
	HostOwner  int // who that is on the host
	HostGroup  int
	Writes     bool // some bind is writable
	Root       bool // the sandbox is root on the host: not-host-root was given up
}

// UserError says why no user can be chosen.
type UserError struct {
	Kind   ErrorKind
	Reason string
	hint   string
}

// Error gives the reason.
func (e *UserError) Error() string { return e.Reason }

// Hint gives one thing to do.
func (e *UserError) Hint() string { return e.hint }

// Unwrap gives the error as a fault, so that cmd finds kind and hint.
func (e *UserError) Unwrap() error {
	return &fault.Fault{Kind: fault.Usage, Message: e.Reason, Hint: e.hint}
}

// PickUser decides who runs inside: whoever the folders belong to, as that engine has to be told.
// The table behind it was measured against each engine with all capabilities dropped.
func PickUser(f UserFacts) (UserChoice, error) {
	uid, gid, err := f.wanted()
	if err != nil {
		return UserChoice{}, err
	}
	switch f.Engine {
	case Rootless, PodmanRootless:
		return f.rootless(uid, gid)
	case Desktop:
		return f.desktop(uid, gid)
	case Remapped:
		return f.remapped(uid, gid)
	}
	return f.plain(uid, gid, "")
}

// wanted gives the user that was asked for, else whoever started berth, through sudo or not.
func (f UserFacts) wanted() (uid, gid int, err error) {
	uid, gid = f.self()
	if f.AskedUID != "" {
		if uid, err = userNumber("SANDBOX_USER_ID", f.AskedUID); err != nil {
			return 0, 0, err
		}
	}
	if f.AskedGID != "" {
		if gid, err = userNumber("SANDBOX_GROUP_ID", f.AskedGID); err != nil {
			return 0, 0, err
		}
	}
	return uid, gid, nil
}

func (f UserFacts) self() (uid, gid int) {
	if f.UID == 0 && f.SudoUID != 0 {
		return f.SudoUID, f.SudoGID
	}
	return f.UID, f.GID
}

func userNumber(name, text string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return 0, &UserError{Kind: BadUser, Reason: fmt.Sprintf("%s: %s is not a user number", name, quote(text)), hint: "write a number, as `id -u` prints it"}
	}
	return int(n), nil
}

// plain is an engine on which a number inside is the same number outside.
func (f UserFacts) plain(uid, gid int, mode string) (UserChoice, error) {
	choice := UserChoice{User: fmt.Sprintf("%d:%d", uid, gid), UsernsMode: mode, HostOwner: uid, HostGroup: gid, Writes: f.WritableBind}
	if uid != 0 {
		return choice, nil
	}
	if !f.GiveUpRoot {
		return UserChoice{}, f.rootError()
	}
	if f.NotRoots != "" {
		return UserChoice{}, &UserError{Kind: RootUser,
			Reason: fmt.Sprintf("%s: root does not own it, and not-host-root is given up only for folders of root's", quote(f.NotRoots)),
			hint:   "run berth as the user who owns it"}
	}
	choice.User, choice.HostGroup, choice.Root = "0:0", 0, true
	return choice, nil
}

func (f UserFacts) rootError() error {
	who := "berth was started as root"
	if f.AskedUID != "" {
		who = fmt.Sprintf("SANDBOX_USER_ID: %s is root", quote(f.AskedUID))
	}
	return &UserError{Kind: RootUser, Reason: who + ", and the sandbox would write as root of this machine",
		hint: "run berth as an ordinary user; or, for folders that root owns, --give-up not-host-root"}
}

// rootless engines show the host user as root inside; everybody else inside is a number that owns nothing.
func (f UserFacts) rootless(uid, gid int) (UserChoice, error) {
	own, group := f.self()
	if f.AskedUID != "" && uid != own || f.AskedGID != "" && gid != group {
		return UserChoice{}, &UserError{Kind: UserUnmappable,
			Reason: fmt.Sprintf("SANDBOX_USER_ID, SANDBOX_GROUP_ID: a rootless engine cannot run as %d:%d, only as its own user %d:%d", uid, gid, own, group),
			hint:   "unset SANDBOX_USER_ID and SANDBOX_GROUP_ID"}
	}
	choice := UserChoice{User: "0:0", HostOwner: own, HostGroup: group, Writes: f.WritableBind}
	if f.Engine == PodmanRootless && f.Namespace == "keep-id" {
		choice.User = fmt.Sprintf("%d:%d", f.ImageUID, f.ImageUID)
		choice.UsernsMode = fmt.Sprintf("keep-id:uid=%d,gid=%d", f.ImageUID, f.ImageUID)
	}
	return choice, nil
}

// desktop engines pretend to each caller that it owns the shared folders.
func (f UserFacts) desktop(uid, gid int) (UserChoice, error) {
	own, group := f.self()
	choice := UserChoice{HostOwner: own, HostGroup: group, Writes: f.WritableBind}
	if f.AskedUID == "" && f.AskedGID == "" {
		return choice, nil
	}
	if uid == 0 {
		return UserChoice{}, f.rootError()
	}
	choice.User = fmt.Sprintf("%d:%d", uid, gid)
	return choice, nil
}

// firstUnmapped is the size of the range that dockerd's userns-remap maps: a higher number has no meaning inside
// (measured: "setgroups: invalid argument").
const firstUnmapped = 65536

func (f UserFacts) remapped(uid, gid int) (UserChoice, error) {
	if f.Namespace == "host" {
		return f.plain(uid, gid, "host")
	}
	if f.WritableBind {
		return UserChoice{}, &UserError{Kind: UsernsRemap,
			Reason: "this engine runs with userns-remap: nobody inside a sandbox can write a folder of yours",
			hint:   `mount it ro; or set user_namespace = "host", which the plan shows as softened`}
	}
	if uid >= firstUnmapped || gid >= firstUnmapped {
		return UserChoice{}, &UserError{Kind: UserUnmappable,
			Reason: fmt.Sprintf("this engine runs with userns-remap: it maps no user %d:%d, only numbers below %d", uid, gid, firstUnmapped),
			hint:   "SANDBOX_USER_ID=1000 SANDBOX_GROUP_ID=1000"}
	}
	return f.plain(uid, gid, "")
}
