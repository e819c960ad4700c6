package dockertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// Net is a network as an inspect tells it.
type Net = network.Inspect

// Network adds a network that is there before the test.
func (s *Server) Network(n Net) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addNetwork(n)
}

// Volume adds a volume that is there before the test.
func (s *Server) Volume(v volume.Volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[v.Name] = &v
}

func (s *Server) addNetwork(n network.Inspect) string {
	if n.ID == "" {
		n.ID = s.newID()
	}
	n.Containers = map[string]network.EndpointResource{}
	s.networks[n.ID] = &n
	return n.ID
}

func (s *Server) network(name string) *network.Inspect {
	if n := s.networks[name]; n != nil {
		return n
	}
	for _, n := range s.networks {
		if n.Name == name {
			return n
		}
	}
	return nil
}

func (s *Server) withNetwork(c call, do func(*network.Inspect)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.network(c.name)
	if n == nil {
		fail(c.w, http.StatusNotFound, "network %s not found", c.name)
		return
	}
	do(n)
}

func (s *Server) listNetworks(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []network.Inspect{}
	for _, n := range s.networks {
		list = append(list, *n)
	}
	answer(c.w, list)
}

func (s *Server) inspectNetwork(c call) {
	s.withNetwork(c, func(n *network.Inspect) {
		shown := *n
		shown.Containers = map[string]network.EndpointResource{}
		for _, b := range s.containers {
			if b.NetworkSettings.Networks[n.Name] != nil && b.State.Running {
				shown.Containers[b.ID] = network.EndpointResource{Name: b.Name[1:]}
			}
		}
		answer(c.w, shown)
	})
}

