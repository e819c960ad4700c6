package launch

import (
	"maps"
	"slices"
	"strconv"

	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/state"
)

// extraFirst is where the search for a port begins when the number inside is taken on this machine.
const extraFirst = 8200

// ExtraKind is the kind of the link to a further port inside.
func ExtraKind(inside uint16) LinkKind { return LinkKind(strconv.Itoa(int(inside))) }

// extraPorts promises a port of this machine to each further port inside: the one it had, else the same number, else
// the next free one.
func (l *Launcher) extraPorts(record state.Record, wanted []uint16) (map[uint16]uint16, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	out := map[uint16]uint16{}
	serves := l.Reach.Serves(record.Name)
	for _, inside := range wanted {
		if slices.Contains(InsidePorts[:], inside) {
			return nil, fault.New(fault.Usage, "leave it out", "links.extra: port %d has a link anyway", inside)
		}
		if had, promised := record.Extra[inside]; promised && (serves || l.PortFree(had)) {
			out[inside] = had
		}
	}
	for _, inside := range wanted { // only now: a port that another has kept is not to be given away
		if _, kept := out[inside]; kept {
			continue
		}
		taken := slices.Concat(record.Ports[:], slices.Collect(maps.Values(out)))
		free := func(port uint16) bool { return !slices.Contains(taken, port) && l.PortFree(port) }
		port := inside
		if port < 1024 || !free(port) {
			for port = extraFirst; port != 0 && !free(port); port++ {
			}
		}
		if port == 0 {
			return nil, fault.New(fault.Conflict, "close a program that listens", "links.extra: no port of this machine is free for %d", inside)
		}
		out[inside] = port
	}
	return out, nil
}

// extraLinks plans the links to further ports.
func (b *builder) extraLinks() []LinkPlan {
	var out []LinkPlan
	for _, inside := range slices.Sorted(maps.Keys(b.in.Extra)) {
		out = append(out, LinkPlan{
			Kind: ExtraKind(inside), Inside: inside, Host: b.in.Extra[inside], Plain: b.in.Plain,
			Opens: "what listens on port " + strconv.Itoa(int(inside)) + " inside",
		})
	}
	return out
}

// extraAt lists where the further ports of a sandbox are promised to listen.
func (l *Launcher) extraAt(o sandbox.Observed, r state.Record) []Link {
	var out []Link
	for _, inside := range slices.Sorted(maps.Keys(r.Extra)) {
		if at := l.Reach.Address(o, inside); at.IsValid() {
			out = append(out, Link{Kind: ExtraKind(inside), At: at})
		}
	}
	return out
}
