// Package state keeps what must outlive a berth process: places, records, promised ports, trust and locks; it does not know what a record means.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"berth/internal/fault"
)

// Places are berth's folders, absolute.
type Places struct {
	Config  string // config.toml, berth.lock; empty when there is no home
	State   string // records, trust, snapshots, overlays, logs
	Cache   string // what can be made again
	Runtime string // locks and sockets
}

// Find gives the folders by the XDG rules. home may be empty; then XDG_STATE_HOME must say where records go.
func Find(environ map[string]string, home string) (Places, error) {
	state := folder(environ["XDG_STATE_HOME"], home, ".local/state")
	if state == "" {
		return Places{}, fault.New(fault.Usage, "set HOME to a folder of yours, or XDG_STATE_HOME",
			"HOME: is not set, and neither is XDG_STATE_HOME, so berth has no place for its records")
	}
	p := Places{
		Config:  folder(environ["XDG_CONFIG_HOME"], home, ".config"),
		State:   state,
		Cache:   folder(environ["XDG_CACHE_HOME"], home, ".cache"),
		Runtime: folder(environ["XDG_RUNTIME_DIR"], "", ""),
	}
	if p.Cache == "" {
		p.Cache = filepath.Join(state, "cache")
	}
	if p.Runtime == "" {
		p.Runtime = filepath.Join(state, "run")
	}
	return p, nil
}

// folder is berth's folder below an XDG folder, else below the home; a relative XDG folder counts as unset.
func folder(xdg, home, below string) string {
	switch {
	case filepath.IsAbs(xdg):
		return filepath.Join(xdg, "berth")
	case home != "":
		return filepath.Join(home, below, "berth")
	}
	return ""
}

// All gives every folder that is set, for whoever must keep them out of mounts.
func (p Places) All() []string {
	var out []string
	for _, dir := range []string{p.Config, p.State, p.Cache, p.Runtime} {
		if dir != "" {
			out = append(out, dir)
		}
	}
	return out
}

// private makes a folder of mode 0700, with those above it, or narrows one that is there.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return pathFault(dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return pathFault(dir, err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fault.New(fault.Failure, "run berth as the user who owns it, or set XDG_STATE_HOME",
			"%s: others may read it, and it is not yours to change", dir)
	}
	return nil
}

// pathFault names the path and the reason, with a hint for the usual ones.
func pathFault(path string, err error) error {
	reason := err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		path, reason = pe.Path, pe.Err
	}
	hint := ""
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		hint = "set XDG_STATE_HOME to a folder you may write"
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		hint = "free some space; berth prune removes what is left over"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EEXIST):
		hint = "move the file away"
	}
	return &fault.Fault{Kind: fault.Failure, Message: fmt.Sprintf("%s: %v", path, reason), Hint: hint, Cause: err}
}
