package host

import (
	"io/fs"
	"os"
)

// FileKind says what a path names.
type FileKind string

// The kinds of files.
const (
	Dir     FileKind = "folder"
	Regular FileKind = "file"
	Link    FileKind = "symlink"
	Socket  FileKind = "socket"
	Fifo    FileKind = "fifo"
	Device  FileKind = "device"
	Other   FileKind = "special file"
)

// File is what lstat says of a path.
type File struct {
	Kind     FileKind
	Device   uint64 // with Inode the identity of the file; both 0 when the system has none
	Inode    uint64
	UID, GID int // -1 when the system has none
	Mode     fs.FileMode
	Links    uint64 // names the file has
}

// Same tells whether two answers are about one file, by device and inode.
func (f File) Same(other File) bool {
	return f.Inode != 0 && f.Inode == other.Inode && f.Device == other.Device
}

// DirEntry is one name in a folder.
type DirEntry struct {
	Name string
	Kind FileKind
}

// Disk is the machine's own file system; its methods do not follow a symlink in the last element.
type Disk struct{}

// Lstat describes what path names; errors are those of os.Lstat.
func (Disk) Lstat(path string) (File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return File{}, err
	}
	return fileOf(path, info), nil
}

func fileOf(path string, info fs.FileInfo) File {
	f := File{Kind: kindOf(info.Mode()), Mode: info.Mode(), UID: -1, GID: -1, Links: 1}
	identify(&f, path, info)
	return f
}

// Readlink gives the text of a symlink.
func (Disk) Readlink(path string) (string, error) { return os.Readlink(path) }

// ReadDir lists a folder, in no order.
func (Disk) ReadDir(path string) ([]DirEntry, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	list, err := dir.ReadDir(-1)
	entries := make([]DirEntry, len(list))
	for i, entry := range list {
		entries[i] = DirEntry{Name: entry.Name(), Kind: kindOf(entry.Type())}
	}
	return entries, err
}

func kindOf(mode fs.FileMode) FileKind {
	switch mode.Type() {
	case 0:
		return Regular
	case fs.ModeDir:
		return Dir
	case fs.ModeSymlink:
		return Link
	case fs.ModeSocket:
		return Socket
	case fs.ModeNamedPipe:
		return Fifo
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return Device
	}
	return Other
}
