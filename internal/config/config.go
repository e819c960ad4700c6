package config

// Input is all that Load reads: the world as values.
type Input struct {
	UserFile    string            // absolute path of the user's config.toml; a file that is not there counts as empty
	ProjectFile string            // absolute path of the project's .berth.toml; empty: none
	Named       bool              // the user named UserFile (--config): then it must exist
	Environ     map[string]string // the environment by name
	Flags       []Flag            // in the order given
	Home        string            // absolute; may be empty
	WorkDir     string            // absolute
	// Trusted tells whether the user has approved a project file of this path and sha256. nil: never.
	Trusted func(path string, sum [32]byte) bool
}

// Flag is one flag that was given.
type Flag struct {
	Key    string // of the table Keys
	Name   string // as written, "--image"
	Values []string
	// Replaces makes the values stand instead of those of lower layers, where the key's flag would add.
	Replaces bool
}
