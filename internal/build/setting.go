package build

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"

	"berth/internal/host"
)

// Command runs a program of this machine and gives what it wrote to standard output.
type Command func(ctx context.Context, name string, args ...string) ([]byte, error)

// Exec is the Command that really runs it, for at most ten seconds.
func Exec(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, name, args...).Output()
}

// Setting is what this machine's own package clients say about where packages come from. It goes into the stages
// that build and into nothing that stays.
type Setting struct {
	Certificates []byte            // the trusted certificates of this machine, PEM
	Mirrors      map[string]string // PIP_INDEX_URL and the like, for pip and npm
	Debian       string            // the archive this machine's apt uses; "" leaves it to the base image
	Security     string            // its security archive; "" when it has none
	Apt          map[string]string // other settings of apt that decide whether it gets through
	Proxies      map[string]string // Docker's predefined build arguments
}

// proxyNames are the build arguments that Docker knows without an ARG line and keeps out of the history.
var proxyNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}

// aptSettings decide whether apt gets through here: behind a proxy, with a clock or a mirror that lags.
var aptSettings = []string{
	"Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date",
	"Acquire::ForceIPv4", "Acquire::Retries", "Acquire::https::Verify-Peer",
}

// Survey asks this machine. A client that is not installed has no say.
func Survey(ctx context.Context, env host.Env, run Command, readFile func(string) ([]byte, error)) Setting {
	certificates, _ := host.Certificates(env, readFile)
	s := Setting{
		Certificates: certificates,
		Mirrors:      map[string]string{},
		Apt:          map[string]string{},
		Proxies:      map[string]string{},
	}
	for _, name := range proxyNames {
		for _, spelled := range []string{name, strings.ToLower(name)} {
			if env[spelled] != "" {
				s.Proxies[spelled] = env[spelled]
			}
		}
	}
	s.askPip(ctx, env, run)
	s.askNpm(ctx, env, run)
	s.askApt(ctx, run)
	return s
}

// askPip reads the list of pip's settings, "global.index-url='https://...'" a line.
func (s *Setting) askPip(ctx context.Context, env host.Env, run Command) {
	names := map[string]string{
		"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST",
	}
	for _, variable := range names {
		s.mirror(variable, env[variable])
	}
	for _, pip := range [][]string{{"pip3"}, {"pip"}, {"python3", "-m", "pip"}} {
		out, err := run(ctx, pip[0], append(pip[1:], "config", "list")...)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			_, setting, _ := strings.Cut(key, ".")
			if variable := names[setting]; variable != "" && env[variable] == "" {
				s.mirror(variable, strings.ReplaceAll(strings.Trim(value, `'"`), `\n`, " "))
			}
		}
		return
	}
}

func (s *Setting) askNpm(ctx context.Context, env host.Env, run Command) {
	for _, name := range []string{"NPM_CONFIG_REGISTRY", "npm_config_registry"} {
		s.mirror("npm_config_registry", env[name])
	}
	out, err := run(ctx, "npm", "config", "get", "registry")
	if err == nil {
		s.mirror("npm_config_registry", strings.TrimSpace(string(out)))
	}
}

// mirror keeps a value, if there is one that a container can reach.
func (s *Setting) mirror(variable, value string) {
	if value != "" && value != "undefined" && !loopback(value) {
		s.Mirrors[variable] = value
	}
}

// askApt asks for the archives in use and for the settings that matter. Only Debian's own kind of archive counts:
// on another distribution the base image's sources stand.
func (s *Setting) askApt(ctx context.Context, run Command) {
	out, err := run(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		archive := strings.TrimRight(strings.TrimSpace(line), "/")
		switch {
		case loopback(archive) || !strings.HasPrefix(archive, "http"):
		case strings.HasSuffix(archive, "/debian") && s.Debian == "":
			s.Debian = archive
		case strings.HasSuffix(archive, "/debian-security") && s.Security == "":
			s.Security = archive
		}
	}
	out, err = run(ctx, "apt-config", "dump")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ";"), " ")
		if value = strings.Trim(value, `"`); slices.Contains(aptSettings, name) && value != "" && !loopback(value) {
			s.Apt[name] = value
		}
	}
}

// loopback says whether an address is this machine's own, which no build container reaches.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// unreachable lists the proxies that builds cannot reach, because they listen on this machine's loopback only.
func (s Setting) unreachable() []string {
	var out []string
	for _, name := range sorted(s.Proxies) {
		if loopback(s.Proxies[name]) {
			out = append(out, name)
		}
	}
	return out
}

// files are the machine's answers in the form the recipe's host/env reads.
func (s Setting) files() map[string][]byte {
	out := map[string][]byte{}
	if len(s.Certificates) > 0 {
		out["ca.crt"] = s.Certificates
	}
	if text := s.mirrors(); text != "" {
		out["mirrors"] = []byte(text)
	}
	if text := s.apt(); text != "" {
		out["apt.conf"] = []byte(text)
	}
	if text := s.sources(); text != "" {
		out["sources.list"] = []byte(text)
	}
	return out
}

func (s Setting) mirrors() string {
	var b strings.Builder
	for _, name := range sorted(s.Mirrors) {
		fmt.Fprintf(&b, "%s='%s'\n", name, strings.ReplaceAll(s.Mirrors[name], "'", `'\''`))
	}
	return b.String()
}

func (s Setting) apt() string {
	var b strings.Builder
	for _, name := range sorted(s.Apt) {
		fmt.Fprintf(&b, "%s \"%s\";\n", name, s.Apt[name])
	}
	if len(s.Certificates) > 0 {
		b.WriteString("Acquire::https::CAInfo \"/host/ca.crt\";\n")
	}
	if s.Debian != "" {
		b.WriteString("Dir::Etc::sourcelist \"/host/sources.list\";\nDir::Etc::sourceparts \"-\";\n")
	}
	return b.String()
}

// sources are the archives of the release the images are made from, at this machine's mirror.
func (s Setting) sources() string {
	if s.Debian == "" {
		return ""
	}
	text := fmt.Sprintf("deb %s %s main\ndeb %s %s-updates main\n", s.Debian, release, s.Debian, release)
	if s.Security != "" {
		text += fmt.Sprintf("deb %s %s-security main\n", s.Security, release)
	}
	return text
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
