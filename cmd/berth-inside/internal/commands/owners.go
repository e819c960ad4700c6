package commands

import (
	"os/user"
	"strconv"
)

// owners remembers names of users and groups.
type owners struct {
	numeric bool
	users   map[uint32]string
	groups  map[uint32]string
}

func (o *owners) user(id uint32) string {
	return o.name(&o.users, id, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

func (o *owners) group(id uint32) string {
	return o.name(&o.groups, id, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

func (o *owners) name(known *map[uint32]string, id uint32, find func(string) (string, error)) string {
	number := strconv.FormatUint(uint64(id), 10)
	if o.numeric {
		return number
	}
	if name, ok := (*known)[id]; ok {
		return name
	}
	name, err := find(number)
	if err != nil {
		name = number
	}
	if *known == nil {
		*known = map[uint32]string{}
	}
	(*known)[id] = name
	return name
}
