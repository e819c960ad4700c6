package dockertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/go-connections/nat"
)

// box is one container.
type box struct {
	container.InspectResponse
	log   []line
	files map[string]file // what was put into it
	ended chan struct{}   // closed when it dies or goes
	grown chan struct{}   // closed and replaced when the log grows
}

// Container gives a copy of what an inspect tells, by name or id.
func (s *Server) Container(name string) (container.InspectResponse, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(name)
	if b == nil {
		return container.InspectResponse{}, false
	}
	return b.copy(), true
}

// Run adds a container that somebody else runs: on networks that are there, with ports such as "6379/tcp" exposed.
func (s *Server) Run(name string, labels map[string]string, exposed []string, networks ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &box{files: map[string]file{}, ended: make(chan struct{}), grown: make(chan struct{})}
	b.ContainerJSONBase = &container.ContainerJSONBase{
		ID: s.newID(), Name: "/" + name, Created: time.Now().UTC().Format(time.RFC3339Nano),
		HostConfig: &container.HostConfig{}, State: &container.State{Status: container.StateRunning, Running: true},
	}
	b.Config = &container.Config{Labels: labels, ExposedPorts: nat.PortSet{}}
	for _, port := range exposed {
		b.Config.ExposedPorts[nat.Port(port)] = struct{}{}
	}
	b.NetworkSettings = &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{}}
	for _, n := range networks {
		s.join(b, s.network(n), nil)
	}
	s.containers[b.ID] = b
}

// Containers gives the names of all containers, sorted.
func (s *Server) Containers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, b := range s.containers {
		names = append(names, strings.TrimPrefix(b.Name, "/"))
	}
	slices.Sort(names)
	return names
}

// box finds a container by id, a unique beginning of it, or name. Callers hold the lock.
func (s *Server) box(name string) *box {
	if b := s.containers[name]; b != nil {
		return b
	}
	for id, b := range s.containers {
		if b.Name == "/"+name || len(name) >= 12 && strings.HasPrefix(id, name) {
			return b
		}
	}
	return nil
}

// with finds the container a call is about and holds the lock meanwhile.
func (s *Server) with(c call, do func(*box)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(c.name)
	if b == nil {
		fail(c.w, http.StatusNotFound, "No such container: %s", c.name)
		return
	}
	do(b)
}

func (b *box) copy() container.InspectResponse {
	var out container.InspectResponse
	text, err := json.Marshal(b.InspectResponse)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // a container came out of JSON and goes back into it
	}
	return out
}

