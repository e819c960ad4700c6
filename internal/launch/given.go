package launch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/mounts"
)

// givenMounts gathers every place where mounts are written; which of them count is for mounts to say.
func givenMounts(s *config.Settings, h host.Facts) (mounts.Given, error) {
	given := mounts.Given{Env: h.Env, Cwd: h.Cwd}
	if s.Volumes != nil || s.Mounts != nil {
		given.Files = []mounts.Entry{} // an empty list is an answer too: nothing
	}
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
		at := m.Mountpoint
		if at.Rel == "" {
			continue
		}
		made, err := host.MakeMountpoint(at.Root, at.Rel, at.File, r.plan.User.UID, r.plan.User.GID)
		for _, rel := range made {
			path := filepath.Join(at.Root, rel)
			r.undo.add("mountpoint "+path, func(context.Context) error { return removeEmpty(path) })
		}
		if err != nil {
			return fault.New(fault.Failure, "make it yourself: mkdir -p "+filepath.Join(at.Root, at.Rel), "%s: %w", m.Target, err)
		}
	}
	return nil
}

// hold keeps the source of every mount open, as it was checked: as long as it is held its inode cannot become another
// file's, so that what is seen inside can be compared with it.
func (r *run) hold() error {
	for _, m := range r.plan.Mounts {
		if m.Kind == mounts.Volume || r.plan.Remote {
			continue
		}
		held, err := host.Hold(m.Source, m.Stat)
		if err != nil {
			return fault.New(fault.Failure, "look at the folder, then launch again", "%w", err)
		}
		r.held = append(r.held, held)
	}
	return nil
}

func (r *run) release() {
	for _, h := range r.held {
		h.Close()
	}
	r.held = nil
}

// removeEmpty removes what was made empty, unless somebody has put something into it.
func removeEmpty(path string) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		return nil
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
