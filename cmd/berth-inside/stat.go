package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// place says which file a path is; host and sandbox share the kernel, so both numbers must be those of the descriptor the host holds.
type place struct {
	Path   string `json:"path"`
	Device uint64 `json:"dev,omitempty"`
	Inode  uint64 `json:"ino,omitempty"`
	Type   string `json:"type,omitempty"` // "dir", "file", "other"
	UID    uint32 `json:"uid"`
	GID    uint32 `json:"gid"`
	Mode   string `json:"mode,omitempty"` // octal permissions
	Error  string `json:"error,omitempty"`
}

// statPaths prints a JSON list, one place a path, in their order. It exits 0 even if a path is missing: that is an answer.
func statPaths(paths []string, out, errOut io.Writer) int {
	if len(paths) == 0 {
		fmt.Fprintln(errOut, "stat: no path given")
		return exitUsage
	}
	places := make([]place, len(paths))
	for i, path := range paths {
		places[i] = placeOf(path)
	}
	return printJSON(out, places)
}

func placeOf(path string) place {
	info, err := os.Stat(path)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return place{Path: path, Error: err.Error()}
	}
	p := place{Path: path, Type: "other", Mode: fmt.Sprintf("%04o", info.Mode().Perm())}
	switch {
	case info.IsDir():
		p.Type = "dir"
	case info.Mode().IsRegular():
		p.Type = "file"
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		p.Device, p.Inode, p.UID, p.GID = st.Dev, st.Ino, st.Uid, st.Gid
	}
	return p
}
