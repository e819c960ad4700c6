package config

import (
	"errors"
	"slices"
	"strings"
)

// ImageKey is one row of the table of keys below [images.NAME].
type ImageKey struct {
	Name    string
	Help    string
	Widens  InProject
	Path    bool
	Example string // as TOML

	field func(*ImageProfile) any
}

// ImageKeys is every key of an image profile.
var ImageKeys = []ImageKey{
	{Name: "image", Help: "the reference", Widens: When, Example: `"example.org/dev:1"`, field: func(p *ImageProfile) any { return &p.Image }},
	{Name: "repository", Help: "the reference without its tag, beside tag", Widens: When, Example: `"example.org/dev"`, field: func(p *ImageProfile) any { return &p.Repository }},
	{Name: "tag", Help: "the tag, beside repository", Widens: When, Example: `"1"`, field: func(p *ImageProfile) any { return &p.Tag }},
	{Name: "registry.server", Help: "the registry to log in to", Widens: Never, Example: `"example.org"`, field: func(p *ImageProfile) any { return &p.Registry.Server }},
	{Name: "registry.username", Help: "the user there", Widens: Never, Example: `"me"`, field: func(p *ImageProfile) any { return &p.Registry.Username }},
	{Name: "registry.password_env", Help: "the variable that holds the password", Widens: Never, Example: `"REGISTRY_TOKEN"`, field: func(p *ImageProfile) any { return &p.Registry.PasswordEnv }},
	{Name: "registry.password_file", Help: "the file that holds the password", Widens: Never, Path: true, Example: `"~/registry-token"`, field: func(p *ImageProfile) any { return &p.Registry.PasswordFile }},
	{Name: "registry.password_command", Help: "the command that prints the password", Widens: Never, Example: `["pass", "registry"]`, field: func(p *ImageProfile) any { return &p.Registry.PasswordCommand }},
	{Name: "pull", Help: "missing, always or never", Widens: When, Example: `"missing"`, field: func(p *ImageProfile) any { return &p.Pull }},
	{Name: "pin", Help: "the image id or digest it must have", Widens: When, Example: `"sha256:1111111111111111111111111111111111111111111111111111111111111111"`, field: func(p *ImageProfile) any { return &p.Pin }},
	{Name: "platform", Help: "auto (the engine's) or os/arch", Widens: When, Example: `"auto"`, field: func(p *ImageProfile) any { return &p.Platform }},
	{Name: "contract", Help: "auto, openhands, openhands-v0, sagewai, starter, plain or custom", Widens: When, Example: `"auto"`, field: func(p *ImageProfile) any { return &p.Contract }},
	{Name: "base", Help: "what it is built on, or must be built on", Widens: When, Example: `"debian"`, field: func(p *ImageProfile) any { return &p.Base }},
	{Name: "entrypoint", Help: "an explicit list replaces the image's", Widens: When, Example: `["tini", "--", "/usr/local/bin/server"]`, field: func(p *ImageProfile) any { return &p.Entrypoint }},
	{Name: "command", Help: "the command, instead of the contract's", Widens: When, Example: `["serve"]`, field: func(p *ImageProfile) any { return &p.Command }},
	{Name: "env", Help: "variables inside; env:X takes the value of X here", Widens: When, Example: `{LANG = "C.UTF-8", TZ = "env:TZ"}`, field: func(p *ImageProfile) any { return &p.Env }},
	{Name: "workdir", Help: "the working folder inside", Widens: When, Example: `"/workspace"`, field: func(p *ImageProfile) any { return &p.Workdir }},
	{Name: "user", Help: "host, image or uid:gid", Widens: Never, Example: `"host"`, field: func(p *ImageProfile) any { return &p.User }},
	{Name: "mounts", Help: "further mounts, host:container[:mode]", Widens: When, Example: `["~/cache:/cache"]`, field: func(p *ImageProfile) any { return &p.Mounts }},
	{Name: "memory", Help: "memory, swap included", Widens: When, Example: `"4GiB"`, field: func(p *ImageProfile) any { return &p.Memory }},
	{Name: "cpus", Help: "processors", Widens: When, Example: `2`, field: func(p *ImageProfile) any { return &p.CPUs }},
	{Name: "disk", Help: "disk", Widens: When, Example: `"20GB"`, field: func(p *ImageProfile) any { return &p.Disk }},
	{Name: "idle_stop", Help: "stop after this time without use", Widens: When, Example: `"30m"`, field: func(p *ImageProfile) any { return &p.IdleStop }},
	{Name: "kvm", Help: "hand in /dev/kvm", Widens: Never, Example: `false`, field: func(p *ImageProfile) any { return &p.KVM }},
	{Name: "pool", Help: "how many to start in advance", Widens: When, Example: `1`, field: func(p *ImageProfile) any { return &p.Pool }},
	{Name: "prepare", Help: "commands to run inside before the links are shown", Widens: When, Example: `["prepare-repo"]`, field: func(p *ImageProfile) any { return &p.Prepare }},
	{Name: "prepare_optional", Help: "show the links although one failed", Widens: When, Example: `false`, field: func(p *ImageProfile) any { return &p.PrepareOptional }},
	{Name: "verify", Help: "commands that berth validate --verify runs", Widens: When, Example: `["company-verify"]`, field: func(p *ImageProfile) any { return &p.Verify }},
	{Name: "hooks", Help: "auto: list the image's own prepare-* and *-verify", Widens: When, Example: `"auto"`, field: func(p *ImageProfile) any { return &p.Hooks }},
	{Name: "max_size", Help: "validate warns above it", Widens: When, Example: `"5GB"`, field: func(p *ImageProfile) any { return &p.MaxSize }},
	{Name: "runtime", Help: "the server to put into the image: openhands", Widens: When, Example: `"openhands"`, field: func(p *ImageProfile) any { return &p.Runtime }},
	{Name: "runtime_version", Help: "its version", Widens: When, Example: `"1.58.2"`, field: func(p *ImageProfile) any { return &p.RuntimeVersion }},
	{Name: "network", Help: "the network of the build", Widens: When, Example: `"default"`, field: func(p *ImageProfile) any { return &p.Network }},
	{Name: "steps", Help: "how it is built, one table a step", Widens: When, Example: `[{apt = ["jq"]}, {run = ["true"]}]`, field: func(p *ImageProfile) any { return &p.Steps }},
	{Name: "dockerfile", Help: "a Dockerfile instead of steps", Widens: When, Path: true, Example: `"Dockerfile"`, field: func(p *ImageProfile) any { return &p.Dockerfile }},
	{Name: "refresh", Help: "install packages anew after this time, such as 7d", Widens: When, Example: `"7d"`, field: func(p *ImageProfile) any { return &p.Refresh }},
	{Name: "allow_entrypoint", Help: "the build may change the entrypoint", Widens: Never, Example: `false`, field: func(p *ImageProfile) any { return &p.AllowEntrypoint }},
	{Name: "allow_secret_files", Help: "files to copy although they look secret", Widens: Never, Example: `["ca.pem"]`, field: func(p *ImageProfile) any { return &p.AllowSecretFiles }},
	{Name: "ignore", Help: "patterns of files that are not copied", Widens: When, Example: `["*.tmp"]`, field: func(p *ImageProfile) any { return &p.Ignore }},
	{Name: "env_files", Help: "also write env steps to /etc/environment", Widens: When, Example: `false`, field: func(p *ImageProfile) any { return &p.EnvFiles }},
}

