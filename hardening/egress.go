package hardening

import (
	"fmt"
	"slices"

	"berth/internal/sandbox"
)

// Egress is how much of the world a sandbox reaches.
type Egress string

// The modes, tightest first.
const (
	Off    Egress = "off"    // nothing
	List   Egress = "list"   // what was named, through berth's proxy
	On     Egress = "on"     // any public host, through berth's proxy
	Direct Egress = "direct" // a bridge with NAT: the internet, the LAN and this machine's services
)

func (e Egress) rank() int { return slices.Index([]Egress{Off, List, On, Direct}, e) }

// EgressOf is what a profile lets a sandbox reach when nothing else is asked for.
func EgressOf(p Profile) Egress { return policies[p].egress }

// Reach is what a sandbox was allowed to reach; the proxy of its gateway enforces it, so it stands in no Spec.
type Reach struct {
	Egress  Egress // "" is the profile's
	Named   int    // targets on the list
	Private int    // private targets that were named; they soften every mode but direct
}

func (r Reach) pieces() []string {
	out := []string{"egress " + string(r.Egress)}
	switch r.Egress {
	case List:
		out[0] = fmt.Sprintf("egress list(%d)", r.Named)
	case Direct:
		return []string{"egress direct: internet, LAN and this machine's services"}
	}
	if r.Private > 0 {
		out = append(out, "softened: "+count(r.Private, "private target"))
	}
	return out
}

func (s *scope) reach() Reach {
	r := s.facts.Reach
	if r.Egress == "" {
		r.Egress = s.policy.egress
	}
	return r
}

// bridged tells whether the sandbox stands on a bridge of its own, with a way out.
func (s *scope) bridged() bool {
	return s.reach().Egress == Direct && (s.policy.egress == Direct || s.gaveUp("egress"))
}

// egress owns nothing of the Spec: the gateway's proxy is asked to keep it.
var egress = part[Egress]{
	get: func(_ *sandbox.Spec, s *scope) Egress { return s.reach().Egress },
	set: func(*sandbox.Spec, *scope, Egress) {},
	want: func(had Egress, s *scope) Egress {
		if had.rank() < 0 || had.rank() > s.policy.egress.rank() {
			return s.policy.egress
		}
		return had
	},
}
