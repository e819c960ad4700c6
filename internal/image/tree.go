package image

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxFiles = 50_000
	maxBytes = 500_000_000
)

// Tree is the content of a folder as an image takes it over.
type Tree struct {
	Hash    string // "sha256:" and 64 hex digits
	Entries []Entry
	Left    []string // paths that were left out because they look secret, sorted
}

// Entry is one file, folder or link of a tree.
type Entry struct {
	Path string // relative, with slashes
	Kind byte   // d folder, f file, x file that may be executed, l link
	Link string // of a link: its target
	Size int64
	Sum  [32]byte // of a file's content
}

// TreeOptions say what of a folder is taken.
type TreeOptions struct {
	Ignore    []string // patterns; nil: .berthignore in the folder, else .dockerignore
	KeepLinks bool     // also links that are absolute or lead out
	Allow     func(name string) bool
	// Allow tells whether a path that looks secret is taken all the same; nil: none is.
}

// ReadTree reads the folder root of files. Times, owners and mode bits but the executable ones do not count.
func ReadTree(files fs.FS, root string, o TreeOptions) (Tree, error) {
	w := &walk{files: files, root: root, o: o, ignore: parseIgnore(o.Ignore)}
	if o.Ignore == nil {
		w.ignore = parseIgnore(ignoreFile(files, root))
	}
	if err := w.folder("."); err != nil {
		return Tree{}, err
	}
	slices.SortFunc(w.entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(w.left)
	return Tree{Hash: treeHash(w.entries), Entries: w.entries, Left: w.left}, nil
}

func ignoreFile(files fs.FS, root string) []string {
	for _, name := range []string{".berthignore", ".dockerignore"} {
		info, err := fs.Lstat(files, path.Join(root, name))
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		if text, err := fs.ReadFile(files, path.Join(root, name)); err == nil {
			return ignoreLines(string(text))
		}
	}
	return nil
}

// walk is a ReadTree at work.
type walk struct {
	files   fs.FS
	root    string
	o       TreeOptions
	ignore  ignore
	entries []Entry
	left    []string
	bytes   int64
}

// folder takes what a folder holds. name is relative to the root.
func (w *walk) folder(name string) error {
	list, err := fs.ReadDir(w.files, path.Join(w.root, name))
	if err != nil {
		return unreadable(path.Join(w.root, name), err)
	}
	seen := map[string]string{}
	for _, item := range list {
		child := path.Join(name, item.Name())
		if !utf8.ValidString(item.Name()) {
			return failure(BadUTF8, "rename it", "%q: the name is not UTF-8", path.Join(w.root, child))
		}
		before := len(w.entries)
		if err := w.item(child, item); err != nil {
			return err
		}
		if len(w.entries) == before {
			continue
		}
		fold := foldName(item.Name())
		if other, ok := seen[fold]; ok {
			return failure(CaseFold, "rename one of them", "%s: %s and %s are one name on machines that do not tell capital letters", path.Join(w.root, name), other, item.Name())
		}
		seen[fold] = item.Name()
	}
	return nil
}

// foldName is the same for names that differ in the case of letters only.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}

func (w *walk) item(name string, item fs.DirEntry) error {
	full := path.Join(w.root, name)
	if looksSecret(path.Base(name)) && (w.o.Allow == nil || !w.o.Allow(full)) {
		w.left = append(w.left, full)
		return nil
	}
	out := w.ignore.out(name)
	if item.IsDir() {
		return w.subfolder(name, out)
	}
	if out {
		return nil
	}
	entry, err := w.entry(name, item)
	if err != nil {
		return err
	}
	return w.add(entry)
}

// subfolder takes a folder and what is in it; one that is left out comes back with what comes back in it.
func (w *walk) subfolder(name string, out bool) error {
	if out && !w.ignore.returns() {
		return nil
	}
	before := len(w.entries)
	if err := w.folder(name); err != nil {
		return err
	}
	if out && len(w.entries) == before {
		return nil
	}
	return w.add(Entry{Path: name, Kind: 'd'})
}

func (w *walk) add(e Entry) error {
	w.entries = append(w.entries, e)
	w.bytes += e.Size
	if len(w.entries) > maxFiles {
		return failure(TooMuch, "leave files out with ignore", "%s: holds more than %d files", w.root, maxFiles)
	}
	if w.bytes > maxBytes {
		return failure(TooMuch, "leave files out with ignore", "%s: holds more than 500 MB", w.root)
	}
	return nil
}

func (w *walk) entry(name string, item fs.DirEntry) (Entry, error) {
	full := path.Join(w.root, name)
	info, err := item.Info()
	if err != nil {
		return Entry{}, unreadable(full, err)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return w.link(name)
	case !info.Mode().IsRegular():
		return Entry{}, failure(SpecialFile, "leave it out with ignore", "%s: is a socket, pipe or device", full)
	}
	sum, size, err := sumFile(w.files, full)
	return Entry{Path: name, Kind: fileKind(info.Mode()), Size: size, Sum: sum}, err
}

func fileKind(mode fs.FileMode) byte {
	if mode&0o111 != 0 {
		return 'x'
	}
	return 'f'
}

func (w *walk) link(name string) (Entry, error) {
	full := path.Join(w.root, name)
	target, err := fs.ReadLink(w.files, full)
	if err != nil {
		return Entry{}, unreadable(full, err)
	}
	if !utf8.ValidString(target) {
		return Entry{}, failure(BadUTF8, "remove it", "%q: its target is not UTF-8", full)
	}
	inside := path.Join(path.Dir(name), target)
	if !w.o.KeepLinks && (path.IsAbs(target) || inside == ".." || strings.HasPrefix(inside, "../")) {
		return Entry{}, failure(SymlinkEscape, `set symlinks = "keep", if the image has that path`, "%s: is a link out of the folder, to %s", full, target)
	}
	return Entry{Path: name, Kind: 'l', Link: target}, nil
}

func sumFile(files fs.FS, name string) (sum [32]byte, size int64, err error) {
	f, err := files.Open(name)
	if err != nil {
		return sum, 0, unreadable(name, err)
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return sum, 0, unreadable(name, err)
	}
	return [32]byte(h.Sum(nil)), size, nil
}

func treeHash(entries []Entry) string {
	h := sha256.New()
	h.Write([]byte("berth-dir-v1\x00"))
	for _, e := range entries {
		frame(h, []byte{e.Kind})
		frame(h, []byte(e.Path))
		switch e.Kind {
		case 'd':
			frame(h, nil)
		case 'l':
			frame(h, []byte(e.Link))
		default:
			frame(h, e.Sum[:])
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// frame writes data after its length in eight bytes, so that no two lists of frames are one text.
func frame(h hash.Hash, data []byte) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(data))))
	h.Write(data)
}

func unreadable(name string, err error) error {
	return failure(SourceMissing, "", "%s: cannot be read: %w", name, err)
}
