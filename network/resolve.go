package network

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"berth/internal/fault"
)

// How tells by what a network was found.
type How string

// The ways.
const (
	ByName    How = "name"    // it has this very name
	ByID      How = "id"      // by the beginning of its ID
	ByProject How = "project" // the one of the scope's project
	ByOnly    How = "only"    // the only one of any project; Project says which
)

// Choice is the one network a name means.
type Choice struct {
	Network Network
	How     How
	Project string // of ByProject and ByOnly
}

var hexID = regexp.MustCompile(`^[0-9a-f]{12,64}$`)

// Resolve gives the one network that name means among all the engine has, or an *Error with the candidates. allowLAN
// names the macvlan and ipvlan networks that may be joined.
func Resolve(name string, networks []Network, scope Scope, allowLAN []string) (Choice, error) {
	if err := refuseWord(name); err != nil {
		return Choice{}, err
	}
	choice, err := find(name, networks, scope)
	if err != nil {
		return Choice{}, err
	}
	return choice, refuseNetwork(name, choice.Network, allowLAN)
}

func refuseWord(name string) error {
	switch {
	case name == "host":
		return failure(HostMode, "name the networks it needs, or none", "host: is the host's own network, and a sandbox shares nobody's namespace")
	case name == "none":
		return failure(NoneMode, "leave it out", "none: is what a sandbox has anyway, it cannot be joined beside another network")
	case name == "bridge":
		return failure(DefaultBridge, "make one of your own: docker network create shared",
			"bridge: is the engine's default network: it has no DNS names and holds every stray container")
	case strings.HasPrefix(name, "container:") || strings.HasPrefix(name, "service:"):
		return failure(ContainerMode, "name the network which that container is on",
			"%s: is another container's network, and a sandbox shares nobody's namespace", name)
	}
	return nil
}

func find(name string, networks []Network, scope Scope) (Choice, error) {
	same := filter(networks, func(n Network) bool { return n.Name == name })
	if len(same) == 1 {
		return Choice{Network: same[0], How: ByName}, nil
	}
	if len(same) > 1 {
		return Choice{}, failure(Ambiguous, "write the ID of the one you mean", "%s: %d networks have this name: %s", name, len(same), ids(same))
	}
	if hexID.MatchString(name) {
		found := filter(networks, func(n Network) bool { return strings.HasPrefix(n.ID, name) })
		if len(found) == 1 {
			return Choice{Network: found[0], How: ByID}, nil
		}
		if len(found) > 1 {
			return Choice{}, failure(Ambiguous, "write more of the ID", "%s: %d networks have IDs that begin so: %s", name, len(found), ids(found))
		}
	}
	key := name
	if project, rest, ok := strings.Cut(name, "/"); ok && project != "" && rest != "" {
		key, scope = rest, Scope{Project: project, Explicit: true, Where: name}
	}
	return inProjects(name, key, networks, scope)
}

// inProjects looks for a network that compose calls key.
func inProjects(name, key string, networks []Network, scope Scope) (Choice, error) {
	all := filter(networks, func(n Network) bool { return n.project() != "" && isKey(n, key) })
	project := scope.project(networks)
	mine := filter(all, func(n Network) bool { return project != "" && n.project() == project })
	switch {
	case len(mine) == 1:
		return Choice{mine[0], ByProject, project}, nil
	case len(mine) > 1:
		return Choice{}, failure(Ambiguous, "write the full name of the one you mean",
			"%s: project %s has %d networks for it: %s", name, project, len(mine), names(mine))
	case scope.Explicit:
		return Choice{}, notInProject(name, key, networks, all, scope)
	case len(all) == 1:
		return Choice{all[0], ByOnly, all[0].project()}, nil
	case len(all) > 1:
		return Choice{}, failure(Ambiguous, "write the full name, or say which project: "+projectVariable+"="+all[0].project(),
			"%s: is in several compose projects: %s", name, withProjects(all))
	}
	return Choice{}, notFound(name, networks, scope)
}

