package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Stats is what a sandbox uses at one moment.
type Stats struct {
	Time        time.Time
	CPU         float64 // cores in use since the value before: 1.5 is one and a half
	Memory      uint64  // bytes, without what the kernel can take back
	MemoryLimit uint64  // bytes
	Pids        uint64
}

// Stats calls back about once a second until ctx ends or the container does (both nil). One stream serves a row of a
// list; a single value would cost a second on old engines.
func (e *Engine) Stats(ctx context.Context, id string, each func(Stats)) error {
	stream, err := e.docker.ContainerStats(ctx, id, true)
	if err != nil {
		return e.explain(e.called(ctx, id), err)
	}
	defer stream.Body.Close()
	decoder := json.NewDecoder(stream.Body)
	for {
		var s container.StatsResponse
		err := decoder.Decode(&s)
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return e.explain(e.called(ctx, id), err)
		}
		if !s.Read.IsZero() { // the engine sends empty values for a container that has ended
			each(statsOf(s))
		}
	}
}

func statsOf(s container.StatsResponse) Stats {
	memory := s.MemoryStats.Usage
	for _, cache := range []string{"total_inactive_file", "inactive_file"} { // cgroup v1, v2
		if reclaimable := s.MemoryStats.Stats[cache]; reclaimable > 0 && reclaimable < memory {
			memory -= reclaimable
			break
		}
	}
	out := Stats{Time: s.Read.UTC(), Memory: memory, MemoryLimit: s.MemoryStats.Limit, Pids: s.PidsStats.Current}
	used := float64(s.CPUStats.CPUUsage.TotalUsage) - float64(s.PreCPUStats.CPUUsage.TotalUsage)
	all := float64(s.CPUStats.SystemUsage) - float64(s.PreCPUStats.SystemUsage)
	if s.PreCPUStats.SystemUsage > 0 && used > 0 && all > 0 {
		out.CPU = used / all * float64(s.CPUStats.OnlineCPUs)
	}
	return out
}
