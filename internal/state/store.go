package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/internal/fault"
)

// Store is the state folder. Its methods may be called from several processes at once: files are replaced whole.
type Store struct {
	places Places
	owner  string
}

// Open makes the folders that are not there, for nobody else to read. hostname and uid go into Owner.
func Open(p Places, hostname string, uid int) (*Store, error) {
	for _, dir := range []string{p.State, p.Runtime} {
		if err := private(dir); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", hostname, uid, p.State))
	return &Store{places: p, owner: hex.EncodeToString(sum[:6])}, nil
}

// Owner is the value of the label dev.berth.owner, 12 hex digits: the machine, the user and the state folder. Two
// users of one engine never clear each other's things, because their owners differ.
func (s *Store) Owner() string { return s.owner }

// Places gives the folders.
func (s *Store) Places() Places { return s.places }

// Area is a kind of files that have a folder of their own below the state folder.
type Area string

// The areas.
const (
	BuildLogs Area = "logs"
	Crashes   Area = "crash"
	Snapshots Area = "snapshots"
	Overlays  Area = "overlays"
	Pages     Area = "open" // that lead a browser to a link
)

// Folder gives the folder of an area, made if it was not there.
func (s *Store) Folder(a Area) (string, error) {
	dir := filepath.Join(s.places.State, string(a))
	return dir, private(dir)
}

// Create makes a new file for writing in an area, mode 0600. name is one path element; one that is taken gets a number.
func (s *Store) Create(a Area, name string) (*os.File, error) {
	dir, err := s.Folder(a)
	if err != nil {
		return nil, err
	}
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(filepath.Base(name), ext)
	for n := 1; ; n++ {
		path := filepath.Join(dir, stem+ext)
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", stem, n, ext))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && n < 1000 {
			continue
		}
		if err != nil {
			return nil, pathFault(path, err)
		}
		return f, nil
	}
}

const maxFile = 4 << 20

// read decodes a JSON file of the state folder; fs.ErrNotExist when it is not there.
func (s *Store) read(name string, into any) error {
	path := filepath.Join(s.places.State, name)
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return pathFault(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return pathFault(path, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return &fault.Fault{Kind: fault.Failure, Message: fmt.Sprintf("%s: is not what berth wrote: %v", path, err),
			Hint: "move it away: mv " + path + " " + path + ".broken", Cause: err}
	}
	return nil
}

// write replaces a file of the state folder: written aside, synced, renamed, the folder synced. Whoever reads sees the
// old one or the new one, also after a crash.
func (s *Store) write(name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	path := filepath.Join(s.places.State, name)
	if err := replace(path, append(data, '\n')); err != nil {
		return pathFault(path, err)
	}
	return nil
}

func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // O_EXCL and 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