func (s *Server) createNetwork(c call) {
	var asked network.CreateRequest
	if err := json.Unmarshal(c.Body, &asked); err != nil {
		fail(c.w, http.StatusBadRequest, "%v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.network(asked.Name) != nil {
		fail(c.w, http.StatusConflict, "network with name %s already exists", asked.Name)
		return
	}
	n := network.Inspect{
		Name: asked.Name, Driver: asked.Driver, Scope: "local", Created: time.Now(), Internal: asked.Internal,
		Attachable: asked.Attachable, Options: asked.Options, Labels: asked.Labels,
	}
	if asked.IPAM != nil {
		n.IPAM = *asked.IPAM
	}
	for _, other := range s.networks {
		for _, a := range n.IPAM.Config {
			if slices.ContainsFunc(other.IPAM.Config, func(b network.IPAMConfig) bool { return a.Subnet == b.Subnet }) {
				fail(c.w, http.StatusForbidden, "Pool overlaps with other one on this address space")
				return
			}
		}
	}
	answerStatus(c.w, http.StatusCreated, network.CreateResponse{ID: s.addNetwork(n)})
}

func (s *Server) removeNetwork(c call) {
	s.withNetwork(c, func(n *network.Inspect) {
		for _, b := range s.containers {
			if b.NetworkSettings.Networks[n.Name] != nil && b.State.Running {
				fail(c.w, http.StatusForbidden, "error while removing network: network %s id %s has active endpoints", n.Name, n.ID)
				return
			}
		}
		delete(s.networks, n.ID)
		c.w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) connectNetwork(c call) {
	var asked network.ConnectOptions
	_ = json.Unmarshal(c.Body, &asked)
	if s.joinedToNothing(c.name, asked) {
		c.w.WriteHeader(http.StatusOK)
		return
	}
	s.withNetwork(c, func(n *network.Inspect) {
		b := s.box(asked.Container)
		switch {
		case b == nil:
			fail(c.w, http.StatusNotFound, "No such container: %s", asked.Container)
		case b.HostConfig.NetworkMode == "none":
			fail(c.w, http.StatusForbidden, "container cannot be connected to multiple networks with one of the networks in private (none) mode")
		case b.NetworkSettings.Networks[n.Name] != nil:
			fail(c.w, http.StatusForbidden, "endpoint with name %s already exists in network %s", b.Name[1:], n.Name)
		default:
			s.join(b, n, asked.EndpointConfig)
			c.w.WriteHeader(http.StatusOK)
		}
	})
}

// joinedToNothing does what Docker 20.10 does with a container that does not run: it joins it to any name.
func (s *Server) joinedToNothing(name string, asked network.ConnectOptions) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(asked.Container)
	if s.flavour.API != "1.41" || s.network(name) != nil || b == nil || b.State.Running {
		return false
	}
	b.NetworkSettings.Networks[name] = &network.EndpointSettings{}
	return true
}

func (s *Server) disconnectNetwork(c call) {
	var asked network.DisconnectOptions
	_ = json.Unmarshal(c.Body, &asked)
	s.withNetwork(c, func(n *network.Inspect) {
		if b := s.box(asked.Container); b != nil {
			delete(b.NetworkSettings.Networks, n.Name)
		}
		c.w.WriteHeader(http.StatusOK)
	})
}

// joinAll joins a new container to the networks of its request; it names one that is not there.
func (s *Server) joinAll(b *box, asked *network.NetworkingConfig) (missing string) {
	if b.HostConfig.NetworkMode == "none" {
		b.NetworkSettings.Networks["none"] = &network.EndpointSettings{}
		return ""
	}
	endpoints := map[string]*network.EndpointSettings{}
	if asked != nil {
		maps.Copy(endpoints, asked.EndpointsConfig)
	}
	if first := string(b.HostConfig.NetworkMode); first != "default" && endpoints[first] == nil {
		endpoints[first] = &network.EndpointSettings{}
	}
	for name, settings := range endpoints {
		n := s.network(name)
		if n == nil {
			return name
		}
		s.join(b, n, settings)
	}
	return ""
}

// join adds the aliases that engines before 25 add to those asked for.
func (s *Server) join(b *box, n *network.Inspect, settings *network.EndpointSettings) {
	if settings == nil {
		settings = &network.EndpointSettings{}
	}
	settings.NetworkID = n.ID
	if s.flavour.API == "1.41" {
		settings.Aliases = append(settings.Aliases, b.ID[:12], b.Config.Hostname)
	}
	b.NetworkSettings.Networks[n.Name] = settings
}

func (s *Server) listVolumes(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := volume.ListResponse{Volumes: []*volume.Volume{}}
	for _, v := range s.volumes {
		list.Volumes = append(list.Volumes, v)
	}
	answer(c.w, list)
}

// createVolume gives the one that is there, as engines do: without a word about other labels.
func (s *Server) createVolume(c call) {
	var asked volume.CreateOptions
	_ = json.Unmarshal(c.Body, &asked)
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.volumes[asked.Name]
	if v == nil {
		v = &volume.Volume{
			Name: asked.Name, Driver: asked.Driver, Labels: asked.Labels, Options: asked.DriverOpts, Scope: "local",
			CreatedAt: time.Now().UTC().Format(time.RFC3339), Mountpoint: "/var/lib/docker/volumes/" + asked.Name + "/_data",
		}
		s.volumes[asked.Name] = v
	}
	answerStatus(c.w, http.StatusCreated, v)
}

func (s *Server) inspectVolume(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.volumes[c.name] == nil {
		fail(c.w, http.StatusNotFound, "get %s: no such volume", c.name)
		return
	}
	answer(c.w, s.volumes[c.name])
}

func (s *Server) removeVolume(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.volumes[c.name] == nil {
		fail(c.w, http.StatusNotFound, "get %s: no such volume", c.name)
		return
	}
	for _, b := range s.containers {
		if b.mounts([]string{c.name}) {
			fail(c.w, http.StatusConflict, "remove %s: volume is in use - [%s]", c.name, b.ID)
			return
		}
	}
	delete(s.volumes, c.name)
	c.w.WriteHeader(http.StatusNoContent)
}

// tell sends an event to all who follow. Callers hold the lock.
func (s *Server) tell(b *box, action string, more map[string]string) {
	attributes := maps.Clone(b.Config.Labels)
	if attributes == nil {
		attributes = map[string]string{}
	}
	maps.Copy(attributes, more)
	attributes["name"] = strings.TrimPrefix(b.Name, "/")
	m := events.Message{
		Type: events.ContainerEventType, Action: events.Action(action), TimeNano: time.Now().UnixNano(),
		Actor: events.Actor{ID: b.ID, Attributes: attributes},
	}
	for listener := range s.listeners {
		select {
		case listener <- m:
		default: // a test that does not read loses events, as with an engine
		}
	}
}

// Following tells how many streams of events are open.
func (s *Server) Following() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.listeners)
}

func (s *Server) follow(c call) {
	listener := make(chan any, 256)
	s.mu.Lock()
	s.listeners[listener] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, listener)
		s.mu.Unlock()
	}()
	c.w.Header().Set("Content-Type", "application/json")
	flush(c.w)
	for {
		select {
		case <-c.r.Context().Done():
			return
		case one, open := <-listener:
			if !open {
				return
			}
			m := one.(events.Message)
			if hasLabels(m.Actor.Attributes, c.filter("label")) {
				text, _ := json.Marshal(m)
				fmt.Fprintf(c.w, "%s\n", text)
				flush(c.w)
			}
		}
	}
}
