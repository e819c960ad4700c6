package mounts

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/host"
)

// rule is a path that is not mounted. A source is refused if it is the path, contains it, or, for a tree, lies inside.
type rule struct {
	path  string
	tree  bool
	never bool   // not even by allow_paths
	os    string // the only system it counts on; "" for all
	what  string // "holds SSH keys", after the path
}

const (
	system      = "belongs to the system"
	programs    = "holds the system's programs"
	credentials = "holds credentials"
	shared      = "is shared by everybody on this machine"
)

// systemRules are absolute paths.
var systemRules = []rule{
	{path: "/", never: true, what: "is the whole machine"},
	{path: "/etc", tree: true, never: true, what: system},
	{path: "/proc", tree: true, never: true, what: system},
	{path: "/sys", tree: true, never: true, what: system},
	{path: "/dev", tree: true, never: true, what: system},
	{path: "/boot", tree: true, never: true, what: system},
	{path: "/run", tree: true, never: true, what: "holds the sockets of the system's services"},
	{path: "/var/run", tree: true, never: true, what: "holds the sockets of the system's services"},
	{path: "/usr", tree: true, what: programs},
	{path: "/bin", tree: true, what: programs},
	{path: "/sbin", tree: true, what: programs},
	{path: "/lib", tree: true, what: programs},
	{path: "/lib32", tree: true, what: programs},
	{path: "/lib64", tree: true, what: programs},
	{path: "/libx32", tree: true, what: programs},
	{path: "/libexec", tree: true, what: programs},
	{path: "/var/lib", tree: true, what: "holds the data of the system's services"},
	{path: "/home", what: "holds everybody's home"},
	{path: "/root", what: "is root's home"},
	{path: "/var", what: system},
	{path: "/opt", what: programs},
	{path: "/mnt", what: "holds other file systems"},
	{path: "/tmp", what: shared},
	{path: "/System", tree: true, os: "darwin", what: system},
	{path: "/Library", tree: true, os: "darwin", what: system},
	{path: "/Users", os: "darwin", what: "holds everybody's home"},
}

// homeRules are paths below a home folder.
var homeRules = []rule{
	{path: ".ssh", tree: true, what: "holds SSH keys"},
	{path: ".aws", tree: true, what: credentials},
	{path: ".azure", tree: true, what: credentials},
	{path: ".gnupg", tree: true, what: "holds GPG keys"},
	{path: ".kube", tree: true, what: credentials},
	{path: ".docker", tree: true, what: credentials},
	{path: ".netrc", tree: true, what: credentials},
	{path: ".npmrc", tree: true, what: credentials},
	{path: ".pypirc", tree: true, what: credentials},
	{path: ".git-credentials", tree: true, what: credentials},
	{path: ".password-store", tree: true, what: "holds passwords"},
	{path: ".vault-token", tree: true, what: credentials},
	{path: ".mozilla", tree: true, what: "holds a browser's cookies and passwords"},
	{path: ".claude", tree: true, what: credentials},
	{path: ".codex", tree: true, what: credentials},
	{path: ".gemini", tree: true, what: credentials},
	{path: ".bash_history", tree: true, what: "holds typed commands"},
	{path: ".local/share/keyrings", tree: true, what: "holds passwords"},
	{path: ".config/gcloud", tree: true, what: credentials},
	{path: ".config/gh", tree: true, what: credentials},
	{path: ".config/op", tree: true, what: credentials},
	{path: ".config/google-chrome", tree: true, what: "holds a browser's cookies and passwords"},
	{path: ".config/chromium", tree: true, what: "holds a browser's cookies and passwords"},
	{path: ".config/Code", tree: true, what: "holds an editor's sign-ins"},
	{path: "AppData", tree: true, os: "windows", what: "holds programs' sign-ins"},
	{path: "Library/Keychains", tree: true, os: "darwin", what: "holds passwords"},
	{path: "Library/Cookies", tree: true, os: "darwin", what: "holds cookies"},
	{path: "Library/Application Support", tree: true, os: "darwin", what: "holds programs' sign-ins"},
}

