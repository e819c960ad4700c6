package engine

import (
	"context"
)

// Raw gives what the engine answers about a container, as JSON in its own words, the environment's secrets included.
func (e *Engine) Raw(ctx context.Context, id string) ([]byte, error) {
	_, answer, err := e.docker.ContainerInspectWithRaw(ctx, id, false)
	if err != nil {
		return nil, e.explain(e.called(ctx, id), err)
	}
	return answer, nil
}
