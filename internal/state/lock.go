package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"berth/internal/fault"
)

// Job is what a berth process does with a sandbox for a while; each has its own lock.
type Job string

// The jobs.
const (
	Work    Job = "work"    // launch, stop, remove: one at a time
	Gateway Job = "gateway" // its links
	Build   Job = "build"   // of an image; the name is its key
)

// Lock is held until Unlock, or until the process is gone.
type Lock struct{ file *flock.Flock }

// Unlock frees the lock and takes its file away; open checks that this is safe.
func (l *Lock) Unlock() error {
	err := os.Remove(l.file.Path())
	if errors.Is(err, fs.ErrNotExist) || runtime.GOOS == "windows" {
		err = nil // an open file cannot be removed on Windows: it stays, and is used again
	}
	return errors.Join(err, l.file.Unlock())
}

// TryLock takes the lock of a job on a sandbox without waiting. Held by another process: kind Conflict, saying what
// that process does. doing is one word for its message: "up", "stop".
func (s *Store) TryLock(job Job, name, doing string) (*Lock, error) {
	path := s.lockPath(job, name)
	file, err := s.open(path, (*flock.Flock).TryLock)
	if err != nil {
		return nil, err
	}
	if file == nil {
		return nil, busy(job, name, path)
	}
	// For the message of whoever comes second; nothing else reads it, so a failure to write it is none of the lock's.
	_ = os.WriteFile(path, []byte(doing), 0o600)
	return &Lock{file}, nil
}

// Held tells whether some living process, this one included, holds the lock of a job on a sandbox.
func (s *Store) Held(job Job, name string) bool {
	path := s.lockPath(job, name)
	if _, err := os.Lstat(path); err != nil {
		return false
	}
	// A shared lock: two that only ask do not disturb each other, and take can tell them from a holder.
	file := flock.New(path, flock.SetFlag(os.O_RDWR|noFollow))
	got, err := file.TryRLock()
	if got {
		_ = file.Unlock() // the descriptor is closed in any case
	}
	return !got && !errors.Is(err, fs.ErrNotExist)
}

// wait takes a lock that others hold only for moments.
func (s *Store) wait(name string) (unlock func(), err error) {
	file, err := s.open(s.lockPath("file", name), func(f *flock.Flock) (bool, error) { return true, f.Lock() })
	if err != nil {
		return nil, err
	}
	return func() { _ = (&Lock{file}).Unlock() }, nil
}

// open opens and takes a lock file; nil when somebody holds it. A file that its last holder removed in the meantime
// is no lock any more: then it begins again.
func (s *Store) open(path string, take func(*flock.Flock) (bool, error)) (*flock.Flock, error) {
	if err := private(filepath.Dir(path)); err != nil {
		return nil, err
	}
	for {
		file := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow))
		got, err := take(file)
		if err != nil {
			return nil, pathFault(path, err)
		}
		if !got && !s.onlyAsked(path) {
			return nil, nil
		}
		if got && stillThere(file) {
			return file, nil
		}
		_ = file.Unlock() // the descriptor is closed in any case
		runtime.Gosched()
	}
}

// onlyAsked tells whether a lock that could not be taken is shared, hence not held but looked at by Held.
func (s *Store) onlyAsked(path string) bool {
	file := flock.New(path, flock.SetFlag(os.O_RDWR|noFollow))
	got, err := file.TryRLock()
	if got {
		_ = file.Unlock() // the descriptor is closed in any case
	}
	return got || errors.Is(err, fs.ErrNotExist)
}

func stillThere(file *flock.Flock) bool {
	held, err := file.Stat()
	now, errNow := os.Lstat(file.Path())
	return err == nil && errNow == nil && os.SameFile(held, now)
}

// lockPath holds the owner, because two state folders may share one runtime folder.
func (s *Store) lockPath(job Job, name string) string {
	return filepath.Join(s.places.Runtime, fmt.Sprintf("%s.%s.%s.lock", s.owner, name, job))
}

func busy(job Job, name, path string) error {
	doing := ""
	if text, err := os.ReadFile(path); err == nil && len(text) > 0 && len(text) < 40 && strings.IndexFunc(string(text), odd) < 0 {
		doing = " (" + string(text) + ")"
	}
	if job == Build {
		return fault.New(fault.Conflict, "wait for it", "%s: another berth builds it%s", name, doing)
	}
	if job == Gateway {
		return fault.New(fault.Conflict, "berth url "+name, "%s: another gateway serves its links", name)
	}
	return fault.New(fault.Conflict, "wait for it; berth ls shows how far it is", "%s: another berth works on it%s", name, doing)
}

func odd(r rune) bool { return r < ' ' || r > '~' }

// Sweep takes away the files of locks, the sockets of gateways and what was half written, whose holders were killed;
// those that somebody holds stay. own is the name whose lock this process has, "" if it has none.
func (s *Store) Sweep(own string) {
	unlock, err := s.wait(sweeping)
	if err != nil {
		return
	}
	defer unlock()
	s.sweepSockets()
	s.sweepHalves(own)
	left, err := filepath.Glob(filepath.Join(s.places.Runtime, s.owner+".*.lock"))
	if err != nil {
		return
	}
	for _, path := range left {
		sweep(path)
	}
}

// sweeping is the lock of whoever sweeps: a lock's file goes by its holder's hand or by that one's, never by two.
const sweeping = "sweep"

// sweep removes a lock's file that nobody holds, and others with it. It looks at the lock as Held does, so that whoever
// takes it at this moment waits instead of being told that somebody has it.
func sweep(path string, others ...string) {
	file := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow))
	if got, err := file.TryRLock(); err != nil || !got {
		return
	}
	if stillThere(file) {
		for _, gone := range append(others, path) {
			_ = os.Remove(gone) // one that stays does no harm
		}
	}
	_ = file.Unlock() // the descriptor is closed in any case
}

// sweepHalves removes files that were not written to their end. A record is written under its sandbox's lock, what
// belongs to no sandbox within moments.
func (s *Store) sweepHalves(own string) {
	left, err := filepath.Glob(filepath.Join(s.places.State, ".*.json-*"))
	if err != nil {
		return
	}
	for _, path := range left {
		name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), "."), ".json-")
		info, err := os.Lstat(path)
		common := strings.HasPrefix(name, "_")
		if err != nil || common && time.Since(info.ModTime()) < time.Minute || !common && name != own && s.Held(Work, name) {
			continue
		}
		_ = os.Remove(path) // one that stays does no harm
	}
}

func (s *Store) sweepSockets() {
	left, err := filepath.Glob(filepath.Join(s.places.Runtime, s.owner+".*.sock"))
	if err != nil {
		return
	}
	for _, path := range left {
		s.sweepGateway(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), s.owner+"."), ".sock"))
	}
}

// SweepGateway takes away the lock and the socket of a sandbox's gateway that was killed; one that lives keeps them.
func (s *Store) SweepGateway(name string) {
	unlock, err := s.wait(sweeping)
	if err != nil {
		return
	}
	defer unlock()
	s.sweepGateway(name)
}

func (s *Store) sweepGateway(name string) { sweep(s.lockPath(Gateway, name), s.Socket(name)) }
