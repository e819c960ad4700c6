package server

import "net/http"

// gitMissing answers as the agent server does in an image without git.
func (s *Server) gitMissing(w http.ResponseWriter, r *http.Request) {
	if _, problems := pathOf(r); len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	broken(w, http.StatusInternalServerError, "git")
}
