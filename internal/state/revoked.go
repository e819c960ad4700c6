package state

import (
	"errors"
	"io/fs"
	"path/filepath"
)

const (
	revokedLock   = "revoked"
	revokedSchema = "berth.revoked/v1"
)

// revoked are the logins at a gateway that count no more, in one run of its sandbox: in another none counts anyway.
type revoked struct {
	Schema string   `json:"schema"`
	Run    string   `json:"run"`
	Logins []string `json:"logins"`
}

func revokedFile(name string) string { return filepath.Join("sandboxes", name, "revoked.json") }

// Revoked gives the logins of a sandbox's run that were revoked, for a gateway that is started again.
func (s *Store) Revoked(name, run string) ([]string, error) {
	var r revoked
	err := s.read(revokedFile(name), &r)
	if errors.Is(err, fs.ErrNotExist) || err == nil && r.Run != run {
		return nil, nil
	}
	return r.Logins, err
}

// Revoke adds to them, also while its gateway revokes others. The caller holds the sandbox's gateway lock; what is kept
// goes with the sandbox.
func (s *Store) Revoke(name, run, login string) error {
	unlock, err := s.wait(revokedLock)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := s.Revoked(name, run)
	if err != nil {
		return err
	}
	return s.write(revokedFile(name), revoked{revokedSchema, run, append(before, login)})
}
