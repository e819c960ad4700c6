package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxRequest is the most a JSON body may hold.
const maxRequest = 16 << 20

// readRequest reads what a command needs, or answers 422 in pydantic's words.
func readRequest(w http.ResponseWriter, r *http.Request) (started, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		detail(w, http.StatusBadRequest, "There was an error parsing the body")
		return started{}, false
	}
	request, problems := parseRequest(body)
	if len(problems) > 0 {
		invalid(w, problems...)
		return started{}, false
	}
	return request, true
}

func parseRequest(body []byte) (started, []problem) {
	request := started{Timeout: 300}
	if len(body) == 0 {
		return request, []problem{missing(nil, "body")}
	}
	var value any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return request, []problem{notJSON(body, err)}
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return request, []problem{{Type: "model_attributes_type", Where: []any{"body"}, Text: "Input should be a valid dictionary or object to extract fields from", Input: value}}
	}
	var problems []problem
	note := func(p *problem) {
		if p != nil {
			problems = append(problems, *p)
		}
	}
	if command, present := fields["command"]; present {
		note(readText(command, "command", &request.Command))
	} else {
		problems = append(problems, missing(fields, "body", "command"))
	}
	if cwd := fields["cwd"]; cwd != nil {
		request.Cwd = new(string)
		note(readText(cwd, "cwd", request.Cwd))
	}
	if timeout, present := fields["timeout"]; present {
		note(readInt(timeout, []any{"body", "timeout"}, &request.Timeout))
	}
	return request, problems
}

func notJSON(body []byte, err error) problem {
	at := len(body)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = max(0, int(syntax.Offset)-1)
	}
	return problem{Type: "json_invalid", Where: []any{"body", at}, Text: "JSON decode error", Input: map[string]any{}, Ctx: map[string]any{"error": "Expecting value"}}
}

func readText(value any, field string, into *string) *problem {
	s, ok := value.(string)
	if !ok {
		return &problem{Type: "string_type", Where: []any{"body", field}, Text: "Input should be a valid string", Input: value}
	}
	*into = s
	return nil
}

// readInt takes what pydantic takes for an integer: 5, 5.0, "5", true.
func readInt(value any, where []any, into *int64) *problem {
	switch v := value.(type) {
	case bool:
		if v {
			*into = 1
		} else {
			*into = 0
		}
		return nil
	case json.Number:
		f, _ := v.Float64()
		if f != math.Trunc(f) {
			return &problem{Type: "int_from_float", Where: where, Text: "Input should be a valid integer, got a number with a fractional part", Input: value}
		}
		*into = int64(max(math.MinInt64/2, min(math.MaxInt64/2, f)))
		return nil
	case string:
		n, err := strconv.ParseInt(wholeNumber(v), 10, 64)
		if err != nil {
			return &problem{Type: "int_parsing", Where: where, Text: "Input should be a valid integer, unable to parse string as an integer", Input: value}
		}
		*into = n
		return nil
	}
	return &problem{Type: "int_type", Where: where, Text: "Input should be a valid integer", Input: value}
}

// wholeNumber takes "2.0" for 2, as pydantic does.
func wholeNumber(text string) string {
	whole, fraction, _ := strings.Cut(strings.TrimSpace(text), ".")
	if strings.Trim(fraction, "0") != "" {
		return text
	}
	return whole
}

func (s *Server) searchEvents(w http.ResponseWriter, r *http.Request) {
	q, problems := parseQuery(r.URL.Query())
	if len(problems) > 0 {
		invalid(w, problems...)
		return
	}
	page, next := s.bash.events.search(q)
	body := map[string]any{"items": append([]event{}, page...), "next_page_id": nil}
	if next >= 0 {
		body["next_page_id"] = strconv.FormatInt(next, 10)
	}
	answer(w, http.StatusOK, body)
}

func (s *Server) getEvent(w http.ResponseWriter, r *http.Request) {
	e, ok := s.bash.events.get(segment(r, "/api/bash/bash_events/{id}"))
	if !ok {
		detail(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, e)
}

func (s *Server) clearEvents(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]int{"cleared_count": s.bash.events.clear()})
}

