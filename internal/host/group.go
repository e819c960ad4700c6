package host

import (
	"os"
	"os/user"
	"slices"
	"strconv"
)

// Group is a group of this machine and how the user stands to it.
type Group struct {
	Name   string // "" when the number has none
	Member bool   // this process is in it
	Listed bool   // the user database has the user in it: the next login will be
}

// GroupOf asks about a group by its number.
func GroupOf(gid int) Group {
	number := strconv.Itoa(gid)
	var out Group
	if g, err := user.LookupGroupId(number); err == nil {
		out.Name = g.Name
	}
	if groups, err := os.Getgroups(); err == nil {
		out.Member = slices.Contains(groups, gid) || os.Getegid() == gid
	}
	if u, err := user.Current(); err == nil {
		if ids, err := u.GroupIds(); err == nil {
			out.Listed = slices.Contains(ids, number)
		}
	}
	return out
}
