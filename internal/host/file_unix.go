//go:build unix

package host

import (
	"io/fs"
	"syscall"
)

// identify adds what only the system's own stat knows.
func identify(f *File, _ string, info fs.FileInfo) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	f.Device, f.Inode = uint64(stat.Dev), uint64(stat.Ino)
	f.UID, f.GID, f.Links = int(stat.Uid), int(stat.Gid), uint64(stat.Nlink)
}
