package mounts

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"berth/internal/host"
)

// machine is a made-up host of the vectors.
type machine struct {
	Like       string            `json:"like"`
	OS         string            `json:"os"`
	Engine     string            `json:"engine"`
	Home       string            `json:"home"`
	Cwd        string            `json:"cwd"`
	EngineRoot *string           `json:"engine_root"`
	State      []string          `json:"state"`
	FoldCase   bool              `json:"fold_case"`
	Files      map[string]string `json:"files"`
	Volumes    map[string]struct {
		Driver  string            `json:"driver"`
		Options map[string]string `json:"options"`
	} `json:"volumes"`
	MountInfo []struct{ Point, Dev, Root string } `json:"mountinfo"`
	WSL       *struct{ Distro, Automount string } `json:"wsl"`
	SELinux   bool                                `json:"selinux"`
}

// inherit fills what m leaves out from another machine; files are merged.
func (m machine) inherit(from machine) machine {
	files := maps.Clone(from.Files)
	maps.Copy(files, m.Files)
	out := from
	out.Files = files
	if m.OS != "" {
		out.OS = m.OS
	}
	if m.Engine != "" {
		out.Engine = m.Engine
	}
	if m.Home != "" {
		out.Home = m.Home
	}
	if m.Cwd != "" {
		out.Cwd = m.Cwd
	}
	if m.EngineRoot != nil {
		out.EngineRoot = m.EngineRoot
	}
	if m.State != nil {
		out.State = m.State
	}
	if m.Volumes != nil {
		out.Volumes = m.Volumes
	}
	if m.MountInfo != nil {
		out.MountInfo = m.MountInfo
	}
	if m.WSL != nil {
		out.WSL = m.WSL
	}
	out.FoldCase, out.SELinux = out.FoldCase || m.FoldCase, out.SELinux || m.SELinux
	return out
}

func (m machine) host(allow []string) Host {
	h := Host{Files: newFakeFiles(m), OS: m.OS, Home: m.Home, Homes: []string{m.Home}, Cwd: m.Cwd, UID: 1000, State: m.State, Allow: allow,
		Engine: Engine{Podman: strings.HasPrefix(m.Engine, "podman"), SELinux: m.SELinux}, Volumes: map[string]VolumeInfo{}}
	if m.EngineRoot != nil {
		h.Engine.Root = *m.EngineRoot
	}
	if m.WSL != nil {
		h.WSL = host.WSL{Distro: m.WSL.Distro, Automount: m.WSL.Automount}
	}
	for name, v := range m.Volumes {
		h.Volumes[name] = VolumeInfo{Driver: v.Driver, Options: v.Options}
	}
	for _, p := range m.MountInfo {
		h.Mounts = append(h.Mounts, host.MountPoint{Point: p.Point, Device: p.Dev, Root: p.Root})
	}
	return h
}

// fakeFiles is a file system in a map: path to "dir", "file", "socket", "fifo", "device", "link:TARGET" or "same:PATH".
type fakeFiles struct {
	files map[string]string // slash-separated; lower case when fold
	names map[string]string // as written
	win   bool
	fold  bool
}

func newFakeFiles(m machine) *fakeFiles {
	f := &fakeFiles{files: map[string]string{}, names: map[string]string{}, win: m.OS == "windows", fold: m.FoldCase}
	for p, what := range m.Files {
		f.add(p, what)
		for dir := path.Dir(f.slashed(p)); dir != "." && dir != "/" && dir != f.slashed(p); dir = path.Dir(dir) {
			if _, ok := f.files[f.key(dir)]; !ok {
				if _, stated := m.Files[dir]; !stated {
					f.add(dir, "dir")
				}
			}
		}
	}
	f.add("/", "dir")
	return f
}

func (f *fakeFiles) add(p, what string) {
	f.files[f.key(p)], f.names[f.key(p)] = what, f.slashed(p)
}

func (f *fakeFiles) slashed(p string) string {
	if f.win {
		p = strings.ReplaceAll(p, `\`, "/")
	}
	if len(p) == 2 && p[1] == ':' {
		p += "/"
	}
	return p
}

func (f *fakeFiles) key(p string) string {
	p = f.slashed(p)
	if f.fold {
		p = strings.ToLower(p)
	}
	if p != "/" && !strings.HasSuffix(p, ":/") {
		p = strings.TrimSuffix(p, "/")
	}
	return p
}

// original undoes "same:" for the path and the folders above it.
func (f *fakeFiles) original(key string) string {
	for p, what := range f.files {
		if target, ok := strings.CutPrefix(what, "same:"); ok && within(key, p) {
			return f.key(target) + strings.TrimPrefix(key, p)
		}
	}
	return key
}

func (f *fakeFiles) Lstat(p string) (host.File, error) {
	key := f.original(f.key(p))
	what, ok := f.files[key]
	if f.win && key == "/" {
		ok = false
	}
	if !ok {
		if strings.HasSuffix(key, ":/") {
			what = "dir"
		} else {
			return host.File{}, fmt.Errorf("lstat %s: %w", p, fs.ErrNotExist)
		}
	}
	hash := fnv.New64()
	hash.Write([]byte(key))
	kinds := map[string]host.FileKind{"dir": host.Dir, "file": host.Regular, "socket": host.Socket, "fifo": host.Fifo, "device": host.Device}
	kind, ok := kinds[what]
	if !ok {
		kind = host.Link
	}
	return host.File{Kind: kind, Device: 1, Inode: hash.Sum64(), UID: 1000, GID: 1000, Mode: 0o755, Links: 1}, nil
}

func (f *fakeFiles) Readlink(p string) (string, error) {
	return strings.TrimPrefix(f.files[f.key(p)], "link:"), nil
}

func (f *fakeFiles) ReadDir(p string) ([]host.DirEntry, error) {
	key := f.original(f.key(p))
	var out []host.DirEntry
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		if name != key && path.Dir(name) == strings.TrimSuffix(key, "/") || name != "/" && key == "/" && path.Dir(name) == "/" {
			stat, err := f.Lstat(name)
			if err != nil {
				return nil, err
			}
			out = append(out, host.DirEntry{Name: path.Base(f.names[name]), Kind: stat.Kind})
		}
	}
	return out, nil
}
