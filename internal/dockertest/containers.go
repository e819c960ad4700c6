package dockertest

import (
	"encoding/json"
	"fmt"
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

// Exit lets a running container's process end.
func (s *Server) Exit(name string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.box(name); b != nil && b.State.Running {
		s.die(b, code)
	}
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

// ports lists what is published, as a list of containers tells it.
func (b *box) ports() []container.Port {
	var out []container.Port
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

func (s *Server) startContainer(c call) {
	s.with(c, func(b *box) {
		if b.State.Running {
			c.w.WriteHeader(http.StatusNotModified)
			return
		}
		if taken := s.publish(b); taken != "" {
			fail(c.w, http.StatusInternalServerError, "driver failed programming external connectivity on endpoint %s (%s): Bind for %s failed: port is already allocated", b.Name[1:], b.ID, taken)
			return
		}
		b.State.Status, b.State.Running, b.State.Pid = container.StateRunning, true, 4242
		b.State.StartedAt = time.Now().UTC().Format(time.RFC3339Nano)
		b.ended = make(chan struct{})
		s.tell(b, "start", nil)
		c.w.WriteHeader(http.StatusNoContent)
		if code, ends := s.runMain(b); ends {
			s.die(b, code)
		}
	})
}

// publish gives every port its address, or names the first that another container has.
func (s *Server) publish(b *box) (taken string) {
	ports := nat.PortMap{}
	for port, bindings := range b.HostConfig.PortBindings {
		for _, at := range bindings {
			if at.HostPort == "" || at.HostPort == "0" {
				s.serial++
				at.HostPort = strconv.Itoa(32768 + s.serial)
			}
			for _, other := range s.containers {
				if other.publishes(at.HostPort) {
					return at.HostIP + ":" + at.HostPort
				}
			}
			ports[port] = append(ports[port], at)
		}
	}
	b.NetworkSettings.Ports = ports
	return ""
}

func (s *Server) stopContainer(c call) {
	s.with(c, func(b *box) {
		if !b.State.Running {
			c.w.WriteHeader(http.StatusNotModified)
			return
		}
		s.tell(b, "kill", map[string]string{"signal": "15"})
		s.die(b, 0)
		s.tell(b, "stop", nil)
		c.w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) killContainer(c call) {
	s.with(c, func(b *box) {
		if !b.State.Running {
			fail(c.w, http.StatusConflict, "Cannot kill container: %s: Container %s is not running", c.name, b.ID)
			return
		}
		s.tell(b, "kill", map[string]string{"signal": c.Query.Get("signal")})
		s.die(b, 137)
		c.w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) pauseContainer(c call) {
	s.with(c, func(b *box) {
		switch {
		case !b.State.Running:
			fail(c.w, http.StatusConflict, "Container %s is not running", b.ID)
		case b.State.Paused:
			fail(c.w, http.StatusConflict, "Container %s is already paused", b.ID)
		default:
			b.State.Paused, b.State.Status = true, container.StatePaused
			s.tell(b, "pause", nil)
			c.w.WriteHeader(http.StatusNoContent)
		}
	})
}

func (s *Server) unpauseContainer(c call) {
	s.with(c, func(b *box) {
		if !b.State.Paused {
			fail(c.w, http.StatusInternalServerError, "Container %s is not paused", b.ID)
			return
		}
		b.State.Paused, b.State.Status = false, container.StateRunning
		s.tell(b, "unpause", nil)
		c.w.WriteHeader(http.StatusNoContent)
	})
}

// die ends a container's process. Callers hold the lock.
func (s *Server) die(b *box, code int) {
	b.State.Status, b.State.Running, b.State.Paused, b.State.Pid = container.StateExited, false, false, 0
	b.State.ExitCode, b.State.FinishedAt = code, time.Now().UTC().Format(time.RFC3339Nano)
	b.NetworkSettings.Ports = nil
	close(b.ended)
	s.tell(b, "die", map[string]string{"exitCode": strconv.Itoa(code)})
}

func (s *Server) waitContainer(c call) {
	s.mu.Lock()
	b := s.box(c.name)
	var ended chan struct{}
	if b != nil {
		ended = b.ended
	}
	s.mu.Unlock()
	if b == nil {
		fail(c.w, http.StatusNotFound, "No such container: %s", c.name)
		return
	}
	flush(c.w)
	select {
	case <-ended:
	case <-c.r.Context().Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(c.w, container.WaitResponse{StatusCode: int64(b.State.ExitCode)})
}

func (s *Server) removeContainer(c call) {
	s.with(c, func(b *box) {
		if b.State.Running && c.Query.Get("force") != "1" {
			fail(c.w, http.StatusConflict, "You cannot remove a running container %s. Stop the container before attempting removal or force remove", b.ID)
			return
		}
		if b.State.Running {
			s.die(b, 137)
		}
		delete(s.containers, b.ID)
		s.tell(b, "destroy", nil)
		c.w.WriteHeader(http.StatusNoContent)
	})
}

// stats sends one value at once and then one for each of the next reads, until the container or the caller ends.
func (s *Server) stats(c call) {
	s.mu.Lock()
	b := s.box(c.name)
	s.mu.Unlock()
	if b == nil {
		fail(c.w, http.StatusNotFound, "No such container: %s", c.name)
		return
	}
	for i := uint64(1); i <= 2; i++ {
		value := container.StatsResponse{Read: time.Unix(int64(i), 0), PidsStats: container.PidsStats{Current: 7}}
		value.CPUStats = container.CPUStats{CPUUsage: container.CPUUsage{TotalUsage: i * 5e8}, SystemUsage: i * 4e9, OnlineCPUs: 4}
		value.PreCPUStats = container.CPUStats{CPUUsage: container.CPUUsage{TotalUsage: (i - 1) * 5e8}, SystemUsage: (i - 1) * 4e9}
		value.MemoryStats = container.MemoryStats{Usage: 300 << 20, Limit: 1 << 30, Stats: map[string]uint64{"inactive_file": 100 << 20}}
		_ = json.NewEncoder(c.w).Encode(value)
		flush(c.w)
	}
	select {
	case <-b.ended:
	case <-c.r.Context().Done():
	}
}

// logs sends what a container has written, and with follow what it writes.
func (s *Server) logs(c call) {
	s.mu.Lock()
	b := s.box(c.name)
	if b == nil {
		s.mu.Unlock()
		fail(c.w, http.StatusNotFound, "No such container: %s", c.name)
		return
	}
	sent := 0
	if tail, err := strconv.Atoi(c.Query.Get("tail")); err == nil {
		sent = max(0, len(b.log)-tail)
	}
	for {
		for _, l := range b.log[sent:] {
			text := l.text
			if c.Query.Get("timestamps") == "1" {
				text = l.at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " " + text
			}
			writeFrame(c.w, b.Config.Tty, l.stream, []byte(text))
		}
		sent = len(b.log)
		grown, ended, running := b.grown, b.ended, b.State.Running
		s.mu.Unlock()
		flush(c.w)
		if c.Query.Get("follow") != "1" || !running {
			return
		}
		select {
		case <-grown:
		case <-ended:
		case <-c.r.Context().Done():
			return
		}
		s.mu.Lock()
	}
}

// Log adds a line to a container's output; stream is 1 for stdout, 2 for stderr.
func (s *Server) Log(name string, stream byte, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.box(name); b != nil {
		b.write(stream, fmt.Sprintf(format, args...))
	}
}

// line is one line of output.
type line struct {
	at     time.Time
	stream byte
	text   string
}

func (b *box) write(stream byte, text string) {
	b.log = append(b.log, line{time.Now(), stream, text})
	close(b.grown)
	b.grown = make(chan struct{})
}
