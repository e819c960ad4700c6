// Package server is the starter image's HTTP server: the agent server's API without an agent, so that a launcher and the SDK work on it unchanged.
package server

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// keyHeader carries the session key.
const keyHeader = "X-Session-API-Key"

// Server answers the API. Make it with New; it is an http.Handler.
type Server struct {
	version string   // berth's
	keys    []string // any of them opens /api; none leaves it open
	home    string
	began   time.Time
	active  activity
	bash    *bash
}

// Config is what a Server is made from.
type Config struct {
	Version string   // berth's
	Keys    []string // session keys in force
	Home    string   // of the user it runs as
	Env     []string // for commands, already without keys
	Shell   []string // program and first arguments in front of "-c TEXT"
}

// New makes a server without listening.
func New(c Config) *Server {
	s := &Server{version: c.Version, keys: c.Keys, home: c.Home, began: time.Now(), bash: newBash(c.Shell, c.Env)}
	s.active.touch()
	return s
}

// route is one path of the API. "{id}" stands for any one segment.
type route struct {
	method string
	path   string
	serve  func(*Server, http.ResponseWriter, *http.Request)
}

var routes = []route{
	{"GET", "/", (*Server).serverInfo},
	{"GET", "/server_info", (*Server).serverInfo},
	{"GET", "/alive", (*Server).health},
	{"GET", "/health", (*Server).health},
	{"GET", "/ready", (*Server).ready},
	{"POST", "/api/bash/execute_bash_command", (*Server).executeCommand},
	{"POST", "/api/bash/start_bash_command", (*Server).startCommand},
	{"POST", "/api/bash/bash_commands/{id}/stop", (*Server).stopCommand},
	{"GET", "/api/bash/bash_events/search", (*Server).searchEvents},
	{"GET", "/api/bash/bash_events/{id}", (*Server).getEvent},
	{"DELETE", "/api/bash/bash_events", (*Server).clearEvents},
	{"POST", "/api/file/upload", (*Server).upload},
	{"GET", "/api/file/download", (*Server).download},
	{"POST", "/api/file/create_directory", (*Server).createDirectory},
	{"GET", "/api/file/home", (*Server).homeFolder},
	{"GET", "/api/git/changes", (*Server).gitChanges},
	{"GET", "/api/git/diff", (*Server).gitDiff},
	{"GET", "/api/vscode/url", (*Server).vscodeURL},
	{"GET", "/api/vscode/status", (*Server).vscodeStatus},
	{"GET", "/api/conversations/count", (*Server).conversationCount},
	{"GET", "/api/conversations/search", (*Server).conversationSearch},
	{"GET", "/api/conversations", (*Server).conversations},
	{"GET", "/api/conversations/{id}", (*Server).conversation},
	{"POST", "/api/conversations", (*Server).startConversation},
}

// ServeHTTP answers in the agent server's order: 404 and 405, then 401, then what the route says of its input.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	found, allow := find(r.Method, r.URL.Path)
	switch {
	case found == nil && allow == "":
		detail(w, http.StatusNotFound, "Not Found")
	case found == nil:
		w.Header().Set("Allow", allow)
		detail(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	case strings.HasPrefix(found.path, "/api/") && !s.holdsKey(r):
		detail(w, http.StatusUnauthorized, "Unauthorized")
	default:
		found.serve(s, w, r)
	}
}

// find gives the route, or the methods that the path does have.
func find(method, path string) (found *route, allow string) {
	for i := range routes {
		if !fits(routes[i].path, path) {
			continue
		}
		if routes[i].method == method {
			return &routes[i], ""
		}
		if allow == "" {
			allow = routes[i].method
		}
	}
	return nil, allow
}

func fits(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && (want[i] != "{id}" || got[i] == "") {
			return false
		}
	}
	return true
}

// segment gives the part of the path that stands at "{id}" in pattern.
func segment(r *http.Request, pattern string) string {
	got := strings.Split(r.URL.Path, "/")
	for i, part := range strings.Split(pattern, "/") {
		if part == "{id}" {
			return got[i]
		}
	}
	return ""
}

func (s *Server) holdsKey(r *http.Request) bool {
	given := []byte(r.Header.Get(keyHeader))
	for _, key := range s.keys {
		if subtle.ConstantTimeCompare(given, []byte(key)) == 1 {
			return true
		}
	}
	return len(s.keys) == 0
}
