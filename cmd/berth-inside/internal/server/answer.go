package server

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"
)

// answer writes a JSON body.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	// A length lets a client keep the connection and tell a whole answer from a cut one.
	text, err := encode(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"detail":"Internal Server Error"}`)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone needs no answer
}

// encode leaves <, > and & as they are: shells' output is full of them.
func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// detail answers a refusal of the 4xx kind.
func detail(w http.ResponseWriter, status int, text string) {
	answer(w, status, map[string]string{"detail": text})
}

// broken answers a 5xx, whose reason stands in "exception" only.
func broken(w http.ResponseWriter, status int, reason string) {
	answer(w, status, map[string]string{"detail": "Internal Server Error", "exception": strconv.Itoa(status) + ": " + reason})
}

// problem is one entry of a 422 body, in pydantic's form.
type problem struct {
	Type  string         `json:"type"`
	Where []any          `json:"loc"`
	Text  string         `json:"msg"`
	Input any            `json:"input"`
	Ctx   map[string]any `json:"ctx,omitempty"`
}

func invalid(w http.ResponseWriter, problems ...problem) {
	answer(w, http.StatusUnprocessableEntity, map[string][]problem{"detail": problems})
}

func missing(input any, where ...any) problem {
	return problem{Type: "missing", Where: where, Text: "Field required", Input: input}
}

// newID gives 32 hex digits, as ids have them here.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)                         // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	return hex.EncodeToString(b)
}

// systemError words an error of the system as Python's OSError prints it: clients show and match these texts.
func systemError(err error, path string) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	if text != "" {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	if errno == syscall.E2BIG {
		text = "Argument list too long"
	}
	if path == "" {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			path = pathErr.Path
		}
	}
	return fmt.Sprintf("[Errno %d] %s: '%s'", int(errno), text, path)
}