func (s *Server) createContainer(c call) {
	var asked container.CreateRequest
	if err := json.Unmarshal(c.Body, &asked); err != nil {
		fail(c.w, http.StatusBadRequest, "%v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.image(asked.Image)
	name := c.Query.Get("name")
	switch {
	case found == nil:
		fail(c.w, http.StatusNotFound, "No such image: %s", tagged(asked.Image))
		return
	case name != "" && s.box(name) != nil:
		fail(c.w, http.StatusConflict, "Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, s.box(name).ID)
		return
	case versions.LessThan(s.flavour.API, "1.44") && asked.NetworkingConfig != nil && len(asked.NetworkingConfig.EndpointsConfig) > 1:
		fail(c.w, http.StatusBadRequest, "Container cannot be connected to network endpoints: %s", strings.Join(slices.Sorted(maps.Keys(asked.NetworkingConfig.EndpointsConfig)), ", "))
		return
	}
	id := s.newID()
	if name == "" {
		name = "name_" + id[:6]
	}
	b := &box{files: map[string]file{}, ended: make(chan struct{}), grown: make(chan struct{})}
	b.ContainerJSONBase = &container.ContainerJSONBase{
		ID: id, Name: "/" + name, Created: time.Now().UTC().Format(time.RFC3339Nano), Image: found.ID,
		HostConfig: asked.HostConfig, State: &container.State{Status: container.StateCreated},
	}
	b.Config = asked.Config
	b.Mounts = points(asked.HostConfig)
	b.NetworkSettings = &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{}}
	s.fillFromImage(b, found)
	s.fillFromEngine(b)
	if missing := s.joinAll(b, asked.NetworkingConfig); missing != "" {
		fail(c.w, http.StatusNotFound, "network %s not found", missing)
		return
	}
	s.containers[id] = b
	s.tell(b, "create", nil)
	answerStatus(c.w, http.StatusCreated, container.CreateResponse{ID: id, Warnings: []string{}})
}

// points tells of every mount again, as engines do.
func points(h *container.HostConfig) []container.MountPoint {
	var out []container.MountPoint
	if h == nil {
		return nil
	}
	for _, m := range h.Mounts {
		out = append(out, container.MountPoint{Type: m.Type, Name: m.Source, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly})
	}
	for _, bind := range h.Binds {
		if parts := strings.SplitN(bind, ":", 3); len(parts) > 1 {
			readOnly := len(parts) > 2 && slices.Contains(strings.Split(parts[2], ","), "ro")
			out = append(out, container.MountPoint{Type: mount.TypeBind, Source: parts[0], Destination: parts[1], RW: !readOnly})
		}
	}
	return out
}

// fillFromImage adds what the image says where the request is silent, as the daemon does.
func (s *Server) fillFromImage(b *box, from *Image) {
	c := b.Config
	if len(c.Entrypoint) == 0 {
		if len(c.Cmd) == 0 {
			c.Cmd = from.Cmd
		}
		if c.Entrypoint == nil {
			c.Entrypoint = from.Entrypoint
		}
	}
	c.User = orElse(c.User, from.User)
	c.WorkingDir = orElse(c.WorkingDir, from.WorkDir)
	c.Env = mergeEnv(c.Env, from.Env)
	labels := maps.Clone(from.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, c.Labels)
	c.Labels = labels
	c.Image = orElse(c.Image, from.ID)
}

// mergeEnv lets a request's variables win; a bare name takes the image's away.
func mergeEnv(asked, image []string) []string {
	out := slices.DeleteFunc(slices.Clone(asked), func(line string) bool { return !strings.Contains(line, "=") })
	for _, line := range image {
		name, _, _ := strings.Cut(line, "=")
		taken := func(have string) bool { return have == name || strings.HasPrefix(have, name+"=") }
		if !slices.ContainsFunc(asked, taken) {
			out = append(out, line)
		}
	}
	return out
}

// fillFromEngine rewrites what a daemon rewrites.
func (s *Server) fillFromEngine(b *box) {
	h := b.HostConfig
	if h == nil {
		h = &container.HostConfig{}
		b.HostConfig = h
	}
	b.Config.Hostname = orElse(b.Config.Hostname, b.ID[:12])
	h.Runtime = orElse(h.Runtime, s.flavour.Info.DefaultRuntime)
	h.LogConfig.Type = orElse(h.LogConfig.Type, "json-file")
	h.IpcMode = container.IpcMode(orElse(string(h.IpcMode), "private"))
	h.CgroupnsMode = container.CgroupnsMode(orElse(string(h.CgroupnsMode), "private"))
	h.NetworkMode = container.NetworkMode(orElse(string(h.NetworkMode), "default"))
	if h.ShmSize == 0 {
		h.ShmSize = 64 << 20
	}
	if h.Memory > 0 && h.MemorySwap == 0 {
		h.MemorySwap = 2 * h.Memory
	}
	if h.PidsLimit != nil && *h.PidsLimit <= 0 {
		h.PidsLimit = nil
	}
	if h.MaskedPaths == nil {
		h.MaskedPaths = []string{"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware"}
	}
	if h.ReadonlyPaths == nil {
		h.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	}
	for _, list := range []*[]string{&h.MaskedPaths, &h.ReadonlyPaths, &h.DNS, &h.DNSSearch, &h.ExtraHosts, &h.GroupAdd} {
		if len(*list) == 0 {
			*list = nil
		}
	}
}

func orElse(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

func (s *Server) listContainers(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := c.Query.Get("all") == "1" || c.Query.Get("all") == "true"
	list := []container.Summary{}
	for _, b := range s.containers {
		if (all || b.State.Running) && hasLabels(b.Config.Labels, c.filter("label")) && b.mounts(c.filter("volume")) {
			list = append(list, container.Summary{
				ID: b.ID, Names: []string{b.Name}, Image: b.Config.Image, ImageID: b.Image,
				Labels: b.Config.Labels, State: b.State.Status, Ports: b.ports(),
				NetworkSettings: &container.NetworkSettingsSummary{Networks: b.NetworkSettings.Networks},
			})
		}
	}
	slices.SortFunc(list, func(a, b container.Summary) int { return strings.Compare(a.Names[0], b.Names[0]) })
	answer(c.w, list)
}

func (b *box) mounts(volumes []string) bool {
	for _, m := range b.HostConfig.Mounts {
		if slices.Contains(volumes, m.Source) {
			return true
		}
	}
	return len(volumes) == 0
}

// ports lists what is published or exposed, as a list of containers tells it: of one that runs.
func (b *box) ports() []container.Port {
	var out []container.Port
	for port := range b.Config.ExposedPorts {
		if b.State.Running && len(b.NetworkSettings.Ports[port]) == 0 {
			out = append(out, container.Port{PrivatePort: uint16(port.Int()), Type: port.Proto()})
		}
	}
	for port, bindings := range b.NetworkSettings.Ports {
		for _, at := range bindings {
			public, _ := strconv.Atoi(at.HostPort)
			out = append(out, container.Port{IP: at.HostIP, PublicPort: uint16(public), PrivatePort: uint16(port.Int()), Type: port.Proto()})
		}
	}
	return out
}

func (b *box) publishes(port string) bool {
	return slices.ContainsFunc(b.ports(), func(p container.Port) bool { return strconv.Itoa(int(p.PublicPort)) == port })
}

func (s *Server) inspectContainer(c call) {
	s.with(c, func(b *box) { answer(c.w, b.InspectResponse) })
}