// parseQuery reads a search's parameters; each of them may be wrong, and all that are wrong are told.
func parseQuery(v url.Values) (query, []problem) {
	q := query{from: -1, limit: 100}
	var problems []problem
	note := func(p *problem) {
		if p != nil {
			problems = append(problems, *p)
		}
	}
	if v.Has("kind__eq") {
		q.kind = v.Get("kind__eq")
		note(oneOf(q.kind, "literal_error", "kind__eq", "BashCommand", "BashOutput"))
	}
	if v.Has("command_id__eq") {
		q.commandID = hexID(v.Get("command_id__eq"))
		note(checkUUID(v.Get("command_id__eq"), "query", "command_id__eq"))
	}
	note(readTime(v, "timestamp__gte", &q.since))
	note(readTime(v, "timestamp__lt", &q.before))
	if v.Has("order__gt") {
		var n int64
		note(readInt(v.Get("order__gt"), []any{"query", "order__gt"}, &n))
		order := int(n)
		q.afterOrder = &order
	}
	if v.Has("sort_order") {
		note(oneOf(v.Get("sort_order"), "enum", "sort_order", "TIMESTAMP", "TIMESTAMP_DESC"))
		q.descending = v.Get("sort_order") == "TIMESTAMP_DESC"
	}
	if n, err := strconv.ParseInt(v.Get("page_id"), 10, 64); err == nil && n >= 0 {
		q.from = n // an unknown page is the first one
	}
	if v.Has("limit") {
		note(readLimit(v.Get("limit"), &q.limit))
	}
	return q, problems
}

func readLimit(given string, into *int) *problem {
	var n int64
	where := []any{"query", "limit"}
	if p := readInt(given, where, &n); p != nil {
		return p
	}
	if n <= 0 {
		return &problem{Type: "greater_than", Where: where, Text: "Input should be greater than 0", Input: given, Ctx: map[string]any{"gt": 0}}
	}
	if n > 100 {
		return &problem{Type: "less_than_equal", Where: where, Text: "Input should be less than or equal to 100", Input: given, Ctx: map[string]any{"le": 100}}
	}
	*into = int(n)
	return nil
}

func oneOf(given, kind, name, a, b string) *problem {
	if given == a || given == b {
		return nil
	}
	expected := "'" + a + "' or '" + b + "'"
	return &problem{Type: kind, Where: []any{"query", name}, Text: "Input should be " + expected, Input: given, Ctx: map[string]any{"expected": expected}}
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$`)

func checkUUID(given, place, name string) *problem {
	if uuid.MatchString(given) {
		return nil
	}
	reason := uuidProblem(given)
	return &problem{Type: "uuid_parsing", Where: []any{place, name}, Text: "Input should be a valid UUID, " + reason, Input: given, Ctx: map[string]any{"error": reason}}
}

// uuidProblem words it as pydantic's parser does: the first character that is no hex digit, else the length.
func uuidProblem(given string) string {
	for i, c := range given {
		if !strings.ContainsRune("0123456789abcdefABCDEF-", c) {
			return fmt.Sprintf("invalid character: found `%c` at %d", c, i)
		}
	}
	return fmt.Sprintf("invalid length: expected length 32 for simple format, found %d", len(given))
}

func hexID(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// timeForms are ISO 8601 as clients write it; without a zone it is UTC.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02"}

func readTime(v url.Values, name string, into *time.Time) *problem {
	if !v.Has(name) {
		return nil
	}
	given := v.Get(name)
	for _, form := range timeForms {
		if t, err := time.Parse(form, given); err == nil {
			*into = t
			return nil
		}
	}
	if seconds, err := strconv.ParseFloat(given, 64); err == nil {
		*into = time.UnixMicro(int64(seconds * 1e6))
		return nil
	}
	return &problem{Type: "datetime_from_date_parsing", Where: []any{"query", name}, Text: "Input should be a valid datetime or date, invalid character in year", Input: given, Ctx: map[string]any{"error": "invalid character in year"}}
}
