package mounts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"berth/internal/host"
)

// checkSet looks at the entries together: targets, what lies below what, and what can be written around a ro mount.
func (r *resolver) checkSet() {
	r.checkTargets()
	slices.SortStableFunc(r.items, func(a, b item) int { return cmp.Compare(depth(a.mount.Target), depth(b.mount.Target)) })
	for i := range r.items {
		r.checkMountpoint(&r.items[i])
		r.checkHole(r.items[i])
	}
}

func depth(target string) int { return strings.Count(target, "/") }

func (r *resolver) fail(it item, err *PolicyError) {
	if r.errs[it.index] == nil {
		r.errs[it.index] = err
	}
}

// checkTargets lets each container path be used once; the same entry twice counts once.
func (r *resolver) checkTargets() {
	first := map[string]item{}
	kept := r.items[:0]
	for _, it := range r.items {
		e := it.entry
		if own := slices.IndexFunc(r.h.Own, func(o OwnTarget) bool { return o.Target == e.Target }); own >= 0 {
			r.fail(it, e.refuse(DuplicateTarget, e.target, fmt.Sprintf("container path %s is taken by %s", quote(e.Target), r.h.Own[own].What), "write another container path"))
		}
		other, taken := first[e.Target]
		switch {
		case !taken:
			first[e.Target] = it
			kept = append(kept, it)
		case it.repeats(other):
			r.warn(Repeated, e.Origin, "says the same as %s", other.entry.Origin)
		default:
			r.fail(it, e.refuse(DuplicateTarget, e.target, fmt.Sprintf("container path %s is taken by %s", quote(e.Target), other.entry.Origin), "write another container path"))
		}
	}
	r.items = kept
}

func (it item) repeats(other item) bool {
	a, b := it.mount, other.mount
	return a.Kind == b.Kind && a.Source == b.Source && a.ReadOnly == b.ReadOnly && a.SELinux == b.SELinux && a.NoCopy == b.NoCopy
}

// parent gives the mount in which the target of another lies, unless berth's own lies between.
func (r *resolver) parent(target string) (item, bool) {
	var best item
	longest := 0
	for _, it := range r.items {
		if t := it.mount.Target; t != target && within(target, t) && len(t) > longest {
			best, longest = it, len(t)
		}
	}
	for _, own := range r.h.Own {
		if within(target, own.Target) && len(own.Target) > longest {
			return item{}, false
		}
	}
	return best, longest > 0
}

// checkMountpoint sees to it that a mount inside another has a place to land: the engine would make it as root, or fail.
func (r *resolver) checkMountpoint(it *item) {
	parent, ok := r.parent(it.mount.Target)
	if !ok || parent.mount.Kind != Bind {
		return // in a volume or an upper layer the engine may make what it needs
	}
	rel := strings.TrimPrefix(it.mount.Target, parent.mount.Target+"/")
	p := strings.TrimSuffix(parent.place.path, "/") + "/" + rel
	shown := r.guard.show(p)
	refuse := func(reason, hint string) {
		r.fail(*it, it.entry.refuse(NoMountpoint, it.entry.target, reason, hint))
	}
	at := r.h.follow(p)
	switch {
	case parent.mount.File:
		refuse(fmt.Sprintf("container path %s lies below %s, which is a file", quote(it.mount.Target), parent.entry.Origin), "write another container path")
	case at.path != p:
		refuse(fmt.Sprintf("%s leads through a symlink, and the mount would land elsewhere", shown), "write a container path without it")
	case at.exists && (at.stat().Kind == host.Dir) == it.mount.File:
		refuse(fmt.Sprintf("%s is a %s, and a %s cannot be mounted on it", shown, at.stat().Kind, it.mount.kindOfSource()), "write another container path")
	case at.exists:
	case at.problem != nil:
		refuse(fmt.Sprintf("%s cannot be reached: %v", shown, at.problem), "write another container path")
	case parent.mount.ReadOnly:
		refuse(fmt.Sprintf("%s does not exist, and %s is read-only", shown, parent.mount.Target), makeCommand(r.h.native(p), it.mount.File))
	default:
		it.mount.Mountpoint = Mountpoint{Root: parent.mount.Source, Rel: rel, File: it.mount.File}
		r.warn(CreatesMountpoint, it.entry.Origin, "%s does not exist: berth makes it, as you, for %s", shown, it.mount.Target)
	}
}

func (m Mount) kindOfSource() host.FileKind {
	if m.File {
		return host.Regular
	}
	return host.Dir
}

func makeCommand(p string, file bool) string {
	if file {
		return "touch " + shellWord(p)
	}
	return "mkdir -p " + shellWord(p)
}

// checkHole warns when what is mounted ro can be written through another mount. A ro mount that lies exactly where it is
// inside the rw one is no hole: it covers that way.
func (r *resolver) checkHole(it item) {
	if it.mount.Kind != Bind || !it.mount.ReadOnly {
		return
	}
	for _, other := range r.items {
		if other.mount.Kind != Bind || other.mount.ReadOnly || other.mount.File && !it.mount.File {
			continue
		}
		if !within(it.place.path, other.place.path) && !holds(it.place.chain, other.place.stat()) {
			continue
		}
		rel := strings.TrimPrefix(it.place.path, strings.TrimSuffix(other.place.path, "/"))
		if within(it.place.path, other.place.path) && other.mount.Target+rel == it.mount.Target {
			continue
		}
		r.warn(ROHole, it.entry.Origin, "%s is read-only at %s, and can be written through %s", r.guard.show(it.place.path), it.mount.Target, other.mount.Target)
	}
}
