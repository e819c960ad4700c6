package hardening

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/sandbox"
)

// fileRules say what of the file system a sandbox sees and may change.
var fileRules = []Rule{
	{
		ID: "no-engine-socket", Class: Fixed,
		Why:    "who reaches the engine's socket is root on the host",
		Fix:    "take the mount out",
		clause: engineSocket.clause(),
	},
	{
		ID: "mounts", Class: Fixed,
		Why:    "only the folders that the plan showed are there, read-only where it said so",
		clause: userMounts().clause(),
	},
	{
		ID: "read-only-mounts", Class: Tightenable,
		only:   func(p policy) bool { return p.frozen },
		Why:    "work leaves the sandbox when you take it out, so nothing inside changes a folder of the host",
		clause: frozenMounts.clause(),
	},
	{
		ID: "own-mounts-readonly", Class: Fixed,
		Why:    "berth's program and the list of users inside are not the sandbox's to change",
		clause: ownMounts().clause(),
	},
	{
		ID: "home", Class: Tightenable,
		Why:    "home is the sandbox's own, survives a stop, and goes with rm; nothing of the user's home is in it",
		Fix:    "mount it elsewhere",
		clause: homes.clause(),
	},
	{
		ID: "image-volumes", Class: Fixed,
		Why:    "a VOLUME of the image's makes a writable folder on the host, also under a read-only root: memory stands there instead",
		clause: imageVolumes.clause(),
	},
	{
		ID: "tmpfs", Class: Tightenable,
		Why:    "scratch folders in memory are bounded, hold no devices and no setuid programs",
		clause: scratchFolders.clause(),
	},
	{
		ID: "read-only-root", Class: Tightenable,
		only:   func(p policy) bool { return p.readonlyRootfs },
		Why:    "what runs is the image, unchanged",
		clause: field(func(s *spec) *bool { return &s.ReadonlyRootfs }, be(true)).clause(),
	},
	{
		ID: "masked-paths", Class: Tightenable, Needs: Needs{Told: true},
		Why: "what the kernel tells about the host helps whoever wants to break out",
		clause: paths(func(s *spec) *[]string { return &s.MaskedPaths },
			func(s *scope) []string { return s.policy.masked }).clause(),
	},
	{
		ID: "read-only-paths", Class: Tightenable, Needs: Needs{Told: true},
		Why: "the kernel's switches under /proc must not be turned",
		clause: paths(func(s *spec) *[]string { return &s.ReadonlyPaths },
			func(s *scope) []string { return s.policy.readonly }).clause(),
	},
}

// mountClass says whose a mount is: each mount is the concern of exactly one rule.
type mountClass int

const (
	userMount mountClass = iota
	ownMount
	homeMount
	volumeMount // made by the engine for an image's VOLUME
	socketMount
)

func (s *scope) class(m sandbox.Mount) mountClass {
	switch {
	case m.Kind == sandbox.Bind && reachesSocket(m.Source, s.facts.Engine.Endpoint):
		return socketMount
	case m.Target == "/home":
		return homeMount
	case m.Own():
		return ownMount
	case m.Kind == sandbox.Volume && slices.Contains(s.volumes(), m.Target):
		return volumeMount
	}
	return userMount
}

func (s *scope) mounts(spec *sandbox.Spec, class mountClass) []sandbox.Mount {
	var out []sandbox.Mount
	for _, m := range spec.Mounts {
		if s.class(m) == class {
			out = append(out, m)
		}
	}
	return out
}

func (s *scope) setMounts(spec *sandbox.Spec, class mountClass, mounts []sandbox.Mount) {
	kept := slices.DeleteFunc(slices.Clone(spec.Mounts), func(m sandbox.Mount) bool { return s.class(m) == class })
	spec.Mounts = append(kept, mounts...)
}

