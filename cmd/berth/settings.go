package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/internal/config"
	"berth/internal/host"
)

// words name the values of the flags that set configuration keys, where the table gives no choices.
var words = map[string]string{
	"-v":                "host:container[:mode]",
	"--image":           "reference",
	"--network":         "name",
	"--sidecar":         "network/host:port",
	"--compose-project": "name",
	"--egress":          "mode|list",
	"--allow-path":      "path",
	"--give-up":         "rule",
	"--timeout":         "duration",
	"--host":            "address",
	"--context":         "name",
}

// everywhere are the keys whose flag every command has; the others are flags of up.
var everywhere = map[string]string{"--host": "H", "--context": "c", "--profile": "", "--timeout": ""}

// keyFlags adds the flags of the configuration's table: those of every command, or those of up.
func keyFlags(f *pflag.FlagSet, global bool) {
	for _, key := range config.Keys {
		letter, isGlobal := everywhere[key.Flag]
		if key.Flag == "" || isGlobal != global {
			continue
		}
		addFlag(f, key, letter)
	}
}

// keyFlag adds the flag of one key to a command that needs only that.
func keyFlag(f *pflag.FlagSet, name string) {
	i := slices.IndexFunc(config.Keys, func(k config.Key) bool { return k.Name == name })
	addFlag(f, config.Keys[i], "")
}

func addFlag(f *pflag.FlagSet, key config.Key, letter string) {
	name := flagName(key.Flag)
	if key.Flag == "-"+name[:1] {
		letter = name[:1]
	}
	switch {
	case key.Adds:
		f.StringArrayP(name, letter, nil, "`"+word(key)+"` "+key.Help+" (repeat)")
	case key.Default == "false":
		f.BoolP(name, letter, false, key.Help)
	default:
		f.StringP(name, letter, "", "`"+word(key)+"` "+key.Help)
	}
}

// flagName gives the long name of a key's flag; -v is short for --volume.
func flagName(flag string) string {
	if flag == "-v" {
		return "volume"
	}
	return strings.TrimPrefix(flag, "--")
}

func word(key config.Key) string {
	if w := words[key.Flag]; w != "" {
		return w
	}
	return strings.Join(key.Choices, "|")
}

// given lists the flags of the configuration's table that were given.
func given(cmd *cobra.Command) []config.Flag {
	var out []config.Flag
	for _, key := range config.Keys {
		f := cmd.Flags().Lookup(flagName(key.Flag))
		if key.Flag == "" || f == nil || !f.Changed {
			continue
		}
		values := []string{f.Value.String()}
		if many, ok := f.Value.(pflag.SliceValue); ok {
			values = many.GetSlice()
		}
		out = append(out, config.Flag{Key: key.Name, Name: key.Flag, Values: values})
	}
	return out
}

// machine reads the host once.
func (a *app) machine() host.Facts {
	if a.facts == nil {
		facts := host.Read()
		a.facts = &facts
	}
	return *a.facts
}

// input gathers all that the configuration is read from. above are flags that stand over those that were typed.
func (a *app) input(above ...config.Flag) config.Input {
	h := a.machine()
	in := config.Input{
		UserFile: a.userFile(),
		Named:    a.global.config != "",
		Environ:  h.Env,
		Flags:    append(append([]config.Flag{}, a.flags...), above...),
		Home:     h.Home,
		WorkDir:  h.Cwd,
	}
	if h.Cwd != "" {
		in.ProjectFile = filepath.Join(h.Cwd, ".berth.toml")
	}
	if store, err := a.store(); err == nil {
		in.Trusted = store.Trusted
	}
	return in
}

// settings reads every layer of the configuration.
func (a *app) settings(above ...config.Flag) (*config.Settings, error) {
	return config.Load(a.input(above...))
}

// userFile gives the path of the user's file: --config, BERTH_CONFIG, else in the configuration folder; "" without one.
func (a *app) userFile() string {
	h := a.machine()
	path := a.global.config
	if path == "" {
		path = h.Env["BERTH_CONFIG"]
	}
	switch {
	case path != "" && !filepath.IsAbs(path):
		return filepath.Join(h.Cwd, path)
	case path != "":
		return path
	case filepath.IsAbs(h.Env["XDG_CONFIG_HOME"]):
		return filepath.Join(h.Env["XDG_CONFIG_HOME"], "berth", "config.toml")
	case h.Home != "":
		return filepath.Join(h.Home, ".config", "berth", "config.toml")
	}
	return ""
}
