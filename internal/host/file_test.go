//go:build unix

package host

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestLstatTellsEachKindOfFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Mkdir(at("dir"), 0o755))
	must(t, os.WriteFile(at("file"), nil, 0o600))
	must(t, os.Symlink("file", at("link")))
	must(t, syscall.Mkfifo(at("fifo"), 0o600))
	listener, err := net.Listen("unix", at("s"))
	must(t, err)
	defer listener.Close()
	want := map[string]FileKind{at("dir"): Dir, at("file"): Regular, at("link"): Link, at("fifo"): Fifo, at("s"): Socket, "/dev/null": Device}
	for p, kind := range want {
		f, err := Disk{}.Lstat(p)
		if err != nil || f.Kind != kind || f.Inode == 0 {
			t.Errorf("%s: %+v, %v, want a %s", p, f, err, kind)
		}
	}
	entries, err := Disk{}.ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Fatalf("listed %v, %v", entries, err)
	}
	for _, e := range entries {
		if e.Kind != want[at(e.Name)] {
			t.Errorf("%s is listed as %s, want %s", e.Name, e.Kind, want[at(e.Name)])
		}
	}
}

func TestTwoNamesOfAFileAreTheSame(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(a, nil, 0o600))
	must(t, os.Link(a, b))
	first, err := Disk{}.Lstat(a)
	must(t, err)
	second, err := Disk{}.Lstat(b)
	must(t, err)
	if !first.Same(second) || first.Links != 2 {
		t.Errorf("%+v and %+v", first, second)
	}
	if (File{}).Same(File{}) {
		t.Error("two unknown files count as one")
	}
}

func TestAMissingPathIsNotExist(t *testing.T) {
	_, err := Disk{}.Lstat(filepath.Join(t.TempDir(), "no"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestHoldRefusesWhatWasSwapped(t *testing.T) {
	dir := t.TempDir()
	source, secret := filepath.Join(dir, "source"), filepath.Join(dir, "secret")
	must(t, os.Mkdir(source, 0o300)) // cannot be read, and need not be
	must(t, os.Mkdir(secret, 0o755))
	checked, err := Disk{}.Lstat(source)
	must(t, err)
	held, err := Hold(source, checked)
	must(t, err)
	defer held.Close()
	must(t, os.Rename(source, filepath.Join(dir, "away")))
	must(t, os.Symlink(secret, source))
	info, err := held.Stat()
	must(t, err)
	if !fileOf(source, info).Same(checked) {
		t.Error("what is held changed with the name")
	}
	_, err = Hold(source, checked)
	if want := source + ": another symlink lies there now than the one that was checked"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMountpointsAreMadeInsideTheirRootOnly(t *testing.T) {
	dir := t.TempDir()
	root, outside := filepath.Join(dir, "root"), filepath.Join(dir, "outside")
	must(t, os.Mkdir(root, 0o755))
	must(t, os.Mkdir(outside, 0o755))
	must(t, os.Symlink(outside, filepath.Join(root, "link")))
	made(t)(MakeMountpoint(root, "a/b/c", false, os.Getuid(), os.Getgid()))
	made(t)(MakeMountpoint(root, "a/b/c", false, os.Getuid(), os.Getgid()))
	made(t)(MakeMountpoint(root, "a/x/file", true, os.Getuid(), os.Getgid()))
	made(t)(MakeMountpoint(root, "top", true, os.Getuid(), os.Getgid()))
	for name, kind := range map[string]FileKind{"a/b/c": Dir, "a/x": Dir, "a/x/file": Regular, "top": Regular} {
		if f, err := (Disk{}).Lstat(filepath.Join(root, name)); err != nil || f.Kind != kind {
			t.Errorf("%s: %+v, %v, want a %s", name, f, err, kind)
		}
	}
	if _, err := MakeMountpoint(root, "link/new", false, os.Getuid(), os.Getgid()); err == nil {
		t.Error("a symlink led out of the root")
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("%v was made outside", left)
	}
}

func TestRootHandsTheMountpointToTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can hand a folder to somebody else")
	}
	root := t.TempDir()
	made(t)(MakeMountpoint(root, "a/f", true, 4321, 4322))
	for _, name := range []string{"a", "a/f"} {
		f, err := Disk{}.Lstat(filepath.Join(root, name))
		must(t, err)
		if f.UID != 4321 || f.GID != 4322 {
			t.Errorf("%s belongs to %d:%d", name, f.UID, f.GID)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func made(t *testing.T) func([]string, error) {
	t.Helper()
	return func(_ []string, err error) { t.Helper(); must(t, err) }
}