// mountsOf makes the part of a rule that keeps one class of mounts as it was planned.
func mountsOf(class mountClass, refuse func([]sandbox.Mount, *scope) string) part[[]sandbox.Mount] {
	return part[[]sandbox.Mount]{
		get:    func(spec *sandbox.Spec, s *scope) []sandbox.Mount { return s.mounts(spec, class) },
		set:    func(spec *sandbox.Spec, s *scope, v []sandbox.Mount) { s.setMounts(spec, class, v) },
		want:   same[[]sandbox.Mount],
		refuse: refuse,
		show:   showMounts,
	}
}

// userMounts are the folders that the plan showed. Under a profile that makes them read-only, whether they are is the
// concern of read-only-mounts.
func userMounts() part[[]sandbox.Mount] {
	p := mountsOf(userMount, nil)
	all := p.get
	p.get = func(spec *sandbox.Spec, s *scope) []sandbox.Mount {
		list := slices.Clone(all(spec, s))
		for i := range list {
			list[i].ReadOnly = list[i].ReadOnly || s.policy.frozen && s.isFolder(list[i])
		}
		return list
	}
	return p
}

// isFolder tells whether m is a folder of the host's that the plan has, be it writable or not.
func (s *scope) isFolder(m sandbox.Mount) bool {
	return m.Kind == sandbox.Bind && slices.ContainsFunc(s.mounts(&s.spec, userMount), func(p sandbox.Mount) bool {
		return p.Source == m.Source && p.Target == m.Target
	})
}

// frozenMounts owns whether the plan's folders are writable: it is the list of those that are.
var frozenMounts = part[[]string]{
	get: func(spec *sandbox.Spec, s *scope) []string {
		var out []string
		for _, m := range s.mounts(spec, userMount) {
			if s.isFolder(m) && !m.ReadOnly {
				out = append(out, m.Target)
			}
		}
		return out
	},
	set: func(spec *sandbox.Spec, s *scope, writable []string) {
		list := s.mounts(spec, userMount)
		for i, m := range list {
			list[i].ReadOnly = m.ReadOnly || s.isFolder(m) && !slices.Contains(writable, m.Target)
		}
		s.setMounts(spec, userMount, list)
	},
	want: be[[]string](nil),
	show: func(v []string) string {
		if len(v) == 0 {
			return "no writable folder of the host"
		}
		return "writable: " + strings.Join(v, ", ")
	},
}

// ownMounts are named only when they are not as they should be: they are always the same.
func ownMounts() part[[]sandbox.Mount] {
	p := mountsOf(ownMount, refuseWritable)
	p.show = func(v []sandbox.Mount) string { return fmt.Sprintf("%d, read-only", len(v)) }
	p.differ = func(want, got []sandbox.Mount) (string, string) { return showMounts(want), showMounts(got) }
	return p
}

func refuseWritable(mounts []sandbox.Mount, _ *scope) string {
	for _, m := range mounts {
		if !m.ReadOnly {
			return m.Target + " is writable"
		}
	}
	return ""
}

// sockets are where engines listen on Linux, besides the one in use.
var sockets = []string{
	"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
	"/run/crio/crio.sock", "/run/buildkit/buildkitd.sock", "/var/run/containerd/containerd.sock",
}

// reachesSocket tells whether a mount of source would show an engine's socket: the socket itself or a folder above it.
func reachesSocket(source, endpoint string) bool {
	for _, socket := range append(slices.Clone(sockets), strings.TrimPrefix(endpoint, "unix://")) {
		if source == socket || source == "/" || strings.HasPrefix(socket, strings.TrimSuffix(source, "/")+"/") {
			return true
		}
	}
	return false
}

var engineSocket = part[[]sandbox.Mount]{
	get:  func(spec *sandbox.Spec, s *scope) []sandbox.Mount { return s.mounts(spec, socketMount) },
	set:  func(*spec, *scope, []sandbox.Mount) {}, // a wish of the user's is refused, not dropped
	want: be[[]sandbox.Mount](nil),
	show: showMounts,
}

