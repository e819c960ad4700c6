package server

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

// What the starter lacks, said where the agent server would answer.
const (
	remedy   = "; pull an agent-server image when a registry is reachable"
	noVSCode = "the starter image has no VS Code" + remedy
	noAgent  = "the starter image has no agent" + remedy
)

// activity remembers when the server was last asked to do something; health checks do not count.
type activity struct{ last atomic.Int64 }

func (a *activity) touch() { a.last.Store(time.Now().UnixNano()) }
func (a *activity) idle() float64 {
	return time.Since(time.Unix(0, a.last.Load())).Seconds()
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ready"})
}

// serverInfo has every field of the agent server's, so that clients find what they look for.
func (s *Server) serverInfo(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"uptime":                          time.Since(s.began).Seconds(),
		"idle_time":                       s.active.idle(),
		"title":                           "berth starter server",
		"version":                         s.version,
		"sdk_version":                     "none",
		"tools_version":                   "none",
		"workspace_version":               "none",
		"build_git_sha":                   "none",
		"build_git_ref":                   "none",
		"python_version":                  "none (" + runtime.Version() + ")",
		"usable_tools":                    []string{},
		"runtime_idle_timeout_seconds":    nil,
		"conversation_runtime":            "local",
		"available_conversation_runtimes": []string{},
		"capabilities":                    []string{"berth_starter_v1"},
		"app_backend_ingress_url":         nil,
		"max_foreground_terminal_timeout_seconds": nil,
		"docs":  "/docs",
		"redoc": "/redoc",
	})
}

func (s *Server) vscodeURL(w http.ResponseWriter, _ *http.Request) {
	broken(w, http.StatusServiceUnavailable, noVSCode)
}

func (s *Server) vscodeStatus(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"running": false, "enabled": false, "message": noVSCode})
}

func (s *Server) conversationCount(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, 0)
}

func (s *Server) conversationSearch(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"items": []string{}, "next_page_id": nil})
}

// conversations answers null for each id asked for.
func (s *Server) conversations(w http.ResponseWriter, r *http.Request) {
	ids := r.URL.Query()["ids"]
	if len(ids) == 0 {
		invalid(w, missing(nil, "query", "ids"))
		return
	}
	answer(w, http.StatusOK, make([]any, len(ids)))
}

// conversation knows none, but tells a well-formed id from another, as the agent server does.
func (s *Server) conversation(w http.ResponseWriter, r *http.Request) {
	if bad := checkUUID(segment(r, "/api/conversations/{id}"), "path", "conversation_id"); bad != nil {
		invalid(w, *bad)
		return
	}
	detail(w, http.StatusNotFound, "Not Found")
}

func (s *Server) startConversation(w http.ResponseWriter, _ *http.Request) {
	broken(w, http.StatusServiceUnavailable, noAgent)
}

type entry struct {
	Label string `json:"label"`
	Path  string `json:"path"`
}

// homeFolder lists the folders of the home that are not hidden (at most 50), unless include_hidden asks for all.
func (s *Server) homeFolder(w http.ResponseWriter, r *http.Request) {
	hidden := false
	switch strings.ToLower(r.URL.Query().Get("include_hidden")) {
	case "1", "true", "yes", "on", "t", "y":
		hidden = true
	}
	favorites := []entry{}
	entries, _ := os.ReadDir(s.home) // an unreadable home has no favourites
	for _, e := range entries {
		if e.IsDir() && (hidden || !strings.HasPrefix(e.Name(), ".")) {
			favorites = append(favorites, entry{e.Name(), filepath.Join(s.home, e.Name())})
		}
	}
	sort.SliceStable(favorites, func(i, j int) bool {
		return strings.ToLower(favorites[i].Label) < strings.ToLower(favorites[j].Label)
	})
	answer(w, http.StatusOK, map[string]any{"home": s.home, "favorites": favorites[:min(50, len(favorites))], "locations": []entry{{"/", "/"}}})
}