// project is the name that the scope's networks carry: a folder's may be the one compose v1 made of it.
func (s Scope) project(networks []Network) string {
	known := func(p string) bool {
		return slices.ContainsFunc(networks, func(n Network) bool { return n.project() == p })
	}
	if s.V1 != "" && !known(s.Project) && known(s.V1) {
		return s.V1
	}
	return s.Project
}

// isKey tells whether a network of a compose project is the one the project's file calls key: by its label, or by the
// names that compose v2, v1, and v1 of old give.
func isKey(n Network, key string) bool {
	bare := strings.NewReplacer("_", "", "-", "").Replace(n.project())
	return n.key() == key || n.Name == n.project()+"_"+key || n.Name == bare+"_"+key
}

func notInProject(name, key string, networks, elsewhere []Network, scope Scope) error {
	message := fmt.Sprintf("%s: compose project %s (%s) has no such network", name, scope.Project, scope.Where)
	hint := "docker compose -p " + scope.Project + " up -d"
	if len(elsewhere) > 0 {
		message += "; others have it: " + withProjects(elsewhere)
		hint = "write the full name, or start the project: " + hint
	}
	full := scope.Project + "_" + key
	if slices.ContainsFunc(networks, func(n Network) bool { return n.project() == "" && n.Name == full }) {
		message += "; " + full + " was not made by compose"
		hint = "write " + full + ", if you mean that one"
	}
	return failure(NotInProject, hint, "%s", message)
}

func notFound(name string, networks []Network, scope Scope) error {
	near := filter(networks, func(n Network) bool { return isNear(name, n) })
	if len(near) > 0 {
		return failure(NotFound, "write the full name of the one you mean", "%s: no such network; near it: %s", name, names(near))
	}
	hint := "docker network create " + name
	if scope.Project != "" {
		hint = "docker compose up -d, or " + hint
	}
	return failure(NotFound, hint, "%s: no such network", name)
}

// isNear tells whether n may have been meant: a longer name that ends so, other letters' case, at most two edits.
func isNear(name string, n Network) bool {
	if refuseWord(n.Name) != nil {
		return false
	}
	for _, other := range []string{n.Name, n.key()} {
		switch {
		case other == "":
		case strings.HasSuffix(other, "_"+name), strings.HasSuffix(other, "-"+name), strings.EqualFold(other, name):
			return true
		case fault.Distance(name, other) <= min(2, len([]rune(name))-1):
			return true
		}
	}
	return false
}

func refuseNetwork(name string, n Network, allowLAN []string) error {
	if err := refuseWord(n.Name); err != nil {
		return err // found by its ID
	}
	shown := n.Name
	if name != n.Name {
		shown = name + " (" + n.Name + ")"
	}
	allowed := slices.Contains(allowLAN, n.Name) || slices.Contains(allowLAN, name) || slices.Contains(allowLAN, n.ID)
	switch {
	case n.ConfigOnly:
		return failure(ConfigOnly, "name the network that was made from it", "%s: is only a template for other networks (config-only)", shown)
	case n.Scope == "swarm" && !n.Attachable:
		return failure(NotAttachable, "make it again with docker network create --attachable",
			"%s: is a swarm network that single containers may not join (not attachable)", shown)
	case (n.Driver == "macvlan" || n.Driver == "ipvlan") && !allowed:
		return failure(LANDriver, fmt.Sprintf("set allow_lan_networks = [%q] in your own configuration, if the LAN may reach the sandbox", n.Name),
			"%s: has the driver %s: every neighbour on the LAN reaches every port of the sandbox", shown, n.Driver)
	}
	return nil
}

func filter(networks []Network, keep func(Network) bool) []Network {
	var out []Network
	for _, n := range networks {
		if keep(n) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b Network) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

func ids(networks []Network) string {
	return join(networks, func(n Network) string { return n.ID[:min(12, len(n.ID))] })
}
func names(networks []Network) string {
	return join(networks, func(n Network) string { return n.Name })
}

func withProjects(networks []Network) string {
	return join(networks, func(n Network) string { return n.project() + " (" + n.Name + ")" })
}

func join(networks []Network, write func(Network) string) string {
	parts := make([]string, len(networks))
	for i, n := range networks {
		parts[i] = write(n)
	}
	return strings.Join(parts, ", ")
}
