package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"berth/e2e/internal/rig"
)

// checkMounts: what is on the host is inside, and the other way round; a read-only folder cannot be written.
func checkMounts(t *testing.T, s up) {
	if got := s.inside(t, "cat /workspace/hello.txt /data/figures.csv"); got != "hello from the host\na,b\n1,2" {
		t.Errorf("inside is %q", got)
	}
	s.inside(t, "echo hello from inside > /workspace/reply.txt")
	if got := read(t, filepath.Join(s.Dir, "reply.txt")); got != "hello from inside\n" {
		t.Errorf("on the host is %q", got)
	}
	s.Write(s.Name+"/later.txt", "written while it runs\n")
	if got := s.inside(t, "cat /workspace/later.txt"); got != "written while it runs" {
		t.Errorf("inside is %q", got)
	}
	for _, line := range []string{"echo x > /data/new", "echo x >> /data/figures.csv", "rm /data/figures.csv", "mkdir /data/sub"} {
		if r := s.Berth("exec", s.Name, "--", "sh", "-c", line); r.Code == 0 {
			t.Errorf("%s worked on a read-only folder", line)
		}
	}
	if got := read(t, filepath.Join(s.Data, "figures.csv")); got != "a,b\n1,2\n" {
		t.Errorf("the read-only folder has changed: %q", got)
	}
}

// checkOwners: files made inside are the user's on the host, with the mode they were given; the user's own files are
// the sandbox's to change.
func checkOwners(t *testing.T, s up) {
	s.inside(t, "mkdir -p /workspace/made/deep; echo x > /workspace/made/deep/file; chmod 640 /workspace/made/deep/file; ln -s file /workspace/made/deep/link")
	for _, name := range []string{"made", "made/deep", "made/deep/file", "made/deep/link"} {
		checkOwner(t, filepath.Join(s.Dir, name), s.User)
	}
	if info, err := os.Stat(filepath.Join(s.Dir, "made/deep/file")); err != nil || info.Mode() != 0o640 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	path := s.Write(s.Name+"/private.txt", "mine\n")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.inside(t, "cat /workspace/private.txt && echo changed > /workspace/private.txt && chmod 644 /workspace/private.txt"); got != "mine" {
		t.Errorf("inside is %q", got)
	}
	if got := read(t, path); got != "changed\n" {
		t.Errorf("on the host is %q", got)
	}
}

func checkOwner(t *testing.T, path string, u rig.User) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if at := info.Sys().(*syscall.Stat_t); int(at.Uid) != u.UID || int(at.Gid) != u.GID {
		t.Errorf("%s belongs to %d:%d, not to %d:%d", path, at.Uid, at.Gid, u.UID, u.GID)
	}
}
