package launch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/mounts"
)

// givenMounts gathers every place where mounts are written; which of them count is for mounts to say.
func givenMounts(s *config.Settings, h host.Facts) (mounts.Given, error) {
	given := mounts.Given{Env: h.Env, Cwd: h.Cwd}
	for _, v := range s.Volumes {
		switch v.Source.Kind {
		case config.FromFlag:
			given.Flags = append(given.Flags, v.Text)
		case config.FromUser, config.FromProject:
			entries, err := mounts.Parse(v.Text, fileOrigin(v.Source, v.Dir))
			if err != nil {
				return given, err
			}
			given.Files = append(given.Files, entries...)
		}
	}
	for _, m := range s.Mounts {
		entry, err := mounts.Table{Source: m.Source, Target: m.Target, Mode: m.Mode}.Entry(fileOrigin(m.At, m.Dir))
		if err != nil {
			return given, err
		}
		given.Files = append(given.Files, entry)
	}
	return given, nil
}

// fileOrigin names the file by its full path: relative sources start from its folder.
func fileOrigin(s config.Source, dir string) mounts.Origin {
	return mounts.Origin{File: filepath.Join(dir, filepath.Base(s.File)), Line: s.Line}
}

// mountpoints makes, as the user, the empty folders and files on which the engine will mount: made by the engine they
// would be root's, and stay in the user's folder.
func (r *run) mountpoints() error {
	for _, m := range r.plan.Mounts {
		if m.Mountpoint.Rel == "" {
			continue
		}
		made, err := makeMountpoint(m.Mountpoint)
		for _, path := range made {
			r.undo.add("mountpoint "+path, func(context.Context) error {
				if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				return nil
			})
		}
		if err != nil {
			return fault.New(fault.Failure, "make it yourself: mkdir -p "+filepath.Join(m.Mountpoint.Root, m.Mountpoint.Rel),
				"%s: %w", m.Target, err)
		}
	}
	return nil
}

// makeMountpoint makes a mountpoint below a folder, without following a link out of it, and gives the paths it made.
func makeMountpoint(m mounts.Mountpoint) ([]string, error) {
	root, err := os.OpenRoot(m.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing was written through it
	folders := []string{m.Rel}
	if m.File {
		folders = nil
	}
	for dir := filepath.Dir(m.Rel); dir != "."; dir = filepath.Dir(dir) {
		folders = append(folders, dir)
	}
	slices.Reverse(folders)
	var made []string
	for _, dir := range folders {
		err := root.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return made, err
		}
		made = append(made, filepath.Join(m.Root, dir))
	}
	if !m.File {
		return made, nil
	}
	f, err := root.OpenFile(m.Rel, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return made, nil
	}
	if err != nil {
		return made, err
	}
	return append(made, filepath.Join(m.Root, m.Rel)), f.Close()
}
