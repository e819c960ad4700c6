package mounts

import (
	"fmt"

	"berth/internal/host"
)

// ForeignOwner warns that the sandbox's user may not do with a folder what the mode says.
const ForeignOwner WarningKind = "foreign-owner"

// CheckAccess tells whether the user of a sandbox, uid and gid on the host, can use a mounted folder as its mode says. It
// goes by owner and permission bits: access lists are not looked at, so this warns and never refuses.
func CheckAccess(m Mount, uid, gid int) (Warning, bool) {
	if m.Kind == Volume || m.Stat.UID < 0 {
		return Warning{}, false
	}
	read, write := allowed(m.Stat, uid, gid)
	lack := ""
	switch {
	case !read:
		lack = "cannot read it"
	case m.Kind == Bind && !m.ReadOnly && !write:
		lack = "can read it and not write it"
	default:
		return Warning{}, false
	}
	return Warning{Kind: ForeignOwner, Origin: m.Origin, Text: fmt.Sprintf("%s: %s belongs to %d:%d, mode %04o: the sandbox runs as %d:%d and %s",
		m.Origin, printable(m.Source), m.Stat.UID, m.Stat.GID, m.Stat.Mode.Perm(), uid, gid, lack)}, true
}

// allowed applies the permission bits; a folder is of use only with the search bit too. Root is like others: it has no
// capability inside.
func allowed(f host.File, uid, gid int) (read, write bool) {
	shift := 0
	switch {
	case uid == f.UID:
		shift = 6
	case gid == f.GID:
		shift = 3
	}
	bits := f.Mode.Perm() >> shift & 7
	search := f.Kind != host.Dir || bits&1 != 0
	return bits&4 != 0 && search, bits&2 != 0 && search
}
