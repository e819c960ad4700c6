package state

import (
	"encoding/hex"
	"errors"
	"io/fs"
)

const (
	trustFile   = "_trust.json"
	trustLock   = "trust"
	trustSchema = "berth.trust/v1"
)

type trusted struct {
	Schema string            `json:"schema"`
	Files  map[string]string `json:"files"` // absolute path → sha256 in hex
}

func (s *Store) trusted() (trusted, error) {
	t := trusted{Schema: trustSchema}
	err := s.read(trustFile, &t)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if t.Files == nil {
		t.Files = map[string]string{}
	}
	return t, err
}

// Trusted tells whether the user has approved a project file in this very form. A trust file that cannot be read
// approves nothing.
func (s *Store) Trusted(path string, sum [32]byte) bool {
	t, err := s.trusted()
	return err == nil && t.Files[path] == hex.EncodeToString(sum[:])
}

// Trust approves a project file in this form, and no longer in any other.
func (s *Store) Trust(path string, sum [32]byte) error {
	return s.changeTrust(func(files map[string]string) { files[path] = hex.EncodeToString(sum[:]) })
}

// Distrust takes an approval back; one that was never given is no failure.
func (s *Store) Distrust(path string) error {
	return s.changeTrust(func(files map[string]string) { delete(files, path) })
}

func (s *Store) changeTrust(change func(map[string]string)) error {
	unlock, err := s.wait(trustLock)
	if err != nil {
		return err
	}
	defer unlock()
	t, err := s.trusted()
	if err != nil {
		return err
	}
	change(t.Files)
	return s.write(trustFile, t)
}
