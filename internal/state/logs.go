package state

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Trim removes the oldest files of an area until the rest takes no more than budget bytes.
func (s *Store) Trim(a Area, budget int64) error {
	dir, err := s.Folder(a)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return pathFault(dir, err)
	}
	var files []fs.FileInfo
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var sum int64
	for _, f := range files {
		if sum += f.Size(); sum > budget {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return pathFault(dir, err)
			}
		}
	}
	return nil
}
