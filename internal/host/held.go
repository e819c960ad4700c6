package host

import (
	"fmt"
	"os"
)

// Held is a mount source kept open, so that what is seen inside a sandbox can be compared with what was checked.
type Held struct {
	File File // device and inode are what must be seen inside
	open *os.File
}

// Hold opens a source without following a symlink in its last element, and without needing the right to read it. It is an
// error if what lies there is not what was checked: want is the answer of Lstat at that time.
func Hold(path string, want File) (*Held, error) {
	open, err := openPath(path)
	if err != nil {
		return nil, fmt.Errorf("%s: it cannot be held open: %w", path, err)
	}
	info, err := open.Stat()
	if err != nil {
		open.Close()
		return nil, fmt.Errorf("%s: it cannot be held open: %w", path, err)
	}
	f := File{Kind: kindOf(info.Mode()), Mode: info.Mode(), UID: -1, GID: -1, Links: 1}
	identify(&f, path, info)
	if !f.Same(want) || f.Kind != want.Kind {
		open.Close()
		return nil, fmt.Errorf("%s: another %s lies there now than the one that was checked", path, f.Kind)
	}
	return &Held{File: f, open: open}, nil
}

// Moved tells whether the path no longer leads to what is held.
func (h *Held) Moved() bool {
	now, err := Disk{}.Lstat(h.open.Name())
	return err != nil || !now.Same(h.File)
}

// Close lets go.
func (h *Held) Close() error { return h.open.Close() }
