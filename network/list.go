package network

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseList reads the value of SANDBOX_ADDITIONAL_NETWORKS: a JSON array, a Python list or tuple, or names separated
// by commas or line breaks. Names are trimmed, empty ones skipped, repeats dropped with a warning.
func ParseList(text string) ([]string, []Warning, error) {
	value := strings.TrimSpace(text)
	warnings := []Warning{}
	if inner, ok := quotedList(value); ok {
		warnings = append(warnings, Warning{Quoted, "the quotes round the list are not needed: write " + inner})
		value = inner
	}
	if strings.HasPrefix(value, "{") {
		e := failure(NotList, `write a list: ["name"]`, "%s: is not a list", value)
		e.Token = value
		return nil, nil, e
	}
	if !strings.HasPrefix(value, "[") && !strings.HasPrefix(value, "(") {
		names, err := plainNames(value)
		if err != nil {
			return nil, nil, err
		}
		names, twice := unique(names)
		return names, append(warnings, twice...), nil
	}
	inner, err := brackets(value)
	if err != nil {
		return nil, nil, err
	}
	names, bare, err := listNames(value, inner)
	if err != nil {
		return nil, nil, err
	}
	if bare {
		warnings = append(warnings, Warning{Bare, "the names in " + value + " have no quotes (a shell eats them): write " + asJSON(names)})
	}
	names, twice := unique(names)
	return names, append(warnings, twice...), nil
}

// quotedList takes one pair of quotes off a whole list (or off what should have been one).
func quotedList(value string) (string, bool) {
	if len(value) < 4 || value[0] != '"' && value[0] != '\'' || value[len(value)-1] != value[0] {
		return "", false
	}
	inner := strings.TrimSpace(value[1 : len(value)-1])
	for _, pair := range []string{"[]", "()", "{}"} {
		if strings.HasPrefix(inner, pair[:1]) && strings.HasSuffix(inner, pair[1:]) {
			return inner, true
		}
	}
	return "", false
}

// brackets gives what stands inside the brackets of a list.
func brackets(value string) (string, error) {
	end := map[byte]string{'[': "]", '(': ")"}[value[0]]
	if inner, ok := strings.CutSuffix(value[1:], end); ok {
		return inner, nil
	}
	kind, reason := Unclosed, fmt.Sprintf("the list is not closed, %q is missing", end)
	if closesEarly(value, end[0]) {
		kind, reason = CannotRead, fmt.Sprintf("something follows the closing %q", end)
	}
	e := failure(kind, `write a list: ["name"]`, "%s: %s", value, reason)
	e.Token = value
	return "", e
}

func closesEarly(value string, end byte) bool {
	var quote byte
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == end:
			return true
		}
	}
	return false
}

// plainNames reads names separated by commas or line breaks. Quotes may stand round a name.
func plainNames(value string) ([]string, error) {
	var names []string
	for i, piece := range split(value, ",\n", false) {
		if piece == "" {
			continue
		}
		if piece[0] != '"' && piece[0] != '\'' {
			names = append(names, piece)
			continue
		}
		name, ok := unquote(piece)
		if !ok {
			return nil, element(CannotRead, value, i+1, piece, "is not one quoted name")
		}
		names = append(names, name)
	}
	return names, nil
}

// listNames reads the elements of a bracketed list; bare tells whether one had no quotes.
func listNames(value, inner string) (names []string, bare bool, err error) {
	for i, piece := range split(inner, ",", true) {
		if piece == "" {
			continue
		}
		if piece[0] == '"' || piece[0] == '\'' {
			name, ok := unquote(piece)
			if !ok {
				return nil, false, element(CannotRead, value, i+1, piece, "is not one quoted name; is a comma missing?")
			}
			names = append(names, name)
			continue
		}
		if literal(piece) {
			return nil, false, element(NotString, value, i+1, piece, "is not a string")
		}
		if strings.ContainsAny(piece, `"'`) {
			return nil, false, element(CannotRead, value, i+1, piece, "is not one name; is a quote missing?")
		}
		names, bare = append(names, piece), true
	}
	return names, bare, nil
}

func element(kind ErrorKind, value string, number int, token, reason string) *Error {
	e := failure(kind, `write a list: ["name"]`, "%s: element %d (%s) %s", value, number, token, reason)
	e.Element, e.Token = number, token
	return e
}

// literal tells whether an element without quotes is a value of JSON or Python that is no string.
func literal(piece string) bool {
	if strings.ContainsAny(piece[:1], "[({") {
		return true
	}
	if slices.Contains([]string{"true", "false", "null", "True", "False", "None"}, piece) {
		return true
	}
	_, err := strconv.ParseFloat(piece, 64)
	return err == nil && strings.ContainsAny(piece[:1], "-+.0123456789")
}

// split cuts value at separators that stand outside quotes and, where nested, outside brackets. Pieces are trimmed.
func split(value, separators string, nested bool) []string {
	var pieces []string
	start, depth := 0, 0
	var quote byte
	for i := 0; i < len(value); i++ {
		c := value[i]
		first := strings.TrimSpace(value[start:i]) == ""
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && (first || nested):
			quote = c
		case nested && strings.IndexByte("[({", c) >= 0 && (first || depth > 0):
			depth++
		case depth > 0 && strings.IndexByte("])}", c) >= 0:
			depth--
		case depth == 0 && strings.IndexByte(separators, c) >= 0:
			pieces = append(pieces, strings.TrimSpace(value[start:i]))
			start = i + 1
		}
	}
	return append(pieces, strings.TrimSpace(value[start:]))
}

// unquote reads one string of JSON or Python that fills the whole piece.
func unquote(piece string) (string, bool) {
	quote := piece[0]
	if len(piece) < 2 || piece[len(piece)-1] != quote {
		return "", false
	}
	body := piece[1 : len(piece)-1]
	var out strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] == quote {
			return "", false
		}
		if body[i] == '\\' {
			i++
			if i == len(body) {
				return "", false // the closing quote was escaped
			}
			if body[i] == '\'' {
				out.WriteByte('\'')
				continue
			}
			out.WriteByte('\\')
		} else if body[i] == '"' {
			out.WriteByte('\\')
		}
		out.WriteByte(body[i])
	}
	var name string
	err := json.Unmarshal([]byte(`"`+out.String()+`"`), &name)
	return strings.TrimSpace(name), err == nil
}

// unique drops empty names and repeats, with one warning for each name that came again.
func unique(names []string) ([]string, []Warning) {
	out, warned := []string{}, map[string]bool{}
	var warnings []Warning
	for _, name := range names {
		switch {
		case name == "":
		case !slices.Contains(out, name):
			out = append(out, name)
		case !warned[name]:
			warned[name] = true
			warnings = append(warnings, Warning{Twice, fmt.Sprintf("%s is given twice, one is enough", name)})
		}
	}
	return out, warnings
}

func asJSON(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
