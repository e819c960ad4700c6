package image

import (
	"crypto/sha256"
	"encoding/hex"
)

// Config is the part of an image's configuration that its children inherit.
type Config struct {
	Cmd, Entrypoint, Env []string
	User, WorkingDir     string
}

// BaseID identifies what is built on: the same on every engine and image store, which an image's own id is not. layers
// are the diff IDs, lowest first.
func BaseID(layers []string, c Config) (canonical, id string, err error) {
	config := map[string]any{}
	for name, list := range map[string][]string{"Cmd": c.Cmd, "Entrypoint": c.Entrypoint, "Env": c.Env} {
		if len(list) > 0 {
			config[name] = list
		}
	}
	for name, text := range map[string]string{"User": c.User, "WorkingDir": c.WorkingDir} {
		if text != "" {
			config[name] = text
		}
	}
	canonical, err = encode(map[string]any{"config": config, "layers": layers})
	sum := sha256.Sum256([]byte("berth-base-v1\n" + canonical))
	return canonical, "sha256:" + hex.EncodeToString(sum[:]), err
}
