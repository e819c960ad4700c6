package server

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// upload writes the part "file" of a multipart body to the absolute path, as it arrives: memory stays constant, whatever the size.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	path, problems := pathOf(r)
	part, err := filePart(r)
	switch {
	case part == nil:
		problems = append(problems, missing(nil, "body", "file"))
	case part.FileName() == "":
		const reason = "Expected UploadFile, received: <class 'str'>"
		problems = append(problems, problem{Type: "value_error", Where: []any{"body", "file"}, Text: "Value error, " + reason, Ctx: map[string]any{"error": reason}})
	}
	if len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	if err != nil {
		detail(w, http.StatusBadRequest, "There was an error parsing the body")
		return
	}
	s.active.touch()
	if !filepath.IsAbs(path) {
		detail(w, http.StatusBadRequest, "Path must be absolute")
		return
	}
	size, err := writeUpload(path, part)
	switch {
	case err == nil:
		answer(w, http.StatusOK, map[string]any{"success": true, "file_size": size})
	case errors.Is(err, syscall.EISDIR):
		detail(w, http.StatusBadRequest, "Path is a directory")
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EEXIST):
		detail(w, http.StatusBadRequest, "A parent of the path is not a directory")
	default:
		broken(w, http.StatusInternalServerError, "Failed to upload file: "+systemError(err, ""))
	}
}

// pathOf gives the query's path, or the problem that it is not there.
func pathOf(r *http.Request) (string, []problem) {
	q := r.URL.Query()
	if !q.Has("path") {
		return "", []problem{missing(nil, "query", "path")}
	}
	return q.Get("path"), nil
}

// filePart gives the part named "file"; nil if the body has none.
func filePart(r *http.Request) (*multipart.Part, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() == "file" {
			return part, nil
		}
	}
}

func writeUpload(path string, from io.Reader) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, from)
	return n, errors.Join(err, f.Close())
}

// download sends a file with ranges, ETag and Last-Modified.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	path, problems := pathOf(r)
	if len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	s.active.touch()
	if !filepath.IsAbs(path) {
		detail(w, http.StatusBadRequest, "Path must be absolute")
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, syscall.EACCES):
		broken(w, http.StatusInternalServerError, "Failed to download file: "+systemError(err, path))
		return
	case err != nil:
		detail(w, http.StatusNotFound, "File not found")
		return
	case !info.Mode().IsRegular():
		detail(w, http.StatusBadRequest, "Path is not a file")
		return
	}
	f, err := os.Open(path)
	if err != nil {
		broken(w, http.StatusInternalServerError, systemError(err, path))
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition(filepath.Base(path)))
	h.Set("ETag", etag(info))
	// The agent server sends the file whatever the client has of it, save for If-Range.
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		r.Header.Del(name)
	}
	if given := r.Header.Get("Range"); given != "" && !strings.HasPrefix(given, "bytes=") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "Malformed range header.") // a client that has gone needs no answer
		return
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// disposition names the download; what a quoted string cannot hold is percent-encoded (RFC 6266).
func disposition(name string) string {
	quoted := strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	if quoted == name {
		return `attachment; filename="` + name + `"`
	}
	return "attachment; filename*=utf-8''" + quoted
}

func etag(info os.FileInfo) string {
	sum := md5.Sum(fmt.Appendf(nil, "%d-%d", info.ModTime().UnixNano(), info.Size()))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// createDirectory makes a folder and its parents; one that exists is left as it is.
func (s *Server) createDirectory(w http.ResponseWriter, r *http.Request) {
	path, problems := pathOf(r)
	if len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	s.active.touch()
	if !filepath.IsAbs(path) {
		detail(w, http.StatusBadRequest, "Path must be absolute")
		return
	}
	err := os.MkdirAll(path, 0o777)
	switch {
	case err == nil:
		answer(w, http.StatusOK, map[string]bool{"success": true})
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EEXIST):
		detail(w, http.StatusBadRequest, "Path exists and is not a directory")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		detail(w, http.StatusForbidden, "Permission denied: "+systemError(err, ""))
	default:
		broken(w, http.StatusInternalServerError, "Failed to create directory: "+systemError(err, ""))
	}
}