// rules gives the host's own deny list, with absolute paths.
func (h Host) rules() []rule {
	var out []rule
	for _, r := range systemRules {
		if h.OS != "windows" && (r.os == "" || r.os == h.OS) {
			out = append(out, r)
		}
	}
	for _, home := range h.homes() {
		out = append(out, homeRulesOn(h.OS, home)...)
	}
	for _, dir := range h.State {
		out = append(out, rule{path: h.slashed(dir), tree: true, never: true, what: "is berth's own"})
	}
	if h.Engine.Root != "" {
		out = append(out, rule{path: h.slashed(h.Engine.Root), tree: true, never: true, what: "is the engine's own"})
	}
	return out
}

// homes gives the folders that count as a home: those of the user, whatever HOME says.
func (h Host) homes() []string {
	var out []string
	for _, dir := range append([]string{h.Home}, h.Homes...) {
		if dir != "" && !slices.Contains(out, h.slashed(dir)) {
			out = append(out, h.slashed(dir))
		}
	}
	return out
}

// homeRulesOn gives the rules of one home folder, by the system whose programs fill it.
func homeRulesOn(system, home string) []rule {
	out := []rule{{path: home, never: true, what: "is a home folder"}}
	for _, r := range homeRules {
		if r.os == "" || r.os == system {
			r.path = home + "/" + r.path
			out = append(out, r)
		}
	}
	return out
}

// windowsRules are those of the drive on which real lies: its root, its users, and the home real is in.
func (h Host) windowsRules(real string) []rule {
	drive, rest, ok := h.splitWindows(real)
	if !ok {
		return nil
	}
	out := []rule{{path: drive, never: true, what: "is a whole drive"}}
	names := elements(rest)
	if len(names) == 0 || !strings.EqualFold(names[0], "users") {
		return append(out, rule{path: cleanPath(drive + "/Users"), never: true, what: "holds everybody's home"})
	}
	users := cleanPath(drive + "/" + names[0])
	out = append(out, rule{path: users, never: true, what: "holds everybody's home"})
	if len(names) > 1 {
		out = append(out, homeRulesOn("windows", users+"/"+names[1])...)
	}
	return out
}

// splitWindows cuts the drive off a path on Windows, or of a drive that WSL has mounted.
func (h Host) splitWindows(real string) (drive, rest string, ok bool) {
	if h.OS == "windows" && startsDrive(real) {
		return real[:3], real[3:], true
	}
	if !h.WSL.Present() || !strings.HasPrefix(real, h.WSL.Automount) {
		return "", "", false
	}
	rest = strings.TrimPrefix(real, h.WSL.Automount)
	letter, rest, _ := strings.Cut(rest, "/")
	return h.WSL.Automount + letter, rest, len(letter) == 1
}

// member is a rule whose path was looked up.
type member struct {
	rule
	place place
}

// guard answers whether a source is refused; it looks each rule's path up once.
type guard struct {
	h       Host
	members []member
	lent    []member
	sockets []host.File // of engines and agents
}

func newGuard(h Host) *guard {
	g := &guard{h: h, members: h.lookUp(h.rules())}
	for _, dir := range h.Lent {
		g.lent = append(g.lent, h.lookUp([]rule{{path: h.slashed(dir), tree: true, never: true}})...)
	}
	for _, p := range h.knownSockets() {
		if at := h.follow(cleanPath(h.slashed(p))); at.exists {
			g.sockets = append(g.sockets, at.stat())
		}
	}
	return g
}

func (h Host) lookUp(rules []rule) []member {
	out := make([]member, len(rules))
	for i, r := range rules {
		out[i] = member{rule: r, place: h.follow(cleanPath(r.path))}
	}
	return out
}

// hit is why a source is refused.
type hit struct {
	member member
	reason string
}

