package config

import "fmt"

// Source tells where the value of a key came from; for a key nobody set it is FromDefault.
func (s *Settings) Source(key string) Source {
	if source, ok := s.sources[key]; ok {
		return source
	}
	return Source{Kind: FromDefault}
}

// Kind is the layer a value came from.
type Kind string

// The layers, weakest first.
const (
	FromDefault Kind = "default"
	FromUser    Kind = "user"
	FromProject Kind = "project"
	FromEnv     Kind = "env"
	FromFlag    Kind = "flag"
)

// Source is where one value came from.
type Source struct {
	Kind Kind
	File string // as shown to the user, for FromUser and FromProject
	Line int    // 1-based; of the key
	Col  int    // 1-based, in characters
	Name string // of the variable or flag
}

// String gives "default", "config.toml:7:1", "env SANDBOX_VOLUMES" or "flag --image".
func (s Source) String() string {
	switch {
	case s.File != "" && s.Line > 0:
		return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Col)
	case s.File != "":
		return s.File
	case s.Name != "":
		return string(s.Kind) + " " + s.Name
	}
	return string(FromDefault)
}