// applyImages puts the profiles of a document into s, key by key over those of the layers below.
func (l *loader) applyImages(s *Settings, table *node, kind Kind, dir string, source func(*node) Source) error {
	if table.kids == nil {
		return wrongType(table, "a table of image profiles")
	}
	images := map[string]*ImageProfile{}
	for name, p := range s.Images {
		copied := *p
		images[name] = &copied
	}
	s.Images = images
	s.sources["images"] = source(table)
	for _, name := range table.names() {
		profile := images[name]
		if profile == nil {
			profile = &ImageProfile{Dir: dir}
			images[name] = profile
		}
		o := origin{source: source, dir: dir, home: l.in.Home}
		if err := l.applyProfile(s, profile, table.kids[name], "images."+name+".", "", kind, o); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) applyProfile(s *Settings, p *ImageProfile, table *node, path, below string, kind Kind, o origin) error {
	if table.kids == nil {
		return wrongType(table, "a table")
	}
	for _, name := range table.names() {
		kid, full := table.kids[name], below+name
		if slices.ContainsFunc(ImageKeys, func(k ImageKey) bool { return strings.HasPrefix(k.Name, full+".") }) {
			if err := l.applyProfile(s, p, kid, path, full+".", kind, o); err != nil {
				return err
			}
			continue
		}
		i := slices.IndexFunc(ImageKeys, func(k ImageKey) bool { return k.Name == full })
		if i < 0 {
			return unknownKey(kid, name, imageKeyNames())
		}
		if kind == FromProject && ImageKeys[i].Widens == Never {
			return neverThere(kid, path+full)
		}
		o.path = ImageKeys[i].Path
		if err := o.assign(ImageKeys[i].field(p), kid); err != nil {
			return within(err, path+full)
		}
		s.sources[path+full] = o.source(kid)
	}
	return nil
}

// within gives a problem the full name of its key.
func within(err error, key string) error {
	if p := (*problem)(nil); errors.As(err, &p) && !p.onKey {
		q := *p
		q.key = key
		return &q
	}
	return err
}

func imageKeyNames() []string {
	names := make([]string, len(ImageKeys))
	for i, k := range ImageKeys {
		names[i] = k.Name
	}
	return names
}
