package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"berth/internal/host"
)

// Resolve checks entries against the host and gives the mounts in the order in which they are shown and created. The
// error is a *PolicyError, the first of the entries as written.
func Resolve(entries []Entry, h Host) ([]Mount, []Warning, error) {
	r := &resolver{h: h, guard: newGuard(h), errs: make([]*PolicyError, len(entries))}
	for i, e := range entries {
		if i >= maxEntries {
			r.errs[i] = e.refuse(TooMany, e.whole(), fmt.Sprintf("more than %d entries", maxEntries), "mount a folder that holds them")
			break
		}
		r.add(i, e)
	}
	r.checkSet()
	for _, err := range r.errs {
		if err != nil {
			return nil, nil, err
		}
	}
	mounts := make([]Mount, len(r.items))
	for i, item := range r.items {
		mounts[i] = item.mount
	}
	return mounts, r.warnings, nil
}

// whole is the entry itself as the offending piece.
func (e Entry) whole() piece { return piece{e.Origin.Text, e.Origin.Column} }

// item is a resolved entry.
type item struct {
	index int // among the entries as written
	entry Entry
	mount Mount
	place place // of a bind's or an overlay's source
}

type resolver struct {
	h        Host
	guard    *guard
	items    []item
	warnings []Warning
	errs     []*PolicyError // of the entry at the same index
}

func (r *resolver) warn(kind WarningKind, o Origin, format string, args ...any) {
	r.warnings = append(r.warnings, Warning{Kind: kind, Text: o.String() + ": " + fmt.Sprintf(format, args...), Origin: o})
}

func (r *resolver) add(i int, e Entry) {
	it := item{index: i, entry: e, mount: Mount{Given: e.Source, Target: e.Target, ReadOnly: e.Mode.ReadOnly, SELinux: e.Mode.SELinux,
		NoCopy: e.Mode.NoCopy, Origin: e.Origin, Kind: Bind}}
	if e.Mode.Overlay {
		it.mount.Kind = Overlay
	}
	if e.quoted {
		r.warn(Quoted, e.Origin, "the quotes around it were removed")
	}
	var err *PolicyError
	if e.kind == sourceName || e.kind == sourceVolume {
		err = r.volume(&it)
	} else {
		err = r.path(&it)
	}
	if err != nil {
		r.errs[i] = err
		return
	}
	r.warnTarget(it)
	r.items = append(r.items, it)
}

// imageFolders are what images fill.
var imageFolders = []string{"/root", "/opt", "/var"}

func (r *resolver) warnTarget(it item) {
	if it.mount.File {
		return
	}
	if slices.Contains(imageFolders, it.mount.Target) || within(it.mount.Target, "/home") {
		r.warn(HidesImage, it.entry.Origin, "what the image has at %s is hidden", it.mount.Target)
	}
}

// volume checks a source that names a volume.
func (r *resolver) volume(it *item) *PolicyError {
	e := it.entry
	info, known := r.h.Volumes[e.Source]
	if e.kind == sourceName && !known {
		at := e
		at.Source = "./" + e.Source
		if p, err := r.h.absolute(at); err == nil && r.h.follow(p).exists {
			return e.refuse(AmbiguousName, e.source, fmt.Sprintf("%s may mean the folder ./%[2]s, or a volume, written volume:%[2]s", quote(e.Source), e.Source), "write ./"+e.Source+" for the folder")
		}
	}
	if e.Mode.Overlay {
		return e.refuse(OverlayVolume, e.modeWord("overlay", "O"), fmt.Sprintf("overlay needs a folder, and %s is a volume", quote(e.Source)), "drop overlay")
	}
	it.mount.Kind, it.mount.Source = Volume, e.Source
	for _, p := range info.hostPaths() {
		if reason := r.refusesVolumePath(p); reason != "" {
			return e.refuse(DeniedVolume, e.source, fmt.Sprintf("the volume %s is a folder of the host: %s", quote(e.Source), reason), "")
		}
	}
	return nil
}

// modeWord finds a word in the mode as written, for its place.
func (e Entry) modeWord(words ...string) piece {
	at := 0
	for part := range strings.SplitSeq(e.modes.text, ",") {
		word := strings.Trim(part, blanks)
		if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
			return piece{word, e.modes.column + column(e.modes.text, at+strings.Index(part, word)) - 1}
		}
		at += len(part) + 1
	}
	return e.modes
}

