//go:build linux || darwin || freebsd

package host

import "golang.org/x/sys/unix"

// Space gives the bytes on the file system of path: free for this user, and in all.
func Space(path string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}
