package engine

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	clicontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"

	"berth/internal/fault"
)

// Options say where an engine may be. The environment and the user come in as values.
type Options struct {
	Host    string // -H: unix:///path, ssh://user@host, tcp://host:port with TLS; "" finds one
	Context string // -c: a context of the docker command
	Env     func(name string) (string, bool)
	Home    string // the user's home folder; "" when there is none
	UID     int    // for /run/user/UID when XDG_RUNTIME_DIR is not set

	Filters string // folder for the seccomp filters of Podman, which reads them from files; created when needed
}

// Candidate is one place where an engine may be, and what was found there.
type Candidate struct {
	Name string // "DOCKER_HOST", "context desktop-linux", "Colima"
	Host string // unix:///var/run/docker.sock
	API  string // negotiated, when it answered
	Err  error  // why it cannot be used; nil when it answered
}

// endpoint is an address of an engine with its TLS data, and the words of the user that named it.
type endpoint struct {
	docker.Endpoint
	name  string // "DOCKER_HOST", "context NAME", "Docker Desktop"
	label string // for errors: "DOCKER_HOST=tcp://…", "context NAME", the address
}

// Candidates tries every place at once, for doctor: what is named, if anything is, else all known sockets. Sockets
// that do not exist are listed with fs.ErrNotExist as the cause.
func Candidates(ctx context.Context, o Options) []Candidate {
	places := o.sockets()
	named, err := o.named()
	if err != nil {
		places = nil
	}
	if named != nil {
		places = append([]endpoint{*named}, places...)
	}
	found := make([]Candidate, len(places))
	var wait sync.WaitGroup
	for i, place := range places {
		wait.Go(func() { found[i] = try(ctx, place, o) })
	}
	wait.Wait()
	if err != nil {
		found = append(found, Candidate{Name: o.namedBy(), Err: err})
	}
	return found
}

func try(ctx context.Context, at endpoint, o Options) Candidate {
	c := Candidate{Name: at.name, Host: at.Host}
	e, err := dial(ctx, at, o)
	if err != nil {
		c.Err = err
		return c
	}
	defer e.Close()
	c.API = e.API()
	return c
}

// named gives the endpoint that the user named, by flag, environment or the docker command's own settings; nil when
// nothing is named. The order is the docker command's.
func (o Options) named() (*endpoint, error) {
	if o.Host != "" && o.Context != "" {
		return nil, fault.New(fault.Usage, "give one of them", "--host %s --context %s: both name an engine", o.Host, o.Context)
	}
	host := o.env("DOCKER_HOST")
	switch {
	case o.Context != "":
		return o.context(o.Context, "--context "+o.Context)
	case o.Host != "":
		return o.direct(o.Host, "--host", "--host "+o.Host)
	case host != "":
		return o.direct(host, "DOCKER_HOST", "DOCKER_HOST="+host)
	case o.env("DOCKER_CONTEXT") != "":
		return o.context(o.env("DOCKER_CONTEXT"), "DOCKER_CONTEXT="+o.env("DOCKER_CONTEXT"))
	}
	current := o.dockerConfig().CurrentContext
	return o.context(current, "context "+current)
}

// namedBy tells which of the ways of naming an engine is in use.
func (o Options) namedBy() string {
	switch {
	case o.Host != "" && o.Context != "":
		return "--host and --context"
	case o.Context != "":
		return "--context"
	case o.Host != "":
		return "--host"
	case o.env("DOCKER_HOST") != "":
		return "DOCKER_HOST"
	case o.env("DOCKER_CONTEXT") != "":
		return "DOCKER_CONTEXT"
	}
	return "currentContext of the docker command"
}

// direct makes an endpoint of an address, with TLS as the docker command takes it from the environment.
func (o Options) direct(host, name, label string) (*endpoint, error) {
	at := endpoint{name: name, label: label}
	at.Host = host
	verify := o.env("DOCKER_TLS_VERIFY") != ""
	if !strings.HasPrefix(host, "tcp://") || !verify && o.env("DOCKER_TLS") == "" {
		return &at, nil
	}
	folder := o.env("DOCKER_CERT_PATH")
	if folder == "" {
		folder = o.configDir()
	}
	at.SkipTLSVerify = !verify
	data, err := clicontext.TLSDataFromFiles(
		existing(folder, "ca.pem"), existing(folder, "cert.pem"), existing(folder, "key.pem"))
	if err != nil {
		return nil, fault.New(fault.Engine, "", "%s: certificates in %s: %w", label, folder, err)
	}
	if data == nil && verify {
		return nil, fault.New(fault.Engine, "put ca.pem, cert.pem and key.pem there, or name their folder: DOCKER_CERT_PATH",
			"%s: no ca.pem in %s", label, folder)
	}
	at.TLSData = data
	return &at, nil
}

