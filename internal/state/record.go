package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/secret"
)

// Record is what berth knows of one sandbox beyond the engine's labels.
type Record struct {
	Name     string
	Project  string            // absolute folder it belongs to
	Ports    [3]uint16         // of the links: api, VS Code, VNC
	Extra    map[uint16]uint16 // further ports inside and the ports of this machine that were promised to them
	Keys     Keys
	Engine   string // address of the engine it is on
	Image    string // as the user named it
	Profile  string
	Plan     string    // hash of the Spec
	Finished bool      // its launch came to the end
	Home     bool      // its home is older than this launch: it is the user's, whatever becomes of the launch
	Posture  string    // as it was last proven
	GivenUp  []string  // rules that the user does without: "limit-nofile=8192"
	Created  time.Time // by the clock: to show, never to decide an order by
}

// Keys are the secrets of one sandbox, the same for as long as it exists.
type Keys struct {
	Session secret.String // of the server inside
	Secret  secret.String // with which the server seals its settings
	Gateway secret.String // from which the gateway derives its browsers' cookies; it never goes inside
}

const recordSchema = "berth.record/v1"

// recordFile is a Record as it stands on disk, the one place where the keys are written out.
type recordFile struct {
	Schema     string            `json:"schema"`
	Name       string            `json:"name"`
	Project    string            `json:"project"`
	Ports      [3]uint16         `json:"ports"`
	Extra      map[uint16]uint16 `json:"extra,omitempty"`
	SessionKey string            `json:"session_key"`
	SecretKey  string            `json:"secret_key"`
	GatewayKey string            `json:"gateway_key"`
	Engine     string            `json:"engine"`
	Image      string            `json:"image"`
	Profile    string            `json:"profile"`
	Plan       string            `json:"plan"`
	Finished   bool              `json:"finished"`
	Home       bool              `json:"home,omitempty"`
	Posture    string            `json:"posture,omitempty"`
	GivenUp    []string          `json:"given_up,omitempty"`
	Created    time.Time         `json:"created"`
}

// Save writes the record of r.Name, in place of the one that is there.
func (s *Store) Save(r Record) error {
	if err := CheckName(r.Name); err != nil {
		return err
	}
	return s.write(r.Name+".json", recordFile{recordSchema, r.Name, r.Project, r.Ports, r.Extra, r.Keys.Session.Reveal(),
		r.Keys.Secret.Reveal(), r.Keys.Gateway.Reveal(), r.Engine, r.Image, r.Profile, r.Plan, r.Finished, r.Home, r.Posture, r.GivenUp, r.Created.UTC()})
}

// Record reads one record; kind NotFound when there is none.
func (s *Store) Record(name string) (Record, error) {
	if err := CheckName(name); err != nil {
		return Record{}, err
	}
	var f recordFile
	err := s.read(name+".json", &f)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, fault.New(fault.NotFound, "berth ls -a", "%s: no such sandbox", name)
	}
	if err != nil {
		return Record{}, err
	}
	if f.Schema != recordSchema || f.Name != name {
		return Record{}, fault.New(fault.Failure, "", "%s: is no record of %s", filepath.Join(s.places.State, name+".json"), name)
	}
	return Record{f.Name, f.Project, f.Ports, f.Extra, Keys{secret.New(f.SessionKey), secret.New(f.SecretKey), secret.New(f.GatewayKey)},
		f.Engine, f.Image, f.Profile, f.Plan, f.Finished, f.Home, f.Posture, f.GivenUp, f.Created}, nil
}

// Records reads all records, by name. The error tells of those that cannot be read; the others are given all the same.
func (s *Store) Records() ([]Record, error) {
	entries, err := os.ReadDir(s.places.State)
	if err != nil {
		return nil, pathFault(s.places.State, err)
	}
	var (
		records []Record
		broken  []error
	)
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok || CheckName(name) != nil {
			continue
		}
		r, err := s.Record(name)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		records = append(records, r)
	}
	return records, errors.Join(broken...)
}

// Drop removes the record of a sandbox; one that is not there is no failure.
func (s *Store) Drop(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	path := filepath.Join(s.places.State, name+".json")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pathFault(path, err)
	}
	return nil
}