// stood is what stands at a path: mounts and memory.
type stood struct {
	mounts []sandbox.Mount
	memory []sandbox.Tmpfs
}

func (v stood) words(none string) string {
	switch {
	case v.mounts == nil && v.memory == nil:
		return none
	case v.mounts == nil:
		return showTmpfs(v.memory)
	case v.memory == nil:
		return showMounts(v.mounts)
	}
	return showMounts(v.mounts) + ", " + showTmpfs(v.memory)
}

var homes = part[stood]{
	get: func(spec *sandbox.Spec, s *scope) stood {
		return stood{s.mounts(spec, homeMount), tmpfsAt(spec, isHome)}
	},
	set: func(spec *sandbox.Spec, s *scope, v stood) {
		s.setMounts(spec, homeMount, v.mounts)
		setTmpfs(spec, isHome, v.memory)
	},
	want:   wantHome,
	refuse: refuseHome,
	show:   func(v stood) string { return v.words("the image's") },
}

func isHome(target string) bool { return target == homeDir || target == "/home" }

func wantHome(had stood, s *scope) stood {
	volume := s.homeVolume()
	others := orNil(slices.DeleteFunc(slices.Clone(had.mounts), func(m sandbox.Mount) bool { return m == volume }))
	switch s.policy.home {
	case VolumeHome:
		return stood{mounts: append(others, volume)}
	case MemoryHome:
		t := s.owned(sandbox.Tmpfs{Target: homeDir, Size: gib, Mode: "0700"})
		return stood{mounts: others, memory: []sandbox.Tmpfs{t}}
	}
	return had
}

func (s *scope) homeVolume() sandbox.Mount {
	return sandbox.Mount{Kind: sandbox.Volume, Source: sandbox.HomeVolume(s.spec.Name), Target: "/home", NoCopy: true}
}

// refuseHome keeps the user's mounts from taking the place of the home.
func refuseHome(v stood, s *scope) string {
	for _, m := range v.mounts {
		if m != s.homeVolume() && !s.gaveUp("home") {
			return fmt.Sprintf("%s is mounted at %s, where the sandbox's home lies", m.Source, m.Target)
		}
	}
	return ""
}

// owned gives a tmpfs to the sandbox's user, unless it is said to be root's. Where only the image knows who that is,
// everybody inside may write there.
func (s *scope) owned(t sandbox.Tmpfs) sandbox.Tmpfs {
	if t.UID != 0 || t.GID != 0 {
		return t
	}
	if t.UID, t.GID = s.userIDs(); t.UID < 0 {
		t.Mode = "1777"
	}
	return t
}

// userIDs gives -1 for a user that has no number.
func (s *scope) userIDs() (uid, gid int) {
	user, group, _ := strings.Cut(s.spec.Process.User, ":")
	uid, errU := strconv.Atoi(user)
	gid, errG := strconv.Atoi(group)
	if errU != nil || errG != nil {
		return -1, -1
	}
	return uid, gid
}

// volumes are the image's VOLUMEs that nothing of the plan's covers.
func (s *scope) volumes() []string {
	var out []string
	for _, target := range s.facts.Image.Volumes {
		if !s.covered(target) {
			out = append(out, target)
		}
	}
	return out
}

func (s *scope) covered(target string) bool {
	isTarget := func(m sandbox.Mount) bool { return m.Target == target }
	scratch := func(t sandbox.Tmpfs) bool { return t.Target == target }
	return isHome(target) || slices.ContainsFunc(s.spec.Mounts, isTarget) || slices.ContainsFunc(s.policy.tmpfs, scratch)
}

