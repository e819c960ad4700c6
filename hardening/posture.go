package hardening

import (
	"fmt"
	"strings"

	"berth/internal/probe"
	"berth/internal/sandbox"
)

// Posture is what is true of a sandbox now, in a line.
type Posture struct {
	Profile     Profile
	Held        int      // rules that hold
	Closed      int      // probes that were refused, as the sandbox's user and as root
	Open        int      // probes that got through where they must not
	Untried     int      // probes that could not be tried
	Network     []string // who reaches whom, one piece each
	Unverified  bool     // the mounts: another kernel serves them, so their identity cannot be compared
	GivenUp     []string // as the user wrote them
	Unsupported []string // rules that the engine cannot do
	Failed      []string // rules that should hold and do not
}

// NewPosture reads a posture off an audit, or off Harden's findings where nothing runs yet (then without probes).
func NewPosture(p Profile, planned sandbox.Spec, giveUp []GiveUp, f Facts, findings []Finding, probes Probes) Posture {
	s := newScope(planned, p, giveUp, f)
	out := Posture{Profile: p, Network: append(networkPosture(planned, s), s.reachPosture()...)}
	out.Unverified = f.Engine.Remote || f.Engine.Kind == sandbox.DockerDesktop
	for _, found := range findings {
		switch found.State {
		case Held:
			out.Held++
		case Unsupported:
			out.Unsupported = append(out.Unsupported, found.Rule)
		case Failed, Unknown:
			out.Failed = append(out.Failed, found.Rule)
		}
	}
	for _, g := range giveUp {
		out.GivenUp = append(out.GivenUp, g.String())
	}
	out.tally(probes.attempts(s))
	return out
}

// tally tells apart what each probe met at its worst: a probe counts once, though both users tried it.
func (p *Posture) tally(attempts []attempt) {
	worst := map[string]int{}
	for _, a := range attempts {
		rank := map[probe.Result]int{probe.Unknown: 1, probe.Closed: 2}[a.Result]
		if a.Result == probe.Open && a.must {
			rank = 4
		} else if a.Result == probe.Open {
			rank = 3 // left open on purpose
		}
		worst[a.ID] = max(worst[a.ID], rank)
	}
	for _, rank := range worst {
		switch rank {
		case 1:
			p.Untried++
		case 2:
			p.Closed++
		case 4:
			p.Open++
		}
	}
}

// Pieces are the parts of the line, for a screen that wraps.
func (p Posture) Pieces() []string {
	out := []string{string(p.Profile), count(p.Held, "rule") + " hold"}
	for _, probes := range []struct {
		n    int
		what string
	}{{p.Closed, "refused"}, {p.Open, "got through"}, {p.Untried, "not tried"}} {
		if probes.n > 0 {
			out = append(out, count(probes.n, "probe")+" "+probes.what)
		}
	}
	out = append(out, p.Network...)
	if p.Unverified {
		out = append(out, "mounts not verified")
	}
	for _, list := range []struct {
		names []string
		what  string
	}{{p.GivenUp, "given up"}, {p.Unsupported, "unsupported"}, {p.Failed, "failed"}} {
		if len(list.names) > 0 {
			out = append(out, fmt.Sprintf("%d %s: %s", len(list.names), list.what, strings.Join(list.names, ", ")))
		}
	}
	return out
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// String gives the line.
func (p Posture) String() string { return strings.Join(p.Pieces(), " · ") }

// networkPosture says who reaches whom. Before engine 28 a port published on 127.0.0.1 is open to the local network in
// two ways (moby issues 41872 and 45610).
func networkPosture(planned sandbox.Spec, s *scope) []string {
	f, reach := s.facts, s.reach()
	links := "nothing published"
	if len(planned.Network.Ports) > 0 {
		links = "links published on 127.0.0.1"
		if openToNeighbours(f.Engine) {
			links += ", which a neighbour on the LAN can reach too (engine before 28)"
		}
	}
	return append([]string{links}, reach.pieces()...)
}
