package egress

import (
	"cmp"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"berth/internal/fault"
)

// Index is a host that a package client's own settings name.
type Index struct {
	Rule   Rule
	Source string // which setting: "pip: PIP_INDEX_URL"
}

// Settings are what package clients go by, in the image or on the host.
type Settings struct {
	Env   map[string]string
	Files []File
}

// File is one settings file of a package client. The end of its path says whose: see SettingsFiles.
type File struct{ Path, Text string }

// client is a package client and where its settings name hosts.
type client struct {
	name  string
	files []string // ends of paths
	vars  *regexp.Regexp
	keys  *regexp.Regexp
}

var clients = []client{
	{"pip", []string{"/pip.conf", "/pip.ini"},
		regexp.MustCompile(`^PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS)$`), regexp.MustCompile(`^(extra[-_])?index[-_]url$|^find[-_]links$`)},
	{"uv", []string{"/uv.toml"},
		regexp.MustCompile(`^UV_(INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS)$`), regexp.MustCompile(`^(extra-)?index-url$|^url$|^find-links$`)},
	{"npm", []string{"/.npmrc", "/npmrc"},
		regexp.MustCompile(`^(?i:npm_config_registry)$`), regexp.MustCompile(`^(@[^:]+:)?registry$`)},
	{"go", []string{"/go/env"},
		regexp.MustCompile(`^(GOPROXY|GOSUMDB)$`), regexp.MustCompile(`^(GOPROXY|GOSUMDB)$`)},
	{"cargo", []string{"/.cargo/config.toml", "/.cargo/config"},
		regexp.MustCompile(`^CARGO_REGISTRIES_[A-Z0-9_]+_INDEX$`), regexp.MustCompile(`^(index|registry)$`)},
}

// SettingsFiles lists where package clients keep settings that name hosts, for a home such as "/root". On macOS and
// Windows there are more; a client that is asked by its variables needs none.
func SettingsFiles(home string) []string {
	list := []string{"/etc/pip.conf", "/etc/uv/uv.toml", "/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"}
	for _, name := range []string{
		".pip/pip.conf", ".config/pip/pip.conf", ".config/uv/uv.toml", ".npmrc", ".config/go/env", ".cargo/config.toml", ".cargo/config",
	} {
		list = append(list, path.Join(home, name))
	}
	return list
}

// Indexes gives the hosts that settings name, each once, for Policy.Packages; and what they name that no rule may, a
// private index for instance, as faults that say what to write. berth knows no index of its own: where a client has
// no setting, its first refusal offers the host.
//
// Passwords in the settings' URLs are dropped.
func Indexes(s Settings) (named []Index, left []error) {
	for _, c := range clients {
		for _, found := range c.find(s) {
			source := c.name + ": " + found.where
			for _, hostPort := range hostsIn(found.value, strings.HasSuffix(found.where, "GOSUMDB")) {
				rule, err := ParseRule(hostPort)
				if err != nil {
					left = append(left, fault.New(fault.Usage, fault.HintOf(err), "%s: %w", source, err))
				} else if !slices.ContainsFunc(named, func(i Index) bool { return i.Rule == rule }) {
					named = append(named, Index{rule, source})
				}
			}
		}
	}
	return named, left
}

// setting is one value and where it stood.
type setting struct{ where, value string }

// find gives a client's settings, variables first, in a fixed order.
func (c client) find(s Settings) []setting {
	var out []setting
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if c.vars.MatchString(name) {
			out = append(out, setting{name, s.Env[name]})
		}
	}
	for _, f := range s.Files {
		if !slices.ContainsFunc(c.files, func(end string) bool { return strings.HasSuffix("/"+f.Path, end) }) {
			continue
		}
		for _, found := range scan(f.Text) {
			if c.keys.MatchString(found.where) {
				out = append(out, setting{f.Path + " " + found.where, found.value})
			}
		}
	}
	return out
}

var (
	assignment = regexp.MustCompile(`^([A-Za-z0-9@_.:-]+)\s*=\s*(.*)$`)
	inner      = regexp.MustCompile(`([A-Za-z0-9_-]+)\s*=\s*"([^"]*)"`)
)

// scan reads what INI, npm's, Go's and simple TOML files have in common: key = value, sections, comments; a line
// without a key goes on with the one before, a table in braces has keys of its own.
func scan(text string) []setting {
	var out []setting
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.ContainsAny(line[:1], "#;[") || strings.HasPrefix(line, "//") { // npm's keys for one host
			continue
		}
		pair := assignment.FindStringSubmatch(line)
		switch {
		case pair == nil && len(out) > 0:
			out[len(out)-1].value += " " + line
		case pair != nil && strings.HasPrefix(pair[2], "{"):
			for _, in := range inner.FindAllStringSubmatch(pair[2], -1) {
				out = append(out, setting{in[1], in[2]})
			}
		case pair != nil:
			out = append(out, setting{pair[1], pair[2]})
		}
	}
	return out
}

var address = regexp.MustCompile(`https?://[^\s,|"'<>{}]+`)

// hostsIn gives host:port of every URL in a value. A checksum database of Go may be a name alone, or name+key.
func hostsIn(value string, bare bool) []string {
	var out []string
	for _, text := range address.FindAllString(value, -1) {
		if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
			out = append(out, hostPort(u.Hostname(), cmp.Or(u.Port(), u.Scheme)))
		}
	}
	first, _, _ := strings.Cut(strings.Trim(value, `"' `), "+")
	if bare && len(out) == 0 && strings.Contains(first, ".") {
		out = append(out, hostPort(first, "https"))
	}
	return out
}

// hostPort prints a host with a port in digits, or the one of a scheme.
func hostPort(host, port string) string {
	n, ok := parsePort(port)
	if !ok {
		n = portOf(port)
	}
	return join(host, n)
}
