// Package dockertest is an engine for tests: an HTTP server that speaks enough of Docker's API, keeps state, records every request and can fail at any; nothing runs in it.
package dockertest

import (
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/api/types/volume"
)

// Request is one call as it came in.
type Request struct {
	Method string
	Path   string // without the version: /containers/create
	Query  url.Values
	Body   []byte // of JSON requests only
}

// String gives "POST /containers/create".
func (r Request) String() string { return r.Method + " " + r.Path }

// Server is one engine. It may be used from several goroutines.
type Server struct {
	flavour Flavour
	path    string // of its socket
	http    *httptest.Server

	mu         sync.Mutex
	requests   []Request
	faults     []*Fault
	containers map[string]*box // by id
	images     map[string]*Image
	networks   map[string]*network.Inspect // by id
	volumes    map[string]*volume.Volume
	execs      map[string]*run
	listeners  map[chan any]bool
	pulls      map[string]Pull
	serial     int
	program    func(args []string, stdin io.Reader, stdout, stderr io.Writer) int
}

// Start runs an engine on a unix socket of its own until the test ends.
func Start(t testing.TB, flavour Flavour) *Server {
	t.Helper()
	s := newServer(t, flavour)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// StartTLS runs an engine on a port of 127.0.0.1, and gives the certificate to trust as PEM.
func StartTLS(t testing.TB, flavour Flavour) (s *Server, host string, ca []byte) {
	t.Helper()
	s = newServer(t, flavour)
	s.http = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
	return s, "tcp://" + s.http.Listener.Addr().String(), ca
}

func newServer(t testing.TB, flavour Flavour) *Server {
	t.Helper()
	folder, err := os.MkdirTemp("", "engine") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		flavour: flavour, path: filepath.Join(folder, "docker.sock"),
		containers: map[string]*box{}, images: map[string]*Image{}, networks: map[string]*network.Inspect{},
		volumes: map[string]*volume.Volume{}, execs: map[string]*run{}, listeners: map[chan any]bool{}, pulls: map[string]Pull{}, program: program,
	}
	for _, name := range []string{"bridge", "host", "none"} {
		s.addNetwork(network.Inspect{Name: name, Driver: builtin[name], Scope: "local"})
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return s
}

var builtin = map[string]string{"bridge": "bridge", "host": "host", "none": "null"}

// Host gives the address as DOCKER_HOST takes it.
func (s *Server) Host() string { return "unix://" + s.path }

// Open listens again after a Close, with the state it had.
func (s *Server) Open() error {
	listener, err := net.Listen("unix", s.path)
	if err != nil {
		return err
	}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Listener.Close()
	s.http.Listener = listener
	s.http.Start()
	return nil
}

// Close makes the engine go away, with every stream that is open; its state stays.
func (s *Server) Close() {
	s.mu.Lock()
	for listener := range s.listeners {
		close(listener)
		delete(s.listeners, listener)
	}
	s.mu.Unlock()
	s.http.CloseClientConnections()
	s.http.Close()
}

// Requests gives all calls so far, in their order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Asked gives the calls as lines, "POST /containers/create", without the pings.
func (s *Server) Asked() []string {
	var lines []string
	for _, r := range s.Requests() {
		if r.Path != "/_ping" {
			lines = append(lines, r.String())
		}
	}
	return lines
}

// Fault makes one call fail. A zero Status cuts the connection without an answer.
type Fault struct {
	On      string // "POST /containers/create", a prefix of what Request.String gives; "" is any call
	After   int    // calls of this kind that still succeed
	Times   int    // how often; 0 is once, -1 for ever
	Status  int
	Message string

	hook func() // instead of failing
}

// Fail adds a fault.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// Before runs hook, once, when a call comes in and before it is carried out. On is as in a Fault.
func (s *Server) Before(on string, hook func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &Fault{On: on, Times: 1, hook: hook})
}

// fault takes the first fault that is due.
func (s *Server) fault(r Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		switch {
		case f.Times == 0 || !strings.HasPrefix(r.String(), f.On):
		case f.After > 0:
			f.After--
		default:
			f.Times--
			return f
		}
	}
	return nil
}

var versioned = regexp.MustCompile(`^/v([0-9]+\.[0-9]+)(/.*)$`)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, api := r.URL.Path, s.flavour.API
	if parts := versioned.FindStringSubmatch(path); parts != nil {
		api, path = parts[1], parts[2]
	}
	request := Request{Method: r.Method, Path: path, Query: r.URL.Query()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		request.Body, _ = io.ReadAll(r.Body)
	}
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.mu.Unlock()

	w.Header().Set("Api-Version", s.flavour.API)
	w.Header().Set("Server", s.flavour.Server)
	w.Header().Set("Ostype", "linux")
	f := s.fault(request)
	if f != nil && f.hook != nil {
		f.hook()
		f = nil
	}
	if f != nil {
		if f.Status == 0 {
			panic(http.ErrAbortHandler)
		}
		fail(w, f.Status, "%s", f.Message)
		return
	}
	if versions.GreaterThan(api, s.flavour.API) {
		fail(w, http.StatusBadRequest, "client version %s is too new. Maximum supported API version is %s", api, s.flavour.API)
		return
	}
	s.route(w, r, request)
}

