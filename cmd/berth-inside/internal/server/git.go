package server

import (
	"net/http"
	"os"
)

// Without git the agent server takes every folder for one that is not a repository: no changes, and nothing to compare.

func (s *Server) gitChanges(w http.ResponseWriter, r *http.Request) {
	if _, problems := pathOf(r); len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	s.active.touch()
	answer(w, http.StatusOK, []string{})
}

func (s *Server) gitDiff(w http.ResponseWriter, r *http.Request) {
	path, problems := pathOf(r)
	if len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	s.active.touch()
	if _, err := os.Stat(path); err != nil {
		detail(w, http.StatusBadRequest, "File does not exist: "+path)
		return
	}
	answer(w, http.StatusOK, map[string]any{"modified": nil, "original": nil})
}
