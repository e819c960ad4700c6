package dockertest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
)

// Exit lets a running container's process end.
func (s *Server) Exit(name string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.box(name); b != nil && b.State.Running {
		s.die(b, code)
	}
}

func (s *Server) startContainer(c call) {
	s.with(c, func(b *box) {
		if b.State.Running {
			c.w.WriteHeader(http.StatusNotModified)
			return
		}
		for name, settings := range b.NetworkSettings.Networks {
			if name != "none" && settings.NetworkID != "" && s.networks[settings.NetworkID] == nil {
				fail(c.w, http.StatusNotFound, "network %s not found", settings.NetworkID)
				return
			}
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