// check gives the strongest reason against a source, or nil. at may be a place that does not exist.
func (g *guard) check(at place) *hit {
	var best *hit
	consider := func(m member, reason string) {
		if reason != "" && (best == nil || m.never && !best.member.never) {
			best = &hit{m, reason}
		}
	}
	aliases, below := g.h.aliases(at.path), g.mountsBelow(at.path)
	for _, m := range append(g.h.lookUp(g.h.windowsRules(at.path)), g.members...) {
		consider(m, g.direct(m, at))
		for _, alias := range aliases {
			consider(m, g.byPath(m, g.show(at.path), alias))
		}
		for _, point := range below {
			for _, alias := range g.h.aliases(point) {
				consider(m, g.byPath(m, fmt.Sprintf("%s contains %s, which", g.show(at.path), g.show(point)), alias))
			}
		}
	}
	for _, m := range g.lent {
		if m.place.path != at.path && m.surrounds(at) {
			consider(m, fmt.Sprintf("%s lies inside %s, which a sandbox can write and may have swapped: mount %[2]s itself", g.show(at.path), g.show(m.place.path)))
		}
	}
	return best
}

// direct compares by path and by identity: a bind mount, another spelling and another unicode form have the same inode.
func (g *guard) direct(m member, at place) string {
	same := at.exists && m.place.exists && at.stat().Same(m.place.stat())
	switch {
	case at.path == m.place.path:
		return g.show(at.path) + " " + m.why()
	case same:
		return fmt.Sprintf("%s is %s, which %s", g.show(at.path), g.show(m.path), m.why())
	case m.tree && m.surrounds(at):
		return fmt.Sprintf("%s lies inside %s, which %s", g.show(at.path), g.show(m.path), m.why())
	case within(m.place.path, at.path) || at.exists && holds(m.place.above(), at.stat()):
		return fmt.Sprintf("%s contains %s, which %s", g.show(at.path), g.show(m.path), m.why())
	}
	return ""
}

// byPath compares another place of a file, which mountinfo knows, by path alone; who begins the sentence.
func (g *guard) byPath(m member, who, alias string) string {
	if alias == m.place.path || m.tree && within(alias, m.place.path) || within(m.place.path, alias) {
		return fmt.Sprintf("%s is also %s, which %s", who, g.show(alias), m.byAlias(alias))
	}
	return ""
}

// surrounds tells whether a place is the member or lies inside it.
func (m member) surrounds(at place) bool {
	return within(at.path, m.place.path) || m.place.exists && holds(at.above(), m.place.stat())
}

// why ends the sentence about the member itself.
func (r rule) why() string {
	if r.never {
		return r.what + " and is never mounted"
	}
	return r.what + " and is not mounted"
}

func (m member) byAlias(alias string) string {
	switch {
	case alias == m.place.path:
		return m.why()
	case within(alias, m.place.path):
		return "lies inside " + m.path + ", which " + m.why()
	}
	return "contains " + m.path + ", which " + m.why()
}

func (g *guard) show(p string) string { return printable(g.h.native(p)) }

// mountsBelow gives the mount points strictly below a path.
func (g *guard) mountsBelow(real string) []string {
	var out []string
	for _, m := range g.h.Mounts {
		if m.Point != real && within(m.Point, real) && !slices.Contains(out, m.Point) {
			out = append(out, m.Point)
		}
	}
	return out
}

// aliases gives the other paths under which the file at a real path can be seen: the mounts of the same file system that
// show the same part of it. A bind of a folder below a member has an inode that no list holds; this finds it. It compares
// mountinfo with mountinfo, never with stat, whose device differs on btrfs and overlayfs.
func (h Host) aliases(real string) []string {
	at := host.MountPoint{}
	for _, m := range h.Mounts {
		if within(real, m.Point) && len(m.Point) >= len(at.Point) {
			at = m
		}
	}
	if at.Point == "" {
		return nil
	}
	inside := path.Join(at.Root, strings.TrimPrefix(real, at.Point))
	var out []string
	for _, m := range h.Mounts {
		if m.Device != at.Device || !within(inside, m.Root) {
			continue
		}
		alias := path.Join(m.Point, strings.TrimPrefix(inside, strings.TrimSuffix(m.Root, "/")))
		if alias != real && !slices.Contains(out, alias) {
			out = append(out, alias)
		}
	}
	return out
}
