package host

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// MakeMountpoint makes the folder, or the empty file, at rel below root, with the folders above it, before an engine
// would make them as root, and gives those it made, below root, outermost first. No symlink leads out of root. A process
// of root's hands what it makes to uid and gid.
func MakeMountpoint(root, rel string, file bool, uid, gid int) (made []string, err error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	defer dir.Close()
	made, err = makeFolders(dir, folders(rel, file))
	if err == nil && file {
		made, err = makeFile(dir, rel, made)
	}
	if err != nil {
		return made, fmt.Errorf("%s/%s: it cannot be made: %w", root, rel, err)
	}
	if os.Geteuid() != 0 || uid == 0 {
		return made, nil
	}
	for _, p := range made {
		if err := dir.Lchown(p, uid, gid); err != nil {
			return made, fmt.Errorf("%s/%s: its owner cannot be set: %w", root, p, err)
		}
	}
	return made, nil
}

// folders gives each folder that must be there, the outermost first.
func folders(rel string, file bool) []string {
	if file {
		rel = path.Dir(rel)
	}
	var out []string
	at := ""
	for name := range strings.SplitSeq(path.Clean(rel), "/") {
		at = path.Join(at, name)
		if at != "." {
			out = append(out, at)
		}
	}
	return out
}

// makeFolders gives those that were not there before.
func makeFolders(dir *os.Root, list []string) (made []string, err error) {
	for _, p := range list {
		switch err := dir.Mkdir(p, 0o755); {
		case err == nil:
			made = append(made, p)
		case !os.IsExist(err):
			return made, err
		}
	}
	return made, nil
}

// makeFile adds the file to those made, if it was not there before.
func makeFile(dir *os.Root, rel string, made []string) ([]string, error) {
	f, err := dir.OpenFile(rel, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if os.IsExist(err) {
		return made, nil
	}
	if err != nil {
		return made, err
	}
	return append(made, rel), f.Close()
}
