package state

import (
	"errors"
	"io/fs"
	"slices"
)

const (
	allowedFile   = "_allowed.json"
	allowedLock   = "allowed"
	allowedSchema = "berth.allowed/v1"
)

type allowed struct {
	Schema   string              `json:"schema"`
	Projects map[string][]string `json:"projects"` // absolute folder → egress targets
}

func (s *Store) allowed() (allowed, error) {
	a := allowed{Schema: allowedSchema}
	err := s.read(allowedFile, &a)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if a.Projects == nil {
		a.Projects = map[string][]string{}
	}
	return a, err
}

// Allowed gives the egress targets that the user allowed for a project for good. They stand outside every mount: a
// sandbox must not be able to allow itself anything.
func (s *Store) Allowed(project string) ([]string, error) {
	a, err := s.allowed()
	return a.Projects[project], err
}

// Allow adds an egress target to those of a project, for good.
func (s *Store) Allow(project, rule string) error {
	return s.changeAllowed(project, func(rules []string) []string {
		if slices.Contains(rules, rule) {
			return rules
		}
		return append(rules, rule)
	})
}

// Disallow takes one back; what was never allowed is no failure.
func (s *Store) Disallow(project, rule string) error {
	return s.changeAllowed(project, func(rules []string) []string {
		return slices.DeleteFunc(rules, func(r string) bool { return r == rule })
	})
}

func (s *Store) changeAllowed(project string, change func([]string) []string) error {
	unlock, err := s.wait(allowedLock)
	if err != nil {
		return err
	}
	defer unlock()
	a, err := s.allowed()
	if err != nil {
		return err
	}
	a.Projects[project] = change(a.Projects[project])
	if len(a.Projects[project]) == 0 {
		delete(a.Projects, project)
	}
	return s.write(allowedFile, a)
}
