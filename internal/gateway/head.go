package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
)

const maxFields = 128

// Why a head is not forwarded. All of them are refusals of what two parsers could understand in two ways.
var (
	errHead       = errors.New("malformed head")
	errFolded     = errors.New("folded or misplaced header line")
	errTwice      = errors.New("a header that may stand once stands twice")
	errLength     = errors.New("content-length is not a plain number")
	errEncoding   = errors.New("transfer-encoding is not chunked alone")
	errBoth       = errors.New("both content-length and transfer-encoding")
	errFields     = errors.New("too many header lines")
	errVersion    = errors.New("not HTTP/1.1")
	errTargetForm = errors.New("the request's target is not a path")
)

// field is one header line.
type field struct {
	name, value []byte
	kind        fieldKind
}

// head is a parsed request or response head. Its slices are of the buffer it was parsed from.
type head struct {
	method, target []byte // of a request
	status         int    // of a response
	reason         []byte
	old            bool // a response by HTTP/1.0

	fields  []field
	single  [singleKinds][]byte // values of headers that may stand once; nil when absent
	length  int64               // -1: not told
	chunked bool
	close   bool // Connection: close
	html    bool // Accept names text/html: somebody looks at the answer
	upgrade bool // Connection: upgrade, and Upgrade: websocket
}

var (
	lineEnd = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

// headLength gives the length of the head that p begins with, 0 while it is not whole.
func headLength(p []byte) int {
	at := bytes.Index(p, headEnd)
	if at < 0 {
		return 0
	}
	return at + len(headEnd)
}

// parseRequest reads a whole head, its final empty line included.
func (h *head) parseRequest(p []byte) error {
	line, rest := h.begin(p)
	method, after, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(after, []byte(" "))
	switch {
	case !isToken(method):
		return errHead
	case string(version) != "HTTP/1.1":
		return errVersion
	case len(target) == 0 || target[0] != '/':
		return errTargetForm
	case !isVisible(target):
		return errHead
	}
	h.method, h.target = method, target
	if err := h.parseFields(rest); err != nil {
		return err
	}
	if h.length < 0 && !h.chunked {
		h.length = 0
	}
	if h.upgrade && (string(method) != "GET" || h.chunked || h.length > 0) {
		return errHead
	}
	return nil
}

// parseResponse reads a whole head, its final empty line included.
func (h *head) parseResponse(p []byte) error {
	line, rest := h.begin(p)
	version, after, _ := bytes.Cut(line, []byte(" "))
	code, reason, _ := bytes.Cut(after, []byte(" "))
	status, err := strconv.Atoi(string(code))
	switch {
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0":
		return errVersion
	case err != nil || len(code) != 3 || status < 100 || !isText(reason):
		return errHead
	}
	h.status, h.reason = status, reason
	h.old = version[7] == '0'
	h.close = h.old
	err = h.parseFields(rest)
	h.upgrade = h.upgrade && status == 101
	return err
}

// begin clears the head and cuts off the first line.
func (h *head) begin(p []byte) (line, rest []byte) {
	*h = head{fields: h.fields[:0], length: -1}
	line, rest, _ = bytes.Cut(p, lineEnd)
	return line, rest
}

func (h *head) parseFields(p []byte) error {
	var connection, upgrade bool
	for {
		end := bytes.IndexByte(p, '\r')
		if end < 0 || end+1 == len(p) || p[end+1] != '\n' {
			return errHead
		}
		if end == 0 {
			break
		}
		line := p[:end]
		p = p[end+2:]
		if err := h.parseField(line); err != nil {
			return err
		}
		last := &h.fields[len(h.fields)-1]
		switch last.kind {
		case kindConnection:
			h.close = h.close || hasWord(last.value, "close")
			if h.old && hasWord(last.value, "keep-alive") {
				h.close = false
			}
			connection = connection || hasWord(last.value, "upgrade")
		case kindUpgrade:
			upgrade = equalFold(last.value, "websocket")
		case kindAccept:
			h.html = h.html || bytes.Contains(last.value, []byte("text/html"))
		}
	}
	h.upgrade = connection && upgrade
	return h.frame()
}

// parseField reads one line, which has no line end in it.
func (h *head) parseField(line []byte) error {
	name, value, found := bytes.Cut(line, []byte(":"))
	value = trim(value)
	switch {
	case len(h.fields) == maxFields:
		return errFields
	case !found || !isToken(name): // a name that begins or ends with a blank is none
		return errFolded
	case !isText(value):
		return errHead
	}
	kind := kindOf(name)
	h.fields = append(h.fields, field{name, value, kind})
	if kind < singleKinds && kind != kindOther {
		if h.single[kind] != nil {
			return errTwice
		}
		h.single[kind] = value[:len(value):len(value)]
	}
	return nil
}

// frame finds where the body ends.
func (h *head) frame() error {
	length, encoding := h.single[kindLength], h.single[kindEncoding]
	switch {
	case length != nil && encoding != nil:
		return errBoth
	case encoding != nil:
		if !equalFold(encoding, "chunked") {
			return errEncoding
		}
		h.chunked = true
	case length != nil:
		if len(length) == 0 || len(length) > 18 || len(bytes.Trim(length, "0123456789")) > 0 {
			return errLength
		}
		h.length, _ = strconv.ParseInt(string(length), 10, 64)
	}
	return nil
}

// safe is a request that by its method changes nothing.
func (h *head) safe() bool {
	return string(h.method) == "GET" || string(h.method) == "HEAD"
}

// bodiless is a response that has no body whatever its headers say.
func (h *head) bodiless() bool {
	return h.status < 200 || h.status == 204 || h.status == 304
}

// path is the target without its query.
func (h *head) path() []byte {
	path, _, _ := bytes.Cut(h.target, []byte("?"))
	return path
}

func (h *head) query() []byte {
	_, query, _ := bytes.Cut(h.target, []byte("?"))
	return query
}

// hasWord looks for a word in a comma-separated list.
func hasWord(list []byte, word string) bool {
	for len(list) > 0 {
		var one []byte
		one, list, _ = bytes.Cut(list, []byte(","))
		if equalFold(trim(one), word) {
			return true
		}
	}
	return false
}

// equalFold compares with a word in lower case.
func equalFold(p []byte, word string) bool {
	if len(p) != len(word) {
		return false
	}
	for i, c := range p {
		if lower(c) != word[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// trim cuts blanks off both ends. What is empty stays a slice, not nil: it is there.
func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}

// isToken is RFC 9110's token.
func isToken(p []byte) bool {
	for _, c := range p {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(p) > 0
}

var tokenBytes = func() (table [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		table[c] = true
	}
	return table
}()

// isText has no control characters but tabs; a bare CR, LF or NUL would end a line for somebody. Eight bytes are
// looked at in one step, the high bit of each telling whether it is below a blank or DEL.
func isText(p []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for len(p) >= 8 {
		x := binary.LittleEndian.Uint64(p)
		low := (x - each*' ') &^ x
		del := (x ^ each*0x7f) - each
		if (low|del&^(x^each*0x7f))&high != 0 {
			break // perhaps only a tab, or a borrow from its neighbour
		}
		p = p[8:]
	}
	for _, c := range p {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isVisible is what a target may be made of.
func isVisible(p []byte) bool {
	for _, c := range p {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