// context makes an endpoint of a context of the docker command; "" and "default" name none.
func (o Options) context(name, label string) (*endpoint, error) {
	if name == "" || name == "default" {
		return nil, nil
	}
	contexts := store.New(filepath.Join(o.configDir(), "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} })))
	about, err := contexts.GetMetadata(name)
	if err != nil {
		return nil, fault.New(fault.Engine, "docker context ls", "%s: the docker command has no such context", label)
	}
	meta, err := docker.EndpointFromContext(about)
	if err != nil {
		return nil, fault.New(fault.Engine, "docker context inspect "+name, "%s: names no engine", label)
	}
	at, err := docker.WithTLSData(contexts, name, meta)
	if err != nil {
		return nil, fault.New(fault.Engine, "", "%s: %w", label, err)
	}
	return &endpoint{Endpoint: at, name: "context " + name, label: label}, nil
}

// sockets lists where the usual engines listen; the docker command's default comes first.
func (o Options) sockets() []endpoint {
	run := o.env("XDG_RUNTIME_DIR")
	if run == "" {
		run = "/run/user/" + strconv.Itoa(o.UID)
	}
	settings := o.env("XDG_CONFIG_HOME")
	if settings == "" {
		settings = filepath.Join(o.Home, ".config")
	}
	places := []struct{ name, root, path string }{
		{"Docker", "/", "var/run/docker.sock"},
		{"Docker, rootless", run, "docker.sock"},
		{"Docker Desktop", o.Home, ".docker/run/docker.sock"},
		{"Docker Desktop", o.Home, ".docker/desktop/docker.sock"},
		{"OrbStack", o.Home, ".orbstack/run/docker.sock"},
		{"Colima", o.Home, ".colima/default/docker.sock"},
		{"Colima", settings, "colima/default/docker.sock"},
		{"Rancher Desktop", o.Home, ".rd/docker.sock"},
		{"Lima", o.Home, ".lima/docker/sock/docker.sock"},
		{"Podman, rootless", run, "podman/podman.sock"},
		{"Podman", "/", "run/podman/podman.sock"},
		{"Podman machine", o.Home, ".local/share/containers/podman/machine/podman.sock"},
	}
	var found []endpoint
	for _, p := range places {
		if !filepath.IsAbs(p.root) {
			continue
		}
		at := endpoint{name: p.name}
		at.Host = "unix://" + filepath.Join(p.root, p.path)
		at.label = at.Host
		found = append(found, at)
	}
	return found
}

// check refuses what berth will not speak over.
func (at endpoint) check() error {
	scheme, rest, ok := strings.Cut(at.Host, "://")
	known := scheme == "unix" || scheme == "ssh" || scheme == "tcp" || scheme == "npipe" && runtime.GOOS == "windows"
	if !ok || rest == "" || !known {
		return fault.New(fault.Engine, "", "%s: not an address of an engine (unix:///path, ssh://user@host, tcp://host:port)", at.label)
	}
	if scheme == "tcp" && at.TLSData == nil && !at.SkipTLSVerify {
		return fault.New(fault.Engine, "use ssh://user@host, or certificates with DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH",
			"%s: over tcp without TLS anyone on the way is root on that machine", at.label)
	}
	return nil
}

// missing tells whether there is certainly no socket.
func (at endpoint) missing() bool {
	path, isSocket := strings.CutPrefix(at.Host, "unix://")
	if !isSocket {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || isNotFolder(err)
}

// remote tells whether bind sources are folders of another machine. A forwarded local socket also may lead elsewhere;
// only trying tells.
func (at endpoint) remote() bool {
	return strings.HasPrefix(at.Host, "ssh://") || strings.HasPrefix(at.Host, "tcp://")
}

// pingURL gives the one path that has no version in it.
func (at endpoint) pingURL(daemon string) (string, error) {
	address, err := url.Parse(daemon)
	if err != nil {
		return "", err
	}
	switch {
	case address.Scheme == "unix" || address.Scheme == "npipe":
		return "http://docker/_ping", nil
	case address.Scheme == "tcp":
		return "https://" + address.Host + "/_ping", nil
	}
	return "http://" + address.Host + "/_ping", nil
}

// dockerConfig reads the docker command's settings; like that command it goes on without what cannot be read.
func (o Options) dockerConfig() *configfile.ConfigFile {
	path := filepath.Join(o.configDir(), config.ConfigFileName)
	settings := configfile.New(path)
	file, err := os.Open(path)
	if err != nil {
		return settings
	}
	defer file.Close()
	if err := settings.LoadFromReader(file); err != nil {
		return configfile.New(path)
	}
	return settings
}

func (o Options) configDir() string {
	if dir := o.env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(o.Home, ".docker")
}

func (o Options) env(name string) string {
	if o.Env == nil {
		return ""
	}
	value, _ := o.Env(name)
	return value
}

func existing(folder, name string) string {
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func isNotFolder(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && strings.Contains(path.Err.Error(), "not a directory")
}
