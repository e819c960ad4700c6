package dockertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
)

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
