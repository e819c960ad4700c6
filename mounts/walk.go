package mounts

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"berth/internal/host"
)

// Paths are kept with forward slashes inside this package, on Windows as "C:/x"; native turns them back at its edges.

// cleanPath cleans an absolute path, with a drive or without.
func cleanPath(p string) string {
	drive, rest := splitDrive(p)
	return drive + path.Clean("/"+rest)
}

func splitDrive(p string) (drive, rest string) {
	if startsDrive(p) {
		return p[:2], p[2:]
	}
	return "", p
}

func (h Host) native(p string) string {
	if h.OS == "windows" {
		return strings.ReplaceAll(p, "/", `\`)
	}
	return p
}

func (h Host) slashed(p string) string {
	if h.OS == "windows" {
		return strings.ReplaceAll(p, `\`, "/")
	}
	return p
}

// place is where a path leads once every link is resolved.
type place struct {
	path    string      // real, as far as it exists; the rest is appended as it was
	chain   []host.File // the root, each folder on the way, the file itself if it exists
	exists  bool
	linked  bool // some element was a symlink
	problem error
}

// stat describes the file itself.
func (p place) stat() host.File { return p.chain[len(p.chain)-1] }

// above gives the existing folders on the way, without the file itself.
func (p place) above() []host.File {
	if p.exists {
		return p.chain[:len(p.chain)-1]
	}
	return p.chain
}

// maxLinks is how many symlinks Linux follows in one path (path_resolution(7)).
const maxLinks = 40

var errLoop = errors.New("its symlinks go round in a loop")

// follow resolves a cleaned absolute path element by element.
func (h Host) follow(p string) place {
	drive, rest := splitDrive(p)
	w := place{path: drive + "/"}
	if !h.step(&w, w.path) {
		return w
	}
	todo := elements(rest)
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if name == ".." { // from a link's text only
			w.path = cleanPath(w.path + "/..")
			w.chain = w.chain[:max(len(w.chain)-1, 1)]
			continue
		}
		next := strings.TrimSuffix(w.path, "/") + "/" + name
		if !h.step(&w, next) {
			w.path = path.Join(append([]string{next}, todo...)...)
			return w
		}
		if w.stat().Kind != host.Link {
			w.path = next
			continue
		}
		links++
		w.linked = true
		w.chain = w.chain[:len(w.chain)-1]
		if text, err := h.Files.Readlink(h.native(next)); err != nil {
			w.problem = err
		} else if links > maxLinks {
			w.problem = errLoop
		} else {
			todo = append(h.enter(&w, text), todo...)
			continue
		}
		w.path = path.Join(append([]string{next}, todo...)...)
		return w
	}
	w.exists = true
	return w
}

// step adds what lies at p to the chain, or notes why it cannot.
func (h Host) step(w *place, p string) bool {
	stat, err := h.Files.Lstat(h.native(p))
	if err == nil {
		w.chain = append(w.chain, stat)
		return true
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		w.problem = err
	}
	return false
}

// enter gives the elements of a link's text, and starts again at the root if it is absolute.
func (h Host) enter(w *place, text string) []string {
	text = h.slashed(text)
	drive, rest := splitDrive(text)
	if drive != "" || strings.HasPrefix(text, "/") {
		if drive == "" {
			drive, _ = splitDrive(w.path)
		}
		w.path, w.chain = drive+"/", w.chain[:1]
	}
	return elements(rest)
}

// elements cuts a path into names, without the empty ones and ".".
func elements(p string) []string {
	var out []string
	for name := range strings.SplitSeq(p, "/") {
		if name != "" && name != "." {
			out = append(out, name)
		}
	}
	return out
}

// holds tells whether some folder of a chain is the file itself, whatever its spelling.
func holds(chain []host.File, file host.File) bool {
	for _, f := range chain {
		if f.Same(file) {
			return true
		}
	}
	return false
}