var imageVolumes = part[stood]{
	get: func(spec *sandbox.Spec, s *scope) stood {
		return stood{s.mounts(spec, volumeMount), tmpfsAt(spec, s.isVolume)}
	},
	set: func(spec *sandbox.Spec, s *scope, v stood) {
		s.setMounts(spec, volumeMount, v.mounts)
		setTmpfs(spec, s.isVolume, v.memory)
	},
	want: func(had stood, s *scope) stood {
		var want stood
		for _, target := range s.volumes() {
			want.memory = append(want.memory, s.scratchAt(target, had.memory))
		}
		slices.SortFunc(want.memory, func(a, b sandbox.Tmpfs) int { return strings.Compare(a.Target, b.Target) })
		return want
	},
	show: func(v stood) string { return v.words("none") },
}

// scratchAt keeps memory that the plan already has there, and lets programs run from /tmp also where an image makes
// a volume of it.
func (s *scope) scratchAt(target string, had []sandbox.Tmpfs) sandbox.Tmpfs {
	for _, t := range slices.Concat(had, scratch(true)) {
		if t.Target == target {
			return s.owned(t)
		}
	}
	return s.owned(sandbox.Tmpfs{Target: target, Size: 256 * mib, Mode: "0755"})
}

func (s *scope) isVolume(target string) bool { return slices.Contains(s.volumes(), target) }

func (s *scope) isScratch(target string) bool { return !isHome(target) && !s.isVolume(target) }

var scratchFolders = part[[]sandbox.Tmpfs]{
	get: func(spec *sandbox.Spec, s *scope) []sandbox.Tmpfs { return tmpfsAt(spec, s.isScratch) },
	set: func(spec *sandbox.Spec, s *scope, v []sandbox.Tmpfs) { setTmpfs(spec, s.isScratch, v) },
	want: func(had []sandbox.Tmpfs, s *scope) []sandbox.Tmpfs {
		var want []sandbox.Tmpfs
		for _, t := range s.policy.tmpfs {
			if !slices.ContainsFunc(s.spec.Mounts, func(m sandbox.Mount) bool { return m.Target == t.Target }) {
				want = append(want, s.owned(t))
			}
		}
		for _, t := range had {
			if !slices.ContainsFunc(want, func(w sandbox.Tmpfs) bool { return w.Target == t.Target }) {
				want = append(want, t)
			}
		}
		slices.SortFunc(want, func(a, b sandbox.Tmpfs) int { return strings.Compare(a.Target, b.Target) })
		return want
	},
	show: showTmpfs,
}

func tmpfsAt(spec *sandbox.Spec, at func(string) bool) []sandbox.Tmpfs {
	var out []sandbox.Tmpfs
	for _, t := range spec.Tmpfs {
		if at(t.Target) {
			out = append(out, t)
		}
	}
	return out
}

func setTmpfs(spec *sandbox.Spec, at func(string) bool, v []sandbox.Tmpfs) {
	kept := slices.DeleteFunc(slices.Clone(spec.Tmpfs), func(t sandbox.Tmpfs) bool { return at(t.Target) })
	spec.Tmpfs = append(kept, v...)
}

// paths makes the part for a list of paths where nil is the engine's own and empty is none at all.
func paths(of func(*sandbox.Spec) *[]string, want func(*scope) []string) part[[]string] {
	p := field(of, func(_ []string, s *scope) []string { return slices.Clone(want(s)) })
	p.show = func(v []string) string {
		switch {
		case v == nil:
			return "the engine's"
		case len(v) == 0:
			return "none"
		}
		return fmt.Sprintf("%d paths", len(v))
	}
	return p
}

func showMounts(mounts []sandbox.Mount) string {
	if len(mounts) == 0 {
		return "none"
	}
	var out []string
	for _, m := range mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		out = append(out, m.Source+":"+m.Target+":"+mode)
	}
	return strings.Join(out, ", ")
}

func showTmpfs(folders []sandbox.Tmpfs) string {
	if len(folders) == 0 {
		return "none"
	}
	var out []string
	for _, t := range folders {
		exec := "noexec"
		if t.Exec {
			exec = "exec"
		}
		out = append(out, t.Target+" "+showBytes(t.Size)+" "+exec)
	}
	return strings.Join(out, ", ")
}
