package inside

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"berth/internal/fault"
)

// Unpack writes the program for arch into dir (made 0700 if absent) as berth-inside-<first 16 digits of its hash>, 0755, and gives its path.
// A file already there is used if it is whole: the write is aside, synced and renamed, so its size says so, and nobody else can write there. (Its hash would take 30 ms of each launch.)
func Unpack(dir, arch string) (string, error) {
	sum, size, err := described(arch)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "berth-inside-"+sum[:16])
	if info, err := os.Lstat(path); err == nil && info.Mode() == 0o755 && info.Size() == size {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", reason(dir, err)
	}
	if err := writeProgram(path, arch, sum); err != nil {
		return "", err
	}
	return path, nil
}

// writeProgram streams: the screen that launches must not keep the program's megabytes in its memory.
func writeProgram(path, arch, sum string) error {
	program, err := open(arch)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".berth-inside-*")
	if err != nil {
		return reason(filepath.Dir(path), err)
	}
	defer os.Remove(f.Name()) // after the rename there is nothing under this name
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), program)
	err = errors.Join(err, f.Chmod(0o755), f.Sync(), f.Close())
	if err == nil && hex.EncodeToString(h.Sum(nil)) != sum {
		return fault.New(fault.Failure, missingHint, "berth-inside for %s: its content is not what was packed", arch)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return reason(path, err)
	}
	return nil
}

// reason keeps only what the system said: the path is named once, as the caller gave it.
func reason(path string, err error) error {
	hint := "make room or free the way there"
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return fault.New(fault.Failure, hint, "%s: %w", path, pathErr.Err)
	}
	return fault.New(fault.Failure, hint, "%s: %w", path, err)
}