// hostPaths gives the folders of the host that a volume of the local driver shows: such a volume is a bind in disguise,
// and only its options tell.
func (v VolumeInfo) hostPaths() []string {
	if v.Driver != "" && v.Driver != "local" {
		return nil
	}
	candidates := []string{v.Options["device"]}
	for option := range strings.SplitSeq(v.Options["o"], ",") {
		name, value, _ := strings.Cut(option, "=")
		if slices.Contains([]string{"lowerdir", "upperdir", "workdir"}, name) {
			candidates = append(candidates, strings.Split(value, ":")...)
		}
	}
	return slices.DeleteFunc(candidates, func(p string) bool { return !strings.HasPrefix(p, "/") })
}

func (r *resolver) refusesVolumePath(p string) string {
	at := r.h.follow(cleanPath(p))
	if at.exists && at.stat().Kind == host.Socket {
		return printable(p) + " is a socket"
	}
	if hit := r.guard.check(at); hit != nil && (hit.member.never || !r.guard.allowed(at)) {
		return hit.reason
	}
	return ""
}

// path checks a source that is a path of the host.
func (r *resolver) path(it *item) *PolicyError {
	e := it.entry
	abs, err := r.h.absolute(e)
	if err != nil {
		return err
	}
	at := r.h.follow(abs)
	if at.exists && at.stat().Kind == host.Socket {
		return e.refuse(SocketSource, e.source, fmt.Sprintf("%s is a socket: whoever reaches it commands what listens there", r.guard.show(at.path)), "")
	}
	if at.exists && at.stat().Kind != host.Dir && at.stat().Kind != host.Regular {
		return e.refuse(SpecialFile, e.source, fmt.Sprintf("%s is a %s, and only folders and files are mounted", r.guard.show(at.path), at.stat().Kind), "")
	}
	if err := r.checkPolicy(it, at); err != nil {
		return err
	}
	if !at.exists {
		return r.missing(e, abs, at)
	}
	it.place = at
	it.mount.Source, it.mount.Stat, it.mount.File = r.h.native(at.path), at.stat(), at.stat().Kind == host.Regular
	if err := r.checkForm(*it); err != nil {
		return err
	}
	r.warnSource(*it)
	return nil
}

// checkPolicy applies the deny list, and notes what allow_paths gives up.
func (r *resolver) checkPolicy(it *item, at place) *PolicyError {
	e := it.entry
	if hit := r.guard.check(at); hit != nil {
		switch {
		case hit.member.never || e.kind == sourceLiteral && !r.guard.allowed(at):
			return e.refuse(Denied, e.source, hit.reason, "")
		case !r.guard.allowed(at):
			return e.refuse(Denied, e.source, hit.reason, r.guard.allowHint(at))
		}
		it.mount.Softened = hit.reason
	}
	if !at.exists || at.stat().Kind != host.Dir {
		return nil
	}
	err, softened := r.guard.checkSockets(e, at)
	if it.mount.Softened == "" {
		it.mount.Softened = softened
	}
	return err
}

var anyVariable = regexp.MustCompile(`\$[A-Za-z_{(]|%[A-Za-z_][A-Za-z0-9_()]*%`)

// missing says why there is nothing at a source.
func (r *resolver) missing(e Entry, abs string, at place) *PolicyError {
	shown := r.guard.show(at.path)
	switch {
	case errors.Is(at.problem, errLoop):
		return e.refuse(MissingSource, e.source, fmt.Sprintf("%s does not exist: %v", r.guard.show(abs), errLoop), "write the full path")
	case errors.Is(at.problem, fs.ErrPermission):
		return e.refuse(MissingSource, e.source, shown+" cannot be reached: permission denied", "run berth as a user who may, or mount another folder")
	case at.problem != nil:
		return e.refuse(MissingSource, e.source, fmt.Sprintf("%s cannot be reached: %v", shown, at.problem), "")
	case anyVariable.MatchString(e.Source):
		return e.refuse(Variable, e.source, shown+" does not exist, and berth expands no variables", "write the full path, or let the shell expand it")
	case at.linked:
		return e.refuse(MissingSource, e.source, fmt.Sprintf("%s is a symlink to %s, which does not exist", r.guard.show(abs), shown), "mkdir -p "+shellWord(r.h.native(at.path)))
	case e.Origin.Variable == "WORKSPACE_BASE":
		return e.refuse(MissingSource, e.source, shown+" does not exist on this machine", "set WORKSPACE_MOUNT_PATH to the folder on this machine")
	}
	return e.refuse(MissingSource, e.source, shown+" does not exist", "mkdir -p "+shellWord(r.h.native(at.path)))
}

