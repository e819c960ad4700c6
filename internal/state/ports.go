package state

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"berth/internal/fault"
)

const (
	portsFile  = "_ports.json"
	firstPort  = 8010
	lastPort   = 65533
	portsLock  = "ports"
	portSchema = "berth.ports/v1"
)

type promises struct {
	Schema string            `json:"schema"`
	First  map[string]uint16 `json:"first"` // by holder: project folder, "#", name of the sandbox
}

// Ports promises a sandbox of a project three ports in a row for its links: those it had before, else the next from 8010
// up that nobody else was promised, another sandbox of the same folder included. With a wish only that triple will do.
// free tells whether all three can be bound now. No triple left, or the wish not free: kind Conflict.
func (s *Store) Ports(project, name string, wish uint16, free func([3]uint16) bool) ([3]uint16, error) {
	unlock, err := s.wait(portsLock)
	if err != nil {
		return [3]uint16{}, err
	}
	defer unlock()
	holder := project + "#" + name
	p := promises{First: map[string]uint16{}}
	if err := s.read(portsFile, &p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p = promises{} // a promise is a convenience: a broken file must not stop a launch
	}
	if p.First == nil {
		p.First = map[string]uint16{}
	}
	first, ok := choose(p.First, holder, wish, free)
	if !ok {
		return [3]uint16{}, portsTaken(wish)
	}
	if p.First[holder] != first {
		p.Schema, p.First[holder] = portSchema, first
		forgetGone(p.First, holder)
		err = s.write(portsFile, p)
	}
	return triple(first), err
}

func choose(promised map[string]uint16, holder string, wish uint16, free func([3]uint16) bool) (uint16, bool) {
	if wish != 0 {
		return wish, wish <= lastPort && free(triple(wish))
	}
	if had, ok := promised[holder]; ok && had <= lastPort && free(triple(had)) {
		return had, true
	}
	var others []uint16
	for other, first := range promised {
		if other != holder {
			others = append(others, first)
		}
	}
	for _, heed := range []bool{true, false} {
		for first := uint16(firstPort); first <= lastPort; first += 3 {
			if heed && slices.ContainsFunc(others, func(o uint16) bool { return o+2 >= first && o <= first+2 }) {
				continue
			}
			if free(triple(first)) {
				return first, true
			}
		}
	}
	return 0, false
}

func triple(first uint16) [3]uint16 { return [3]uint16{first, first + 1, first + 2} }

// forgetGone drops the promises to folders that are no more, so that the file does not grow for ever.
func forgetGone(promised map[string]uint16, keep string) {
	for holder := range promised {
		folder := holder
		if i := strings.LastIndexByte(holder, '#'); i >= 0 { // names have none
			folder = holder[:i]
		}
		if _, err := os.Stat(folder); holder != keep && errors.Is(err, fs.ErrNotExist) {
			delete(promised, holder)
		}
	}
}

func portsTaken(wish uint16) error {
	if wish == 0 {
		return fault.New(fault.Conflict, "end a program that listens, or set links.port", "links.port: no three ports in a row are free from %d up", firstPort)
	}
	return fault.New(fault.Conflict, "set links.port to another port, or leave it out", "links.port = %d: ports %d to %d are not all free", wish, wish, int(wish)+2)
}
