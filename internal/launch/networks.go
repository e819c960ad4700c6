package launch

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"berth/hardening"
	"berth/internal/config"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/text"
	"berth/network"
)

// Joined is one network of the engine as a sandbox would see it from inside.
type Joined struct {
	Name    string // full
	ID      string // a network made anew under the name has another
	Driver  string
	Asked   string      // as the user wrote it; "" where nobody did
	How     network.How // by what it was found; "" where nobody asked
	Project string      // compose project; "" when it has none
	Key     string      // what the compose file calls it
	Peers   []Peer
	Opening hardening.Opening
	Refused error `json:"-"` // why it cannot be joined; nil when it can
}

// Peer is a container that runs on a network.
type Peer struct {
	Name    string   // compose service, else the container's name
	Sandbox bool     // of berth's
	Ports   []uint16 // TCP ports that it exposes
}

// String gives "redis :6379". A container's name and labels are whatever somebody wrote: nothing of them starts a line.
func (p Peer) String() string {
	shown := text.Line(p.Name)
	if p.Sandbox {
		shown = "sandbox " + shown
	}
	for _, port := range p.Ports {
		shown += " :" + strconv.Itoa(int(port))
	}
	return shown
}

// Host tells whether the peer can be asked for by its name.
func (p Peer) Host() bool { return !p.Sandbox && hostName.MatchString(p.Name) }

// Networks is what an engine has to join, seen from one folder: its networks, who is on them, and the compose project
// that short names belong to.
type Networks struct {
	engine     sandbox.Engine
	list       []sandbox.NetworkInfo
	containers []sandbox.Container
	scope      network.Scope
	unscoped   error // why there is no scope: a full name does without
	allowLAN   []string
}

// Networks looks at the engine's networks with the eyes of a request.
func (l *Launcher) Networks(ctx context.Context, q Request) (Networks, error) {
	observed, err := l.Runtime.Observe(ctx)
	if err != nil {
		return Networks{}, err
	}
	return newNetworks(observed, q.Settings, l.Host, composeTexts(l.Host.Cwd)), nil
}

func newNetworks(o sandbox.Observation, s *config.Settings, h host.Facts, files map[string]string) Networks {
	n := Networks{engine: o.Engine, list: o.Networks, containers: o.Containers, allowLAN: s.AllowLANNetworks}
	place := network.Place{Cwd: h.Cwd, Environ: h.Env, Files: files}
	place.Flag, place.Config = s.ComposeProject, ""
	if s.Source("compose_project").Kind != config.FromFlag {
		place.Flag, place.Config = "", s.ComposeProject
	}
	for _, c := range o.Containers {
		if c.Labels[network.ProjectLabel] != "" {
			place.Containers = append(place.Containers, network.Container{
				Project: c.Labels[network.ProjectLabel], WorkingDir: c.Labels[network.WorkingDirLabel],
			})
		}
	}
	n.scope, n.unscoped = network.FindScope(place)
	return n
}

// composeLimit is how much of a compose file is read for its name: files that people write are far shorter.
const composeLimit = 1 << 20

// composeTexts reads the compose files and .env files at and above a folder. One that cannot be read counts as none:
// it may be another user's.
func composeTexts(cwd string) map[string]string {
	texts := map[string]string{}
	if !filepath.IsAbs(cwd) {
		return texts
	}
	for _, path := range network.Candidates(cwd) {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > composeLimit {
			continue
		}
		if text, err := os.ReadFile(path); err == nil {
			texts[path] = string(text)
		}
	}
	return texts
}

// composeFor reads what names of networks depend on, where there are any.
func (l *Launcher) composeFor(s *config.Settings) map[string]string {
	if len(s.AdditionalNetworks) == 0 && len(s.Sidecars) == 0 {
		return nil
	}
	return composeTexts(l.Host.Cwd)
}

// Scope is the compose project that short names belong to; empty where there is none.
func (n Networks) Scope() network.Scope { return n.scope }

// Resolve gives the one network that a name means; the errors are those of network.Resolve and FindScope.
func (n Networks) Resolve(name string) (Joined, error) {
	choice, err := network.Resolve(name, n.candidates(), n.scope, n.allowLAN)
	if n.unscoped != nil && (err != nil || choice.How != network.ByName && choice.How != network.ByID) {
		return Joined{}, n.unscoped
	}
	if err != nil {
		return Joined{}, err
	}
	j := n.joined(choice.Network.ID)
	j.Asked, j.How = name, choice.How
	return j, nil
}

// All gives every network of the engine, by name, but not those that berth made for sandboxes. Refused says which of
// them cannot be joined.
func (n Networks) All() []Joined {
	var out []Joined
	for _, info := range n.list {
		if info.Labels[sandbox.LabelSandbox] != "" {
			continue
		}
		j := n.joined(info.ID)
		_, j.Refused = network.Resolve(cmp.Or(n.unique(info), info.ID), n.candidates(), network.Scope{}, n.allowLAN)
		out = append(out, j)
	}
	return out
}

// unique gives a network's name where no other has the same.
func (n Networks) unique(info sandbox.NetworkInfo) string {
	same := 0
	for _, other := range n.list {
		if other.Name == info.Name {
			same++
		}
	}
	if same == 1 {
		return info.Name
	}
	return ""
}

// candidates leaves out the networks that berth made for single sandboxes: they are nobody else's to join.
func (n Networks) candidates() []network.Network {
	var out []network.Network
	for _, i := range n.list {
		if i.Labels[sandbox.LabelSandbox] == "" {
			out = append(out, network.Network{
				ID: i.ID, Name: i.Name, Driver: i.Driver, Scope: i.Scope, Internal: i.Internal, Attachable: i.Attachable,
				ConfigOnly: i.ConfigOnly, IPv6: i.IPv6, Labels: i.Labels, Subnets: i.Subnets,
			})
		}
	}
	return out
}

func (n Networks) joined(id string) Joined {
	info := n.list[slices.IndexFunc(n.list, func(i sandbox.NetworkInfo) bool { return i.ID == id })]
	return Joined{
		Name: info.Name, ID: info.ID, Driver: info.Driver, Project: info.Labels[network.ProjectLabel],
		Key: info.Labels[network.KeyLabel], Peers: n.peers(info.Name), Opening: hardening.Opens(info, n.engine),
	}
}

// peers lists who runs on a network. Relays are left out: they let nobody in.
func (n Networks) peers(name string) []Peer {
	var out []Peer
	for _, c := range n.containers {
		if !c.Running || !slices.Contains(c.Networks, name) || c.Labels[sandbox.LabelKind] == sandbox.KindRelay {
			continue
		}
		p := Peer{Name: cmp.Or(c.Labels[network.ServiceLabel], c.Name), Ports: c.Ports}
		if own := c.Labels[sandbox.LabelSandbox]; own != "" {
			p = Peer{Name: own, Sandbox: true}
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Peer) int {
		if a.Sandbox != b.Sandbox { // services first
			return map[bool]int{true: 1, false: -1}[a.Sandbox]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// Members gives who is on the network in one line; "" for nobody.
func (j Joined) Members() string {
	var names []string
	for _, p := range j.Peers {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// About says of which kind a network is: `compose shop, "default"`, "bridge".
func (j Joined) About() string {
	switch {
	case j.Project != "" && j.Key != "":
		return "compose " + j.Project + ", " + strconv.Quote(j.Key)
	case j.Project != "":
		return "compose " + j.Project
	}
	return j.Driver
}