// checkForm looks at what the mode, the engine and SELinux can do with the source.
func (r *resolver) checkForm(it item) *PolicyError {
	e, real := it.entry, it.place.path
	if kind, reason := badText(real); kind != "" {
		return e.refuse(kind, e.source, reason, "rename it")
	}
	if it.mount.Kind == Overlay && it.mount.File {
		return e.refuse(OverlayFile, e.source, fmt.Sprintf("overlay needs a folder, and %s is a file", r.guard.show(real)), "mount its folder, or drop overlay")
	}
	if r.h.Engine.Podman && strings.ContainsAny(real, `,"`) && strings.Contains(real, ":") {
		return e.refuse(Denied, e.source, fmt.Sprintf("%s has a colon beside a comma or quote, and Podman can take only one of them", r.guard.show(real)), "")
	}
	if r.h.Engine.SELinux && e.Mode.SELinux != "" {
		return r.checkRelabel(it)
	}
	return nil
}

// checkRelabel guards a label, which is written on the host tree, recursively and for good.
func (r *resolver) checkRelabel(it item) *PolicyError {
	e, real := it.entry, it.place.path
	label := e.modeWord(e.Mode.SELinux)
	switch {
	case slices.ContainsFunc(r.h.Mounts, func(m host.MountPoint) bool { return m.Point == real }):
		return e.refuse(Denied, label, fmt.Sprintf("mode %s would relabel %s, which is a whole file system", quote(e.Mode.SELinux), r.guard.show(real)), "")
	case r.h.UID >= 0 && it.mount.Stat.UID != r.h.UID:
		return e.refuse(Denied, label, fmt.Sprintf("mode %s would relabel %s, which belongs to user %d", quote(e.Mode.SELinux), r.guard.show(real), it.mount.Stat.UID), "")
	case it.mount.Softened != "":
		return e.refuse(Denied, label, fmt.Sprintf("mode %s would relabel %s", quote(e.Mode.SELinux), it.mount.Softened), "")
	}
	return nil
}

func (r *resolver) warnSource(it item) {
	o, real := it.entry.Origin, r.guard.show(it.place.path)
	if it.place.linked {
		r.warn(Symlink, o, "%s leads through a symlink: %s is mounted", printable(it.entry.Source), real)
	}
	if it.mount.File {
		more := ""
		if it.mount.Stat.Links > 1 {
			more = fmt.Sprintf("; it has %d names, and what another name shows is written too", it.mount.Stat.Links)
		}
		r.warn(SingleFile, o, "%s is a single file: an editor that saves by renaming leaves the sandbox with the old one%s", real, more)
	}
	if below := r.guard.mountsBelow(it.place.path); len(below) > 0 {
		r.warn(Submount, o, "%s is a mount of its own and left out: give it an entry of its own", printable(strings.Join(below, ", ")))
	}
	if r.h.Engine.Podman && strings.ContainsAny(it.place.path, `,"`) {
		r.warn(PodmanComma, o, "%s has a comma or quote: on Podman it is mounted the older way", real)
	}
	if r.h.Engine.SELinux {
		r.warnLabel(it)
	}
}

func (r *resolver) warnLabel(it item) {
	real := r.guard.show(it.place.path)
	if it.entry.Mode.SELinux == "" {
		e := it.entry
		e.Mode.SELinux = "z"
		r.warn(SELinuxLabel, e.Origin, "SELinux may deny access to %s: if so, write %s", real, e)
		return
	}
	r.warn(SELinuxLabel, it.entry.Origin, "SELinux labels of %s and all below are changed for good", real)
}
