package host

import (
	"fmt"
	"os"
)

// Hold opens a mount source without following a symlink in its last element, and without needing the right to read it.
// As long as it is held, its inode cannot become another file's. It is an error if what lies there is not what was
// checked: want is what Lstat said then.
func Hold(path string, want File) (*os.File, error) {
	held, err := openPath(path)
	if err != nil {
		return nil, fmt.Errorf("%s: it cannot be held open: %w", path, err)
	}
	info, err := held.Stat()
	if err != nil {
		held.Close()
		return nil, fmt.Errorf("%s: it cannot be held open: %w", path, err)
	}
	f := fileOf(path, info)
	if !f.Same(want) || f.Kind != want.Kind {
		held.Close()
		return nil, fmt.Errorf("%s: another %s lies there now than the one that was checked", path, f.Kind)
	}
	return held, nil
}