// call is one request on its way through the table of routes.
type call struct {
	Request
	w    http.ResponseWriter
	r    *http.Request
	name string // what stands for {} in the route
}

// route is one method and path; {} stands for a name, which may hold slashes.
type route struct {
	method, path string
	do           func(*Server, call)
}

var routes = []route{
	{"GET", "/_ping", func(_ *Server, c call) { fmt.Fprint(c.w, "OK") }},
	{"HEAD", "/_ping", func(*Server, call) {}},
	{"GET", "/version", func(s *Server, c call) { answer(c.w, s.flavour.Version) }},
	{"GET", "/info", func(s *Server, c call) { answer(c.w, s.flavour.Info) }},
	{"GET", "/events", (*Server).follow},

	{"POST", "/containers/create", (*Server).createContainer},
	{"GET", "/containers/json", (*Server).listContainers},
	{"GET", "/containers/{}/json", (*Server).inspectContainer},
	{"POST", "/containers/{}/start", (*Server).startContainer},
	{"POST", "/containers/{}/stop", (*Server).stopContainer},
	{"POST", "/containers/{}/kill", (*Server).killContainer},
	{"POST", "/containers/{}/pause", (*Server).pauseContainer},
	{"POST", "/containers/{}/unpause", (*Server).unpauseContainer},
	{"POST", "/containers/{}/wait", (*Server).waitContainer},
	{"DELETE", "/containers/{}", (*Server).removeContainer},
	{"GET", "/containers/{}/logs", (*Server).logs},
	{"GET", "/containers/{}/stats", (*Server).stats},
	{"GET", "/containers/{}/archive", (*Server).getArchive},
	{"PUT", "/containers/{}/archive", (*Server).putArchive},
	{"POST", "/containers/{}/exec", (*Server).createExec},
	{"POST", "/exec/{}/start", (*Server).startExec},
	{"POST", "/exec/{}/resize", (*Server).resizeExec},
	{"GET", "/exec/{}/json", (*Server).inspectExec},

	{"GET", "/networks", (*Server).listNetworks},
	{"POST", "/networks/create", (*Server).createNetwork},
	{"POST", "/networks/{}/connect", (*Server).connectNetwork},
	{"POST", "/networks/{}/disconnect", (*Server).disconnectNetwork},
	{"GET", "/networks/{}", (*Server).inspectNetwork},
	{"DELETE", "/networks/{}", (*Server).removeNetwork},
	{"GET", "/volumes", (*Server).listVolumes},
	{"POST", "/volumes/create", (*Server).createVolume},
	{"GET", "/volumes/{}", (*Server).inspectVolume},
	{"DELETE", "/volumes/{}", (*Server).removeVolume},

	{"GET", "/images/json", (*Server).listImages},
	{"POST", "/images/create", (*Server).pull},
	{"POST", "/images/load", (*Server).load},
	{"POST", "/build", (*Server).build},
	{"GET", "/images/{}/json", (*Server).inspectImage},
	{"POST", "/images/{}/tag", (*Server).tagImage},
	{"DELETE", "/images/{}", (*Server).removeImage},
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, request Request) {
	for _, one := range routes {
		if one.method != request.Method {
			continue
		}
		before, after, named := strings.Cut(one.path, "{}")
		name, ok := strings.CutPrefix(request.Path, before)
		name, end := strings.CutSuffix(name, after)
		if !ok || !end || named != (name != "") || !named && request.Path != one.path {
			continue
		}
		one.do(s, call{Request: request, w: w, r: r, name: name})
		return
	}
	fail(w, http.StatusNotFound, "page not found")
}

func answer(w http.ResponseWriter, value any) { answerStatus(w, http.StatusOK, value) }

func answerStatus(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, status int, format string, args ...any) {
	answerStatus(w, status, map[string]string{"message": fmt.Sprintf(format, args...)})
}

// newID makes up an id of 64 hex digits. Callers hold the lock.
func (s *Server) newID() string {
	s.serial++
	return fmt.Sprintf("%x", sha256.Sum256([]byte{byte(s.serial), byte(s.serial >> 8)}))
}

// filter reads the filters of a list call: {"label": {"dev.berth.sandbox": true}} or the older form with a list.
func (c call) filter(name string) []string {
	var byMap map[string]map[string]bool
	text := []byte(c.Query.Get("filters"))
	if json.Unmarshal(text, &byMap) == nil {
		var out []string
		for value := range byMap[name] {
			out = append(out, value)
		}
		return out
	}
	var byList map[string][]string
	_ = json.Unmarshal(text, &byList)
	return byList[name]
}

// hasLabels tells whether labels meet every filter, "name" or "name=value".
func hasLabels(labels map[string]string, filters []string) bool {
	return !slices.ContainsFunc(filters, func(filter string) bool {
		name, want, exact := strings.Cut(filter, "=")
		have, ok := labels[name]
		return !ok || exact && have != want
	})
}

// flush sends what was written so far.
func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}
